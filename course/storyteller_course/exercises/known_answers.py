"""Known answers of an exercise beside the reference's: wrong ones, each with its explanation, and right ones.

    answers = [
        Wrong("count_pairs", "ignores_counts", "Each word is counted once. Add its count.",
              change=("+= count", "+= 1")),
        Wrong("encode", "text_order", "Merges follow the order of the text, not their rank.", code='''...'''),
        Right("count_pairs", "with_counter", code='''...'''),
        Given("decode", change=[("replace", "ignore")]),
    ]

Most wrong answers are a small patch of the reference: this text becomes that text.
"""

import inspect
import linecache
import textwrap
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from storyteller.errors import StorytellerError

Change = tuple[str, str]

# What is said of a bug hunt's given code, in the place of an explanation: to find the cause is the student's part.
AS_GIVEN = (
    "So far your code does what the code that was given does. Which of the cases fail, and what sets them apart from "
    "those that pass?"
)


@dataclass(frozen=True, kw_only=True)
class KnownAnswer:
    """Code for an exercise: a function of its own, or the reference's with changes."""

    exercise: str = field(kw_only=False)
    code: str = ""
    change: Change | Sequence[Change] = ()

    def source(self, reference: str) -> str:
        """The code of this answer, given the source of the reference's function or class.

        Raises:
            StorytellerError: a change does not apply exactly once.
        """
        if self.code:
            return textwrap.dedent(self.code).strip() + "\n"
        source = reference
        for old, new in self.changes:
            if source.count(old) != 1:
                raise StorytellerError(
                    f"An answer to {self.exercise} changes {old!r}, which stands {source.count(old)} times in the "
                    f"reference and must stand there once; mend answers/{self.exercise}.py."
                )
            source = source.replace(old, new)
        return source

    @property
    def changes(self) -> list[Change]:
        """The changes as a list, however they were written."""
        if self.change and isinstance(self.change[0], str):
            return [(self.change[0], str(self.change[1]))]
        return [pair for pair in self.change if not isinstance(pair, str)]


@dataclass(frozen=True, kw_only=True)
class Wrong(KnownAnswer):
    """A known wrong answer; its explanation is what a student who makes this mistake reads."""

    name: str = field(kw_only=False)
    explanation: str = field(kw_only=False)
    synonym_of: str = ""  # the name of another wrong answer that behaves alike on all inputs
    steady: bool = True  # gives the same in every process; False where it goes by the order of a set, say

    @property
    def is_as_given(self) -> bool:
        """Is it the code that the student of a bug hunt starts from?"""
        return self.explanation == AS_GIVEN


@dataclass(frozen=True, kw_only=True)
class Right(KnownAnswer):
    """A right answer in another style than the reference's."""

    name: str = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Given(KnownAnswer):
    """The code that the student of a bug hunt starts from, which is a known wrong answer too: `as_given`."""

    def as_mistake(self) -> Wrong:
        """The same as a known wrong answer, which a check answers by a question."""
        return Wrong(self.exercise, "as_given", AS_GIVEN, code=self.code, change=self.change)


def reference_source(reference: types.ModuleType, name: str) -> str:
    """The source of the reference's function or class."""
    try:
        return inspect.getsource(getattr(reference, name))
    except (AttributeError, OSError, TypeError) as error:
        raise StorytellerError(f"reference.py has no function or class {name!r} ({error}); add it there.") from error


def namespace_of(answer: KnownAnswer, reference: types.ModuleType) -> dict[str, Any]:
    """The names of the reference module, with this answer in the place of the reference's own."""
    source = answer.source(reference_source(reference, answer.exercise))
    namespace = dict(vars(reference))
    namespace.pop(answer.exercise)
    run_source(source, namespace, f"<answer to {answer.exercise}>")
    if answer.exercise not in namespace:
        raise StorytellerError(
            f"An answer to {answer.exercise} does not define {answer.exercise}; mend answers/{answer.exercise}.py."
        )
    return namespace


def run_source(source: str, namespace: dict[str, Any], label: str) -> None:
    """Execute source in a namespace, so that tracebacks and `inspect.getsource` find its lines."""
    filename = f"{label[:-1]} {abs(hash(source)):x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), namespace)
