"""Which lesson an exercise belongs to, seen from where a notebook runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_calls import run

from storyteller.errors import StorytellerError

Answers = Callable[..., dict[str, Any]]


def test_an_unknown_exercise_is_named_with_its_neighbour(work: Path) -> None:
    with pytest.raises(StorytellerError, match="did you mean 'double'"):
        run({}, 'check("dubble")')
    with pytest.raises(StorytellerError, match="there are double, counts"):
        run({}, 'hint("xyz")')
    with pytest.raises(StorytellerError, match="means nothing here"):
        run({}, 'check("double", show="answer")')


def test_a_notebook_outside_of_a_lesson_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for call in ('check("double")', "progress()"):
        with pytest.raises(StorytellerError, match=r"beside its checks"):
            run({}, call)


def test_a_solution_finds_its_lesson_and_is_not_the_students_progress(
    work: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "solutions").mkdir()
    monkeypatch.chdir(work / "solutions")
    run(answers("double"), 'check("double")')
    assert "2 of 2" in capsys.readouterr().out
    assert not (work / ".storyteller").exists()
    monkeypatch.setenv("STORYTELLER_LESSON", str(work / "01_toys"))
    run(answers("double"), 'check("double")')
    assert (work / ".storyteller").exists()
