"""A known wrong answer is run once for a case and a seed; a class's copy has no answers, and explains a mistake too."""

import shutil
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storyteller.errors import StorytellerError
from storyteller_course.exercises.exercise import Exercise, Mismatch, equal
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import MISTAKES, Lesson, load_lesson
from storyteller_course.grading.grade import grade, run_case
from storyteller_course.grading.known_mistakes import Mistake, known_mistakes
from storyteller_course.grading.result import words
from storyteller_course.notebook.shell import CheckFailed
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.student_errors import StudentError
from storyteller_grading.release.bundle import record_mistakes

Answers = Callable[..., dict[str, Any]]


def test_a_known_wrong_answer_runs_once_for_a_case_and_a_public_seed(toys: Lesson, answers: Answers) -> None:
    calls: list[Any] = []
    exercise = Exercise("double", points=1)

    @exercise.case("of a drawn number", points=1)
    def drawn(student: Any, draw: Any) -> None:
        number = draw.randint(3, 10**9)
        calls.append(number)
        equal(student.double(number), 2 * number)

    known = known_mistakes(toys, "double")
    student = InProcessStudent(answers("def double(x): return 7"))
    every = 1 + len(known)
    for seed, expected in (("public", every), ("public", 1), ("one hand-in's", every), ("one hand-in's", every)):
        calls.clear()
        grade(exercise, student, mistakes=known, seeds=(seed,))
        assert len(calls) == expected
    assert "one hand-in's" not in {seed for mistake in known for _, seed in mistake.runs}


def test_a_known_wrong_answer_that_was_cut_off_gets_another_chance(toys: Lesson, answers: Answers) -> None:
    exercise = Exercise("double", points=1)
    hurry = True

    @exercise.case("slowly", points=1)
    def slowly(student: Any, draw: Any) -> None:
        equal(student.double(lambda: time.sleep(0.3 if hurry else 0)), None)

    wrong = Wrong("double", "slow", "It waits.", code="def double(x):\n    x()\n    return 4")
    run = run_case(exercise, exercise.cases[0], InProcessStudent(answers("def double(x): return 4")), "public")
    mistake = Mistake(wrong, toys)
    assert isinstance(failure := mistake.run(run, limit=0.1).failure, StudentError)
    assert failure.kind == "timeout"
    hurry = False
    assert isinstance(mistake.run(run, limit=5).failure, Mismatch)


def test_wrong_answers_have_what_a_card_needs(toys: Lesson) -> None:
    for name in toys.exercises:
        for wrong in toys.mistakes(name):
            assert wrong.explanation.endswith((".", "?"))


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


def test_what_a_case_said_of_a_wrong_answer_is_recorded_without_its_numbers(toys: Lesson, handed_out: Path) -> None:
    recorded = {one.wrong.name: one for one in load_lesson(handed_out).recorded_mistakes("double")}
    for wrong in toys.mistakes("double"):
        result = grade(toys.exercises["double"], InProcessStudent(toys.namespace(wrong)))
        said = [words(case.message) if case.message else None for case in result.cases if not case.charged]
        found = [recorded[wrong.name].cases[case.id, "public"].finding for case in result.cases if not case.charged]
        assert found == said


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
