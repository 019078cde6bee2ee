"""Known answers: changes of the reference, and code of their own."""

import pytest

from storyteller.errors import StorytellerError
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson


def test_a_change_must_apply_exactly_once(toys: Lesson) -> None:
    for old in ("no such text", "x"):
        with pytest.raises(StorytellerError, match=r"must stand there once; mend answers/double\.py"):
            toys.namespace(Wrong("double", "n", "e", change=(old, "y")))


def test_several_changes_apply_one_after_the_other(toys: Lesson) -> None:
    both = Wrong("double", "n", "e", change=[("2 * x", "3 * x"), ("3 * x", "5 * x")])
    assert toys.namespace(both)["double"](1) == 5


def test_an_answer_must_define_its_exercise(toys: Lesson) -> None:
    with pytest.raises(StorytellerError, match="does not define double"):
        toys.namespace(Wrong("double", "n", "e", code="def dubble(x): return x"))
