"""An exercise: what a student's function must do, case by case, as data and small functions.

    count_pairs = Exercise("count_pairs", points=8, stars=1, hints=("Look at ...", "Loop over ...", "Write ..."))

    @count_pairs.case("counts a pair as often as its word was seen", points=4)
    def word_counts(student, draw):
        words = {(1, 2, 3): draw.randint(2, 9)}
        equal(student.count_pairs(words), slow_count(words), "the counts")

A case gets a `student`, whose functions it calls by name, and a `draw`, from which it takes its input. It compares with
something independent that is obviously right. Each assertion returns nothing when all is well and raises `Mismatch`:

    equal(student.count_pairs(words), slow_count(words), "the counts")
    close(student.attend(q, k, v), scaled_dot_product_attention(q, k, v), "the output")
    raises(ValueError, student.encode, "<|endoftext|>")
    true(len(ids) < len(text), "A trained tokenizer makes fewer tokens than there are letters.")
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyteller.errors import StorytellerError
from storyteller_course.exercises.equality import Rules, difference, is_tensor, kind_of
from storyteller_course.exercises.scaffold import SCAFFOLDS, Scaffold, steps_hint
from storyteller_course.runner.student_errors import StudentError

if TYPE_CHECKING:
    from torch import Tensor

    from storyteller_course.exercises.recall import Question

CaseFunction = Callable[[Any, Any], None]  # (student, draw) -> None, raising when the student's code is wrong

# What `student.NAME` means something else by; no exercise may have these names.
RESERVED = frozenset({"new", "make", "gradients", "take", "fresh", "mutated"})


@dataclass(frozen=True, kw_only=True)
class Case:
    """One behaviour of an exercise."""

    id: str  # the name of the function
    title: str  # the behaviour in words, as the end of "your function ..."
    points: int  # 0: a guard; failing it loses the whole exercise
    run: CaseFunction


@dataclass(kw_only=True)
class Exercise:
    """A function or class that a student writes; the first argument is its name."""

    name: str = field(kw_only=False)
    points: int
    stars: int = 1  # difficulty, 1 to 3
    builds_on: tuple[str, ...] = ()  # exercises of the same lesson that it calls
    scaffold: Scaffold = "steps"  # how much its cell tells
    hints: tuple[str, ...] = ()  # three, each gives more away
    steps: tuple[str, ...] = ()  # of the answer, where no cell tells them; the lesson puts them here
    forbidden: tuple[str, ...] = ()  # what would be the answer itself: dotted names, and exercises for their stand-ins
    stand_in: str = ""  # dotted name of the library's function with this signature; without one the reference's answer
    in_library: str = (
        ""  # dotted name of the library's code for this, for the student to look up; the stand-in if empty
    )
    bug_hunt: bool = False  # the student is given code that runs and is wrong
    bonus: bool = False  # extra credit
    limit: float = 5.0  # seconds a case may take
    may_change: tuple[str, ...] = ()  # arguments that the function is meant to change in place, by name
    cases: list[Case] = field(default_factory=list)
    questions: "tuple[Question, ...]" = ()  # of a recall, what is asked
    about: str = ""  # of a recall, the lesson that it asks about
    wanted: Path | None = None  # in a class release: the file with what its cases compare with, see `recorded.py`

    def case(self, title: str, *, points: int) -> Callable[[CaseFunction], CaseFunction]:
        """Add the decorated function as a case; 0 points make it a guard."""

        def add(run: CaseFunction) -> CaseFunction:
            self.cases.append(Case(id=run.__name__, title=title, points=points, run=run))
            return run

        return add

    @property
    def all_hints(self) -> tuple[str, ...]:
        """What `hint` shows, one after the other: the steps come first where the cell does not tell them."""
        return (steps_hint(self.steps), *self.hints) if self.steps else self.hints

    def verify(self) -> None:
        """Do the parts of this description agree?

        Raises:
            StorytellerError: they do not; the message names the exercise and what to mend.
        """
        total = sum(case.points for case in self.cases)
        ids = [case.id for case in self.cases]
        faults = [
            (not self.name.isidentifier() or self.name in RESERVED, f"{self.name!r} cannot be an exercise's name"),
            (not self.cases, "it has no case"),
            (total != self.points, f"its cases sum to {total} points, not to {self.points}"),
            (len(set(ids)) != len(ids), "two of its cases have the same function name"),
            (not 1 <= self.stars <= 3, f"stars are 1 to 3, not {self.stars}"),
            (self.name in self.builds_on, "it builds on itself"),
            (self.scaffold not in SCAFFOLDS, f"its scaffold is one of {', '.join(SCAFFOLDS)}, not {self.scaffold!r}"),
            (self.bug_hunt and self.scaffold != "steps", "a bug hunt starts from given code and has no scaffold"),
        ]
        for wrong, text in faults:
            if wrong:
                raise StorytellerError(f"Exercise {self.name}: {text}; mend checks/{self.name}.py.")


# --- Inputs -----------------------------------------------------------------------------------------------------------

PUBLIC = "public"  # the seed of the notebook's checks

WORDS = """the a and one day little fox owl bear Mia Tom Lena ran to saw found lost kept gave red old small brave key
boat lantern bridge garden river forest moon star song friend home again under over with because before"""
RARE = ("naïve", "café", "Zoë", "🦊", "👩‍🚀", "don't", "1,234", "東京", "well-known", "snow…", "“Yes”")
PAUSES = ("", "", "", "", "", ",", ".", ".", "!", "?")


class Draw(random.Random):
    """A random generator of Python's with a few more kinds of things to draw, from which a case takes its inputs.

    They depend on the given parts, which are a seed, the exercise and the case, and on nothing else. The notebook uses
    the public seed, the judge a secret of the course, so that memorised answers earn nothing.

    >>> Draw(PUBLIC, "encode", "ties").randint(1, 6) == Draw(PUBLIC, "encode", "ties").randint(1, 6)
    True
    """

    def __new__(cls, *parts: str) -> "Draw":
        """As of `random.Random`, which takes one seed here and no more."""
        return super().__new__(cls)

    def __init__(self, *parts: str) -> None:
        digest = hashlib.sha256("\0".join(parts).encode()).digest()
        super().__init__(int.from_bytes(digest, "big"))

    def tensor(self, *shape: int, dtype: str = "float32", scale: float = 1.0) -> "Tensor":
        """Normally distributed numbers of the given shape."""
        import torch

        generator = torch.Generator().manual_seed(self.getrandbits(63))
        values = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
        return values.to(getattr(torch, dtype))

    def integers(self, low: int, high: int, *shape: int) -> "Tensor":
        """Whole numbers from `low` to `high` - 1, int64, of the given shape."""
        import torch

        generator = torch.Generator().manual_seed(self.getrandbits(63))
        return torch.randint(low, high, shape, generator=generator)

    def text(self, words: int | Sequence[str] = 12, *, count: int = 12, rare: bool = False) -> str:
        """A made-up text.

        Args:
            words: how many words, or the words to choose from.
            count: how many words, where `words` are words.
            rare: with accents, emoji, apostrophes and other scripts among them.
        """
        length = words if isinstance(words, int) else count
        choice = list(WORDS.split() if isinstance(words, int) else words) + list(RARE if rare else ())
        pieces = [self.choice(choice) for _ in range(length)]
        if rare and length:  # at least one, whatever the dice say
            pieces[self.randrange(length)] = self.choice(RARE)
        return " ".join(piece + self.choice(PAUSES) for piece in pieces)


# --- Assertions -------------------------------------------------------------------------------------------------------

EXACTLY = Rules()


class Mismatch(Exception):
    """A student's answer is not what a case expects.

    Attributes:
        message: one or two sentences.
        got, wanted: the two values, where there are two; `compared` says so.
        where: the first place where they differ, such as `[2]["name"]`.
        pair: the two tensors, texts or rows there, for a picture; None where no picture helps.
        rules: how they were compared.
        rounding: the two numbers there agree in so many digits that only rounding has parted them.
        changed: the arguments that were changed in place, where that is what is wrong.
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
        rounding: bool = False,
        changed: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.rounding, self.changed = rounding, changed
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
    """As `equal`, but floats may differ a little: by tolerances that suit the wanted type, float32's for float64."""
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
    raise Mismatch(
        message,
        got=got,
        wanted=wanted,
        where=first.where,
        compared=True,
        pair=first.pair,
        rules=rules,
        rounding=first.rounding,
    )


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


