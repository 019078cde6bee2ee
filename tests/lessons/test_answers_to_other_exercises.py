"""An answer to another exercise with the same kinds of arguments is told nothing here that is not true of it.

It may have a mistake of the same name, and any whose text is true of it too: these pairs stand in `NAMED`, each read.
"""

import functools
import inspect
from itertools import groupby, permutations

import pytest
from kept_mistakes import Kept, kept_mistakes

from repository import ROOT
from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent

LESSONS = {  # by exercise
    name: load_lesson(path)
    for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*"))
    for name in load_lesson(path).exercises
}


def kinds(exercise: str) -> str:
    """The kinds of the arguments that the exercise's function takes; empty for a class."""
    answer = getattr(LESSONS[exercise].reference, exercise)
    if inspect.isclass(answer):
        return ""
    parameters = inspect.signature(answer).parameters.values()
    return ", ".join(f"{one.name if one.kind is one.KEYWORD_ONLY else ''}: {one.annotation}" for one in parameters)


FAMILIES = [list(names) for key, names in groupby(sorted(LESSONS, key=kinds), key=kinds) if key]
PAIRS = [pair for names in FAMILIES for pair in permutations(names, 2)]

# exercise -> "the other exercise: its wrong answer, or right: the name that it gets here"
NAMED: dict[str, set[str]] = {
    "dispatch_naive": {"dispatch_sorted: dropped_to_last: last_for_dropped"},
    "dispatch_sorted": {"dispatch_naive: right: token_by_token"},
    "wordpiece_scores": {  # nothing is divided, whatever else is wrong
        "count_pairs: right: no_quotient",
        "count_pairs: overwrites: no_quotient",
        "count_pairs: once_a_word: no_quotient",
        "count_pairs: empties_words: no_quotient",
    },
    "train_bpe_fast": {"train_bpe: right: plain_again"},
}


@functools.cache
def mistakes_of(exercise: str) -> list[Kept]:
    """The known wrong answers of an exercise, the same for all answers that are compared with them."""
    return kept_mistakes(LESSONS[exercise], exercise)


def test_there_are_such_exercises():
    assert ("keep_min_p", "keep_top_p") in PAIRS
    assert ("train_bpe_fast", "train_bpe") in PAIRS
    assert ("dispatch_sorted", "dispatch_naive") in PAIRS


@pytest.mark.slow
@pytest.mark.parametrize(("exercise", "other"), PAIRS)
def test_no_answer_to_another_exercise_gets_a_name_that_is_not_true_of_it(exercise, other):
    lesson, mistakes, named = LESSONS[exercise], mistakes_of(exercise), set()
    answers = {wrong.name: LESSONS[other].namespace(wrong) for wrong in LESSONS[other].mistakes(other)}
    for name, namespace in {"right": vars(LESSONS[other].reference), **answers}.items():
        student = InProcessStudent({**vars(lesson.reference), exercise: namespace[other]})
        result = grade(lesson.exercises[exercise], student, seeds=("another exercise",), mistakes=mistakes)
        if result.mistake and result.mistake != name:
            named.add(f"{other}: {name}: {result.mistake}")
    assert named <= NAMED.get(exercise, set())
