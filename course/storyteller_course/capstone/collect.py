"""Whose part is whose: looked for in the notebooks, tried on a realistic piece of work, and shown as a map."""

import functools
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.inference.sampling import Filter
from storyteller.inference.sampling_options import Sampling
from storyteller_course.capstone.benchmarks import TRIALS, same
from storyteller_course.capstone.parts_map import show_map
from storyteller_course.capstone.roles import ROLES, Role
from storyteller_course.capstone.step_cost import too_slow
from storyteller_course.notebook.use import LocatedAnswer, look_for

Part = Callable[..., Any]
# Of a part that works once, before the training: so long may its trial take. The whole corpus then takes some minutes.
MAX_TRIAL_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """A part of the storyteller, and whose it is."""

    role: Role
    part: Part | None  # what is at work; None for the library's, where the lesson with the course's is not here
    own: Part | None  # the student's, if it is right; it may be too slow to be at work
    why: str = ""  # why the student's is not at work, in words; empty where it is

    @property
    def yours(self) -> bool:
        """Is the student's at work?"""
        return self.own is not None and self.part is self.own


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
        return counted(source.own, lambda: self.calls.update([name])) if source.own and source.yours else None

    def afterwards(self, name: str) -> Part:
        """The part for what comes after the training, where the student's may be as slow as it is."""
        source = self.sources[name]
        part = source.own or source.part
        if part is None:
            raise StorytellerError(
                f"The course's {name} belongs to {source.role.lesson}, which is not here: put that lesson's folder "
                "beside this one."
            )
        return part

    def filters(self, sampling: Sampling) -> list[Filter]:
        """The filters that `sampling` asks for, of these parts."""
        from storyteller_course.lesson_tools.full_training_and_inference import FILTERS, filters_of

        return filters_of(sampling, **{name: self.afterwards(name) for name in FILTERS})

    def without(self, names: Collection[str]) -> "Gathered":
        """The same with the course's in the place of some of the student's parts; calls are not counted together."""
        sources = {
            name: replace(one, part=one.role.course) if name in names else one for name, one in self.sources.items()
        }
        return Gathered(sources=sources)

    def show(self) -> None:
        """Show whose is what, and why where a part is not the student's."""
        show_map(self.by_student)
        for name, source in self.sources.items():
            if source.why:
                print(f"{name}: the course's. {source.why[:1].upper()}{source.why[1:]}.")


def gather() -> Gathered:
    """Find the student's parts, in this notebook and in the saved ones of the other lessons, and show whose is what.

    What does not pass its check is the course's. A part that was not checked since it changed is checked now. Where a
    step of training with all of the student's parts takes more than three times as long as with none, the most
    expensive ones sit the training out; what comes after it has them again.
    """
    live = sys._getframe(1).f_globals
    sources: dict[str, Source] = {}
    gathered = Gathered(sources=sources)
    for role in ROLES:
        source = _source(role, live, gathered)
        if not role.instead_of:
            sources[role.name] = sources.get(role.name, source)
        elif source.yours:  # the faster form of a part that is already there
            sources[role.instead_of] = source
    for name, times in too_slow(gathered).items():
        why = f"with yours, which is right, a step of training takes {times:.1f} times as long; yours works afterwards"
        sources[name] = replace(sources[name], part=sources[name].role.course, why=why)
    gathered.show()
    return gathered


def _source(role: Role, live: dict[str, Any], earlier: Gathered) -> Source:
    """Whose part a role is given, after a trial of the student's."""
    course, trial = role.course, TRIALS[role.name]
    found = _found(role, live, earlier)
    if found is None or found.own is None:
        place = "" if found is None or found.is_here else f" in {role.lesson}"
        why = f"lesson {role.lesson[:2]} is not here" if found is None else f"not solved yet{place}"
        return Source(role=role, part=course, own=None, why=why)
    own = found.own
    if role.inside and not earlier.sources[role.inside].yours:
        return Source(role=role, part=course, own=own, why=f"{role.inside}, which calls it, is not yours")
    if course is None:
        return Source(role=role, part=own, own=own)
    started = time.process_time()
    try:
        result = trial(own)()
        seconds = time.process_time() - started
        is_same, reason = same(result, trial(course)()), "on a realistic input its result differs from the course's"
    except Exception as error:  # noqa: BLE001  whatever a student's function does where its check did not look
        is_same, reason = False, f"on a realistic input it raises {type(error).__name__}: {str(error)[:80]}"
    if not is_same:
        return Source(role=role, part=course, own=None, why=reason)
    if role.once and seconds > MAX_TRIAL_S:
        why = f"yours is right, and needs {seconds:.0f} s for a hundredth of the work"
        return Source(role=role, part=course, own=own, why=why)
    return Source(role=role, part=own, own=own)


def _found(role: Role, live: dict[str, Any], earlier: Gathered) -> LocatedAnswer | None:
    """What the notebooks have; None where there is no such lesson beside this one.

    A function from a saved notebook calls the parts that are at work, as far as it calls any of them.
    """
    at_work = {
        name: part
        for name, source in earlier.sources.items()
        if (part := earlier.yours(name) or source.part) is not None
    }
    try:
        return look_for(role.name, live, at_work=at_work)
    except StorytellerError:
        return None


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
