"""What cases may expect, and what they say when it does not hold."""

import pytest

from storyteller_course.exercises.assertions import Mismatch, raises, true
from storyteller_course.runner.student_errors import StudentError


def test_raises_takes_the_class_and_its_subclasses() -> None:
    def fail(kind: str, *names: str) -> None:
        raise StudentError(kind, "no", names=names)

    raises(LookupError, fail, "raised", "KeyError", "LookupError", "Exception")
    with pytest.raises(Mismatch, match=r"raised TypeError, it should raise LookupError"):
        raises(LookupError, fail, "raised", "TypeError", "Exception")
    with pytest.raises(Mismatch, match=r"gave back None, it should raise LookupError"):
        raises(LookupError, lambda: None)
    with pytest.raises(StudentError):  # a missing answer is no exception that was asked for
        raises(Exception, fail, "missing")


def test_true_gives_its_message() -> None:
    true(1 < 2, "never said")
    with pytest.raises(Mismatch, match="too long"):
        true([], "too long")
