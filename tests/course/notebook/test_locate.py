"""Which lesson an exercise belongs to, seen from where a notebook runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_calls import run

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.notebook import locate, workspace

Answers = Callable[..., dict[str, Any]]


def test_an_unknown_exercise_is_named_with_its_neighbour(work: Path) -> None:
    with pytest.raises(StorytellerError, match="did you mean 'double'"):
        run({}, 'check("dubble")')
    for call in ('hint("xyz")', 'check("nonsense")'):
        with pytest.raises(StorytellerError, match=r"This lesson has double, counts") as refused:
            run({}, call)
        assert all(name not in str(refused.value) for name in load_lesson(work / "02_more_toys").exercises)
    with pytest.raises(StorytellerError, match="means nothing here"):
        run({}, 'check("double", show="answer")')


def test_an_unknown_exercise_beside_the_lessons_is_told_which_lessons_there_are(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "notes").mkdir()
    monkeypatch.chdir(work / "notes")
    with pytest.raises(StorytellerError, match=r"'nonsense'\. The lessons here are 01_toys, 02_more_toys\.$"):
        run({}, 'check("nonsense")')


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


@pytest.fixture
def begins(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Begin a lesson as a notebook's first cell does; what that sets is put back."""
    monkeypatch.setattr(locate, "_begun", [])
    for name in ("STORYTELLER_LESSON", "STORYTELLER_STATE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return locate.begin


def test_a_notebook_in_an_empty_folder_takes_its_lesson_from_the_course_that_is_installed(
    work: Path, tmp_path: Path, answers: Answers, begins: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "course_lessons", lambda: [work / "01_toys", work / "02_more_toys"])
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    begins("01_toys")
    run(answers("double"), 'check("double")')
    assert [path.name for path in Path.cwd().iterdir()] == [".storyteller"]
    assert not (work / ".storyteller").exists()


def test_a_solution_that_was_renamed_finds_its_lesson_by_its_first_cell(
    work: Path, answers: Answers, begins: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "solutions").mkdir()
    monkeypatch.chdir(work / "solutions")
    monkeypatch.setenv("JPY_SESSION_NAME", "solutions/a copy of mine.ipynb")
    begins("01_toys")
    assert locate.current_lesson() is not None
    run(answers("double"), 'check("double")')
    assert not (work / ".storyteller").exists()  # it is not the student's progress


def test_where_the_lessons_files_are_nowhere_a_line_says_so_and_nothing_stops(
    tmp_path: Path,
    begins: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    begins("01_rhymes")
    assert "are not in" in capsys.readouterr().out
