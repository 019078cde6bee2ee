"""The checks that a class gets say of every answer what ours say, and hold no answer themselves."""

import inspect
import sys
import types

import pytest

from repository import ROOT
from storyteller_course.exercises.exercise import PUBLIC
from storyteller_course.exercises.lesson import CHECKS, Lesson, load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.release.recording import class_checks

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*"))


@pytest.fixture(scope="module", params=LESSONS)
def pair(request, tmp_path_factory) -> tuple[Lesson, Lesson]:
    """A lesson, and a class's copy of it."""
    lesson = load_lesson(ROOT / "lessons" / request.param)
    home = tmp_path_factory.mktemp("class") / lesson.name
    for name, content in class_checks(lesson).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    return lesson, load_lesson(home)


def functions_of(copy: Lesson) -> dict[str, object]:
    """The functions and classes of the class's files that a student might paste, by file and name."""
    found = {}
    for path in sorted((copy.folder / CHECKS).glob("*.py")):
        name = f"_storyteller_lesson_{copy.digest[:12]}_checks.{path.stem}"
        for key, value in vars(sys.modules[name]).items() if name in sys.modules else ():
            if isinstance(value, types.FunctionType | type) and value.__module__ == name:
                found[f"{path.stem}.{key}"] = value
    return found


def fits(pasted: object, answer: object) -> bool:
    """Can both be called with the same number of arguments, and are both functions, or both classes?"""
    if isinstance(pasted, type) != isinstance(answer, type):
        return False
    wanted = [one for one in inspect.signature(answer).parameters.values()
              if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]  # fmt: skip
    try:
        inspect.signature(pasted).bind(*wanted)
    except TypeError:
        return False
    return True


@pytest.mark.slow
def test_a_class_s_copy_says_of_wrong_answers_what_ours_says(pair):
    lesson, copy = pair
    for name, exercise in lesson.exercises.items():
        wrong = [one for one in lesson.mistakes(name) if one.steady]
        for answer in wrong[len(wrong) // 2 :][:1]:  # one of each exercise, another place than the first
            student = InProcessStudent(lesson.namespace(answer))
            ours, theirs = (grade(one, student) for one in (exercise, copy.exercises[name]))
            assert [(case.id, case.earned, case.message, case.where) for case in ours.cases] == [
                (case.id, case.earned, case.message, case.where) for case in theirs.cases
            ], f"{name}: {answer.name}"


@pytest.mark.slow
def test_nothing_in_a_class_s_copy_is_an_answer(pair):
    lesson, copy = pair
    found = functions_of(copy)
    assert found
    for name, exercise in lesson.exercises.items():
        answer = getattr(lesson.reference, name)
        for place, pasted in found.items():
            if exercise.questions or not fits(pasted, answer):
                continue
            student = InProcessStudent({**vars(lesson.reference), name: pasted})
            result = grade(exercise, student, seeds=(PUBLIC, "a judge's"))
            assert result.earned == 0, f"{place} earns {result.earned} of {result.points} points of {name}"


def test_what_an_oracle_of_ours_gives_away_is_seen():
    lesson = load_lesson(ROOT / "lessons" / "03_building_moe")
    oracle = sys.modules[f"_storyteller_lesson_{lesson.digest[:12]}_checks.oracles"].softmax_cut
    assert fits(oracle, lesson.reference.route_top_k)
    student = InProcessStudent({**vars(lesson.reference), "route_top_k": oracle})
    assert grade(lesson.exercises["route_top_k"], student).earned == lesson.exercises["route_top_k"].points
