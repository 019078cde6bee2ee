"""A class's copy of a lesson has no answers, and yet a known mistake is explained there as in the repository."""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import MISTAKES, Lesson, load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.notebook.check import CheckFailed
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.release.record_mistakes import record_mistakes

Answers = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def records(toys: Lesson) -> bytes:
    return record_mistakes(toys)


@pytest.fixture
def handed_out(toys: Lesson, records: bytes, tmp_path: Path) -> Path:
    """The folder of the class's copy."""
    folder = tmp_path / "class" / toys.name
    folder.mkdir(parents=True)
    shutil.copytree(toys.folder / "checks", folder / "checks")
    (folder / MISTAKES).write_bytes(records)
    return folder


def test_every_known_wrong_answer_is_explained_as_in_the_repository(toys: Lesson, handed_out: Path) -> None:
    copy = load_lesson(handed_out)
    assert copy.reference is None
    seen = set()
    for name, exercise in copy.exercises.items():
        assert [one.wrong.name for one in known_mistakes(copy, name)] == [one.name for one in toys.mistakes(name)]
        for wrong in toys.mistakes(name):
            results = [
                grade(exercise, InProcessStudent(toys.namespace(wrong)), mistakes=known_mistakes(lesson, name))
                for lesson in (copy, toys)
            ]
            texts = [[case.explanation for case in result.cases] for result in results]
            assert texts[0] == texts[1]
            assert results[0].mistake == results[1].mistake
            seen.add(results[0].mistake)
    assert len(seen) > 5


def test_the_notebook_of_a_class_explains_a_mistake(
    handed_out: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(handed_out)
    namespace = answers("def double(x): return x + 2")
    exec("from storyteller_course import check", namespace)
    with pytest.raises(CheckFailed):
        exec('check("double")', namespace)
    assert "You add two" in capsys.readouterr().out


def test_nothing_is_recorded_of_other_inputs(toys: Lesson, handed_out: Path) -> None:
    copy, wrong = load_lesson(handed_out), toys.mistakes("double")[0]
    student = InProcessStudent(toys.namespace(wrong))
    result = grade(copy.exercises["double"], student, seeds=["hidden"], mistakes=known_mistakes(copy, "double"))
    assert not result.solved
    assert result.mistake == ""


def test_the_records_are_the_same_bytes_again_and_hold_no_code(toys: Lesson, records: bytes, handed_out: Path) -> None:
    assert record_mistakes(toys) == records
    for name in toys.exercises:
        for mistake in load_lesson(handed_out).recorded_mistakes(name):
            assert not mistake.wrong.code
            assert not mistake.wrong.change
            said = [outcome for known in mistake.cases.values() for outcome in known.outcomes]
            assert not any(outcome.printed or (outcome.error and outcome.error.code) for outcome in said)


def test_what_differs_from_process_to_process_is_not_recorded(toys: Lesson, tmp_path: Path) -> None:
    unsteady = replace(toys.mistakes("double")[0], steady=False)
    answers = [unsteady if one == toys.mistakes("double")[0] else one for one in toys.answers]
    (tmp_path / MISTAKES).write_bytes(record_mistakes(replace(toys, answers=answers)))
    first, second, *_ = replace(toys, folder=tmp_path).recorded_mistakes("double")
    assert (first.wrong.name, dict(first.cases)) == (unsteady.name, {})
    assert second.cases


def test_other_records_are_another_lesson(handed_out: Path, records: bytes) -> None:
    before = load_lesson(handed_out).digest
    (handed_out / MISTAKES).unlink()
    assert load_lesson(handed_out).digest != before
    assert load_lesson(handed_out).mistakes("double") == []


@pytest.mark.parametrize("damage", ["cut", "no zip", "not on the wire"])
def test_damaged_records_are_named(handed_out: Path, records: bytes, damage: str) -> None:
    path = handed_out / MISTAKES
    if damage == "cut":
        path.write_bytes(records[: len(records) // 2])
    elif damage == "no zip":
        path.write_bytes(b"hello")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("double", b"\x02\x00\x00\x00{}")
    with pytest.raises(StorytellerError, match=r"is damaged .* once more out of the lesson"):
        load_lesson(handed_out).mistakes("double")
