"""Whose part is whose: looked for in the notebooks, tried on a realistic piece of work, and shown as a table."""

import functools
import inspect
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.inference.sampling import Filter
from storyteller.inference.sampling_options import Sampling
from storyteller_course.capstone.benchmarks import TRIALS, same
from storyteller_course.capstone.roles import ROLES, Role
from storyteller_course.capstone.speed import TOO_SLOW, Clock, times_slower
from storyteller_course.notebook.use import Found, look_for

Part = Callable[..., Any]
SAVED = "_storyteller_saved_"  # how the names of a saved notebook's modules begin, see `carry.saved_answer`


@dataclass(frozen=True, kw_only=True)
class Source:
    """A part of the storyteller, and whose it is."""

    role: Role
    part: Part  # what is at work
    own: Part | None  # the student's, if it is right; it may be too slow to be at work
    slower: float = 0.0  # how many times, where that is why the student's is not at work
    reason: str = ""  # any other reason for that

    @property
    def yours(self) -> bool:
        """Is the student's at work?"""
        return self.part is self.own

    @property
    def why(self) -> str:
        """Why the student's is not at work, in words; empty where it is."""
        return f"{self.slower:.1f} times slower than the course's" if self.slower else self.reason


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """All parts of a storyteller."""

    sources: Mapping[str, Source]
    calls: Counter[str] = field(default_factory=Counter)  # how often each of the student's own was called

    @property
    def by_student(self) -> dict[str, bool]:
        """For each part, whether the student's is at work: for the model card."""
        return {name: source.yours for name, source in self.sources.items()}

    def yours(self, name: str) -> Part | None:
        """The student's part, if it is at work; its calls are counted."""
        source = self.sources[name]
        return counted(source.part, lambda: self.calls.update([name])) if source.yours else None

    def afterwards(self, name: str) -> Part:
        """The part for what comes after the training, where the student's may be as slow as it is."""
        source = self.sources[name]
        return source.own or source.part

    def filters(self, sampling: Sampling) -> list[Filter]:
        """The filters that `sampling` asks for, of these parts."""
        from storyteller_course.parts.full_training_and_inference import FILTERS, filters_of

        return filters_of(sampling, **{name: self.afterwards(name) for name in FILTERS})

    def show(self) -> None:
        """Show whose is what."""
        from storyteller.figures import table

        rows = [
            [name, source.role.lesson[:2], source.role.work, "yours" if source.yours else "the course's", source.why]
            for name, source in self.sources.items()
        ]
        table(rows, header=["part", "lesson", "what it does", "whose", "why"])


def gather(*, clock: Clock | None = None) -> Gathered:
    """Find the student's parts, in this notebook and in the saved ones of the other lessons, and show whose is what.

    What does not pass its check is the course's. So is, in the training, what takes more than three times as long as
    the course's on a realistic piece of work; a line says so, and what comes after the training has the student's
    again. A part that was not checked since it changed is checked now.

    Args:
        clock: gives CPU seconds; for tests.
    """
    live = sys._getframe(1).f_globals
    sources: dict[str, Source] = {}
    gathered = Gathered(sources=sources)
    for role in ROLES:
        source = _source(role, live, gathered, clock)
        if not role.instead_of:
            sources[role.name] = sources.get(role.name, source)
        elif source.yours:  # the faster form of a part that is already there
            sources[role.instead_of] = source
    gathered.show()
    for name, source in sources.items():
        if source.slower:
            print(
                f"{name}: yours is right, and {source.why}: the course's runs in the long training, yours afterwards."
            )
    return gathered


def _source(role: Role, live: dict[str, Any], earlier: Gathered, clock: Clock | None) -> Source:
    course = role.course
    found = _found(role, live)
    if found is None or found.own is None:
        place = "" if found is None or found.is_here else f" in {role.lesson}"
        why = f"lesson {role.lesson[:2]} is not here" if found is None else f"not solved yet{place}"
        return Source(role=role, part=course, own=None, reason=why)
    own = found.own
    if role.inside and not earlier.sources[role.inside].yours:
        return Source(role=role, part=course, own=own, reason=f"{role.inside}, which calls it, is not yours")
    _join(own, earlier)
    if fault := _fault(role, own, course):
        return Source(role=role, part=course, own=None, reason=fault)
    if role.trains and (slower := _slowness(role, own, course, clock)) > TOO_SLOW:
        return Source(role=role, part=course, own=own, slower=slower)
    return Source(role=role, part=own, own=own)


def _found(role: Role, live: dict[str, Any]) -> Found | None:
    """What the notebooks have; None where there is no such lesson beside this one."""
    try:
        return look_for(role.name, live)
    except StorytellerError:
        return None


def _join(own: Part, earlier: Gathered) -> None:
    """Let a function from a saved notebook call the parts that are at work, as far as it calls any of them.

    Each saved function comes with names of its own, so nobody else is touched.
    """
    names = names_of(own)
    if str(names.get("__name__", "")).startswith(SAVED):
        called = {name: source for name, source in earlier.sources.items() if name in names}
        names.update({name: earlier.yours(name) or source.part for name, source in called.items()})


def names_of(part: Part) -> dict[str, Any]:
    """The global names that a function, or the methods of a class, sees."""
    members = [one for one in vars(part).values() if inspect.isfunction(one)] if isinstance(part, type) else [part]
    found: dict[str, Any] = getattr(inspect.unwrap(members[0]), "__globals__", {}) if members else {}
    return found


def _fault(role: Role, own: Part, course: Part) -> str:
    """What is wrong with a part that passed its check, on a realistic piece of work; empty if nothing is."""
    trial = TRIALS[role.name]
    try:
        return (
            "" if same(trial(own)(), trial(course)()) else "on a realistic input its result differs from the course's"
        )
    except Exception as error:  # noqa: BLE001  whatever a student's function does where its check did not look
        return f"on a realistic input it raises {type(error).__name__}: {str(error)[:80]}"


def _slowness(role: Role, own: Part, course: Part, clock: Clock | None) -> float:
    trial = TRIALS[role.name]
    return times_slower(trial(own), trial(course), clock=clock or time.process_time)


def counted(part: Part, count: Callable[[], None]) -> Part:
    """The same function, or class of modules, that counts its calls."""
    if not isinstance(part, type):

        @functools.wraps(part)
        def counting(*args: Any, **options: Any) -> Any:
            count()
            return part(*args, **options)

        return counting

    def forward(self: Any, *args: Any, **options: Any) -> Any:
        count()
        return part.forward(self, *args, **options)  # type: ignore[attr-defined]

    return type(part.__name__, (part,), {"forward": forward})