def shaped(got: Any, shape: Sequence[int], what: str = "the result") -> None:
    """`got` must be a tensor of this shape. Ask before a case computes with what it got."""
    if not is_tensor(got) or tuple(got.shape) != tuple(shape):
        start = f"{what[:1].upper()}{what[1:]}"
        raise Mismatch(f"{start}: you have {kind_of(got)} where a tensor of shape {tuple(shape)} should be.", got=got)


def figures(got: Any, wanted: Mapping[str, Any], names: Sequence[str], *, exact: bool = False) -> None:
    """Of a table, these figures must be right, whatever the others are.

    A named tuple comes as a plain one: there a figure is found by its place in `wanted`.

    A case for each figure costs one wrong figure its own points only.
    """
    for name in names:
        has = name in got if isinstance(got, Mapping) else isinstance(got, Sequence) and not isinstance(got, str)
        if not has:
            raise Mismatch(f"You have {kind_of(got)} without the figure `{name}`.", got=got)
        mine = got[name] if isinstance(got, Mapping) else got[list(wanted).index(name)]
        _compare(mine, wanted[name], f"`{name}`", Rules(exact=exact))


def unchanged(student: Any) -> None:
    """The arguments of the student's last call must be what they were before it: here this costs the case's points.

    `grade` looks at the arguments of every call. Where no case asks, a change costs the cheapest case that saw it.
    """
    if student.mutated:
        raise Mismatch(changed(student.mutated), changed=tuple(student.mutated))


def same_condition(after: Mapping[str, Any], before: Mapping[str, Any], *, gradients: bool = True) -> None:
    """A model must be as it was before a call: its mode, what of it is trained, and its gradients.

    Args:
        after: what the `condition()` of the module's proxy gave after the call.
        before: what it gave before.
        gradients: whether `.grad` is compared too.
    """
    texts = {
        "training": "the mode (`model.training`) of the module at {}",
        "requires_grad": "`requires_grad` of the parameter at {}",
        "grad": "`.grad` of the parameter at {}",
    }
    for part, text in texts.items():
        first = None if part == "grad" and not gradients else difference(after[part], before[part])
        if first is not None:
            raise Mismatch(
                f"Your function leaves the model in another state than it found it: {text.format(first.where)} is not "
                "what it was before the call."
            )


def changed(names: tuple[str, ...]) -> str:
    """What to say of arguments that were changed in place."""
    listed = " and ".join(f"`{name}`" for name in names)
    what = f"its argument {listed}" if len(names) == 1 else f"its arguments {listed}"
    return (
        f"Your function changed {what}; whoever calls it may still need what was there. "
        "Work on a copy, or build a new value."
    )
