"""What a case expects of a student's answer. Each of these returns nothing when all is well and raises `Mismatch`.

equal(student.count_pairs(words), slow_count(words), "the counts")
close(student.attend(q, k, v), scaled_dot_product_attention(q, k, v), "the output")
raises(ValueError, student.encode, "<|endoftext|>")
true(len(ids) < len(text), "A trained tokenizer makes fewer tokens than there are letters.")
"""

from collections.abc import Callable
from typing import Any

from storyteller_course.exercises.equality import Rules, difference, kind_of
from storyteller_course.runner.student_errors import StudentError

EXACTLY = Rules()


class Mismatch(Exception):
    """A student's answer is not what a case expects.

    Attributes:
        message: one or two sentences.
        got, wanted: the two values, where there are two; `compared` says so.
        where: the first place where they differ, such as `[2]["name"]`.
        pair: the two tensors, texts or rows there, for a picture; None where no picture helps.
        rules: how they were compared.
    """

    def __init__(
        self,
        message: str,
        *,
        got: Any = None,
        wanted: Any = None,
        where: str = "",
        compared: bool = False,
        pair: tuple[Any, Any] | None = None,
        rules: Rules = EXACTLY,
    ) -> None:
        super().__init__(message)
        self.message, self.got, self.wanted, self.where = message, got, wanted, where
        self.compared, self.pair, self.rules = compared, pair, rules


def equal(got: Any, wanted: Any, what: str = "the result", *, dtype: bool = False, ordered: bool = False) -> None:
    """`got` must be `wanted`: the same numbers, texts and structure.

    A list and a tuple are alike, a Counter and a dict, a numpy number and Python's, a tensor of one number and that
    number. An int where a float should be is right, a float where an int should be is not.

    Args:
        got: the student's.
        wanted: from an independent source.
        what: the name of the thing, as the start of "the counts: ...".
        dtype: tensors must also have the very same dtype.
        ordered: dictionaries must also have their keys in the same order.
    """
    _compare(got, wanted, what, Rules(dtype=dtype, ordered=ordered))


def close(
    got: Any,
    wanted: Any,
    what: str = "the result",
    *,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: bool = False,
) -> None:
    """As `equal`, but floats may differ a little: by tolerances that suit the coarser of the two types."""
    _compare(got, wanted, what, Rules(exact=False, rtol=rtol, atol=atol, dtype=dtype))


def _compare(got: Any, wanted: Any, what: str, rules: Rules) -> None:
    first = difference(got, wanted, rules)
    if first is None:
        return
    if got is None:
        text = f"{what}: your function gave back None; did you forget the return?"
    else:
        text = f"{what}: " + (f"at {first.where} " if first.where else "") + first.text + "."
    message = text[:1].upper() + text[1:]
    raise Mismatch(message, got=got, wanted=wanted, where=first.where, compared=True, pair=first.pair, rules=rules)


def true(condition: Any, message: str, *, got: Any = None) -> None:
    """The condition must hold; otherwise the message says what is wrong, and `got` is shown where it is given."""
    if not condition:
        raise Mismatch(message, got=got)


def raises(kind: type[BaseException], call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """The student's `call(*args, **kwargs)` must raise `kind` or a subclass of it."""
    try:
        value = call(*args, **kwargs)
    except StudentError as error:
        if error.kind != "raised":
            raise
        if kind.__name__ in error.names:
            return
        raise Mismatch(f"Your code raised {error.names[0]}, it should raise {kind.__name__} here.") from error
    raise Mismatch(f"Your code gave back {kind_of(value)}, it should raise {kind.__name__} here.", got=value)


def unchanged(student: Any) -> None:
    """The arguments of the student's last call must be what they were before it."""
    if student.mutated:
        raise Mismatch(changed(student.mutated))


def changed(names: tuple[str, ...]) -> str:
    """What to say of arguments that were changed in place."""
    listed = " and ".join(f"`{name}`" for name in names)
    what = f"its argument {listed}" if len(names) == 1 else f"its arguments {listed}"
    return (
        f"Your function changed {what}; whoever calls it may still need what was there. "
        "Work on a copy, or build a new value."
    )
