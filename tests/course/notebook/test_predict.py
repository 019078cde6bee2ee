"""Predictions: what is said, what came, and how many came true."""

import pytest

from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.notebook.check import progress
from storyteller_course.notebook.predict import predict, reveal
from storyteller_course.notebook.progress_store import ProgressStore

CHOICES = ["t h", "h e", "space t"]


@pytest.fixture
def lesson(work, monkeypatch):
    monkeypatch.chdir(work / "01_toys")
    return load_lesson(work / "01_toys")


def said(capsys, mine, came, name="first"):
    predict(name, CHOICES, mine=mine)
    asked = capsys.readouterr().out
    reveal(name, came)
    return asked, capsys.readouterr().out


def test_what_was_said_and_what_came_are_told(lesson, capsys):
    asked, told = said(capsys, "b", "space t")
    assert "a: t h · b: h e · c: space t" in asked
    assert "You say b: h e." in asked
    assert told == "You said b: h e. It is c: space t.\n"
    assert said(capsys, " C ", "space t")[1] == "You said c: space t, and so it is.\n"


def test_nothing_waits_for_a_prediction(lesson, capsys):
    asked, told = said(capsys, None, "t h")
    assert "Put a letter in the place of None" in asked
    assert told == "It is a: t h. You have made no prediction.\n"
    assert "'x' is none of the letters a, b, c." in said(capsys, "x", "t h")[0]
    assert said(capsys, "", "t h")[1] == told
    reveal("never asked", 3)
    assert capsys.readouterr().out == "It is 3. You have made no prediction.\n"
    assert ProgressStore.find(lesson.folder).predictions(lesson.name) == {}


def test_an_outcome_that_nobody_thought_of_is_told_too(lesson, capsys):
    assert said(capsys, "a", "e r")[1] == "You said a: t h. It is e r.\n"
    predict("numbers", [7, 11, 14], mine="b")
    capsys.readouterr()
    reveal("numbers", 11)
    assert capsys.readouterr().out == "You said b: 11, and so it is.\n"


def test_the_first_prediction_counts_and_progress_shows_how_many_came_true(lesson, capsys):
    progress()
    assert "came true" not in capsys.readouterr().out
    said(capsys, "a", "h e")
    said(capsys, "b", "h e")  # after the fact
    said(capsys, "b", "h e", name="second")
    assert ProgressStore.find(lesson.folder).predictions(lesson.name) == {"first": False, "second": True}
    progress()
    assert "1 of your 2 predictions came true." in capsys.readouterr().out
    ProgressStore.find(lesson.folder).record(lesson, "double", earned=1, solved=False)
    assert ProgressStore.find(lesson.folder).predictions(lesson.name) == {"first": False, "second": True}


def test_a_notebook_that_lies_nowhere_predicts_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "a", "t h")[1] == "You said a: t h, and so it is.\n"
