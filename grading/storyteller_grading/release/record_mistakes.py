"""Runs each known wrong answer of a lesson on the public inputs, for the class, which gets no answers."""

from storyteller.errors import StorytellerError
from storyteller_course.exercises.inputs import PUBLIC
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.grade import SLOW_LIMIT_DIVISOR, run_case
from storyteller_course.grading.known_mistakes import Mistake
from storyteller_course.grading.recorded_mistakes import Behaviour, RecordedMistake, pack


def record_mistakes(lesson: Lesson) -> bytes:
    """The content of the lesson's `mistakes.zip`, see `storyteller_course.grading.recorded_mistakes`.

    Raises:
        StorytellerError: the lesson has no reference, which the wrong answers patch.
    """
    if lesson.reference is None:
        raise StorytellerError(f"{lesson.folder} has no reference.py: known mistakes can be recorded only beside it.")
    return pack({name: [_recorded(lesson, wrong) for wrong in lesson.mistakes(name)] for name in lesson.exercises})


def _recorded(lesson: Lesson, wrong: Wrong) -> RecordedMistake:
    """One wrong answer, in every case, with the patience that a student's code gets.

    What is not steady is known by name only: a record of it would fit nobody.
    """
    exercise, transport = lesson.exercises[wrong.exercise], Mistake(wrong, lesson).transport
    limit, cases = exercise.limit, {}
    for case in exercise.cases if wrong.steady else ():
        run = run_case(exercise, case, transport, PUBLIC, limit=limit, forbidden=())
        cases[case.id] = Behaviour(outcomes=run.outcomes, fails=run.failure is not None)
        if run.is_endless:
            limit = max(1.0, exercise.limit / SLOW_LIMIT_DIVISOR)
    return RecordedMistake(wrong, cases)
