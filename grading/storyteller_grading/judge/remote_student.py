"""The student's functions as the checks call them, where they live in a worker.

It is a `Transport` of `storyteller_course.runner.protocol`. The worker is started and loaded when it is first needed,
and again when it died or had to be stopped, so that a case that takes too long costs that case only.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from storyteller_course.exercises.lesson import Lesson
from storyteller_course.runner import serialization
from storyteller_course.runner.protocol import CallBack, TransportFault
from storyteller_course.runner.student_errors import StudentError
from storyteller_grading.judge.cell_matching import CellPlan
from storyteller_grading.judge.channel import (
    BIND,
    CALLBACK,
    CELL,
    PLACE,
    REPLY,
    REQUEST,
    STATEMENT,
    STEPS,
    Closed,
    Garbled,
    TimedOut,
)
from storyteller_grading.judge.notebooks import Cell
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.submission_clock import SubmissionClock
from storyteller_grading.judge.worker_client import Starter, Worker

GRACE_S = 2.0  # beyond a request's own limit, which the worker keeps where the student's code lets it
CELL_TIMEOUT_S = 10.0
LOAD_TIMEOUT_S = 60.0  # for all cells of an exercise
START_TIMEOUT_S = 60.0  # for the set-up cells, which are ours, on a busy machine
MAX_RESTARTS = 5  # of the worker of one exercise
MAX_STOPS = 2  # of a cell, after which it is left out
MAX_CALLBACKS = 100_000  # in one request
MAX_STATEMENTS = 100_000  # in one cell

# What the notebook's own tools mean while it is graded: nothing is checked twice, nothing is written.
TOOLS = """
def check(*names, **options): pass
def hint(*names, **options): pass
def progress(*names, **options): pass
def use(name, *rest, **options): return globals()[name]

import storyteller_course as _course  # a cell of the student's may import them from there
vars(_course).update(check=check, hint=hint, progress=progress, use=use)
"""


StandIns = tuple[str, str, dict[str, str], list[str]]  # module, source, library, names


def stand_ins(lesson: Lesson, graded: str, names: Sequence[str]) -> StandIns:
    """What a worker is sent to put the course's functions in the place of some exercises.

    The plain answer to the exercise that is graded is not in it. Where another function calls that one, it gets the
    student's own.

    Args:
        lesson: with the stand-ins.
        graded: the exercise.
        names: the others.
    """
    return lesson.stand_ins_module, lesson.plain.source(names, without=graded), lesson.library, list(names)


@dataclass(frozen=True)
class Stop:
    """Where a cell had to be ended, and why."""

    statement: int  # its number in the cell, from 0
    line: int
    why: str


@dataclass
class Log:
    """What happened to the cells of a submission; shared by all its exercises."""

    dropped: dict[int, str] = field(default_factory=dict)  # by the cell's number, why it is not run any more
    errors: dict[int, str] = field(default_factory=dict)  # by the cell's number, what it raised
    stops: dict[int, list[Stop]] = field(default_factory=dict)  # by the cell's number, where it had to be ended

    def stop(self, cell: Cell, reached: Sequence[tuple[int, int]], why: str) -> None:
        """A cell could not be run to its end.

        The first time it is run again without the statement at which it stopped, the second time only what it defines
        is, and after that it is left out.
        """
        stops = self.stops.setdefault(cell.number, [])
        if reached and len(stops) < MAX_STOPS:
            stops.append(Stop(*reached[0], why))
        else:
            self.dropped[cell.number] = why

    def note(self, cell: Cell, reply: Any) -> None:
        """Remember what a cell raised; the worker may say anything."""
        if type(reply) is dict and type(reply.get("error")) is str and reply["error"]:
            message = reply.get("message")
            text = str(message)[:200] if type(message) is str else ""
            self.errors[cell.number] = f"{reply['error'][:100]}: {text}".removesuffix(": ")

    def notes(self, *, besides: Collection[int] = ()) -> list[str]:
        """In sentences, without the errors of those cells."""
        lines = {
            number: f"Cell {number} raised {error}; what it had defined so far was kept."
            for number, error in self.errors.items()
            if number not in besides
        }
        for number, stops in self.stops.items():
            rest = "the rest of the cell was run" if len(stops) < MAX_STOPS else "of the rest only definitions were run"
            places = " and ".join(f"line {stop.line} was passed over: {stop.why}" for stop in stops)
            lines[number] = f"Cell {number}, {places}; {rest}. {lines.get(number, '')}".strip()
        lines |= {number: f"Cell {number} was left out: {why}." for number, why in self.dropped.items()}
        return [lines[number] for number in sorted(lines)]


class RemoteStudent:
    """The transport to the code of one student for one exercise.

    Args:
        starter: starts workers.
        setup: the sources of the release's set-up cells.
        imports: their imports.
        stand_ins: what `worker.bind` takes, from `stand_ins`.
        plan: the cells, and for which exercises the course's functions stand in.
        log: notes what happens to cells.
        clock: counts the time of the whole submission.
        exercise: for which it is counted.
        budget: what the worker may use up.
    """

    def __init__(
        self,
        starter: Starter,
        *,
        setup: Sequence[str],
        imports: Sequence[str],
        stand_ins: StandIns,
        plan: CellPlan,
        log: Log,
        clock: SubmissionClock,
        exercise: str,
        budget: Budget | None = None,
    ) -> None:
        self.clock, self.exercise = clock, exercise
        self.starter, self.setup, self.imports, self.stand_ins = starter, setup, imports, stand_ins
        self.plan, self.log, self.budget = plan, log, budget or Budget()
        self.worker: Worker | None = None
        self.starts = 0

    def exchange(self, request: bytes, *, seconds: float, call_back: CallBack) -> bytes:
        """Send a request; returns the reply, which may be anything.

        Raises:
            StudentError: the worker did not answer in time, or ended, or the submission's time is over.
        """
        with self.clock.counting(self.exercise):
            return self._exchange(request, seconds, call_back)

    def _exchange(self, request: bytes, seconds: float, call_back: CallBack) -> bytes:
        worker = self.worker or self._load()
        deadline = time.monotonic() + seconds + GRACE_S
        try:
            worker.channel.send(REQUEST, request, deadline=deadline)
            for _ in range(MAX_CALLBACKS):
                tag, body = worker.channel.receive(deadline=deadline)
                if tag == REPLY:
                    return body
                if tag != CALLBACK:
                    raise Garbled(f"a frame {tag!r}")
                worker.channel.send(CALLBACK, call_back(body), deadline=deadline)
            raise Garbled(f"more than {MAX_CALLBACKS:,} callbacks")
        except TimedOut:
            self._let_go()
            raise StudentError(
                "timeout", f"Your code did not end after {seconds:.0f} seconds. Look for a loop that never ends."
            ) from None
        except Garbled as error:
            self._let_go()
            raise StudentError("died", f"Your code wrote into the judge's connection ({error}).") from None
        except Closed:
            how = self._let_go(died=True)
            raise StudentError("died", f"Your code ended the whole process: {how}.") from None

    def renew(self) -> None:
        """End the worker and load another, which has a scratch folder of its own."""
        self._let_go()
        self.starts = max(0, self.starts - 1)  # a worker that we ended has not died
        with self.clock.counting(self.exercise):
            self._load()

    def close(self) -> None:
        """End the worker."""
        self._let_go()

    def _let_go(self, *, died: bool = False) -> str:
        worker, self.worker = self.worker, None
        return worker.close(died=died) if worker else ""

    def _load(self) -> Worker:
        """A worker in which all cells have run that can be run."""
        while self.starts < MAX_RESTARTS + len(self.log.dropped) + sum(map(len, self.log.stops.values())):
            self.starts += 1
            self.clock.check()
            worker = self.starter.start(imports=self.imports, budget=self.budget)
            self.worker = worker
            try:
                self._prepare(worker)
            except TransportFault:
                if self.starts > 1:
                    raise
                continue  # its server may have been killed: the next one comes from a new server
            cells = [cell for cell in self.plan.cells if cell.number not in self.log.dropped]
            if self._run_all(worker, cells):
                self._bind(worker)
                return worker
        raise StudentError("died", "Your code ended its process again and again, so it was not started once more.")

    def _prepare(self, worker: Worker) -> None:
        """The set-up cells and the course's functions, in a worker that has not seen the student's code."""
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            for source in (*self.setup, TOOLS):
                ask(worker, CELL, source, deadline)
            self._bind(worker)
        except (Closed, TimedOut, Garbled) as error:
            how = self._let_go(died=True)
            raise TransportFault(f"A worker did not start: {type(error).__name__} {error} ({how}).") from error

    def _bind(self, worker: Worker) -> None:
        if self.plan.parts:
            ask(worker, BIND, self.stand_ins, time.monotonic() + START_TIMEOUT_S)

    def _run_all(self, worker: Worker, cells: Sequence[Cell]) -> bool:
        """Run the cells; a cell that ends the process or takes too long is noted, and False says to begin again."""
        end = time.monotonic() + LOAD_TIMEOUT_S
        for cell in cells:
            deadline, stops = min(end, time.monotonic() + CELL_TIMEOUT_S), self.log.stops.get(cell.number, [])
            order = cell.source, [stop.statement for stop in stops], len(stops) == MAX_STOPS
            reached: list[tuple[int, int]] = []  # number and line of the statement that is under way
            try:
                with self.clock.running(cell.number):
                    reply = ask(worker, STEPS, order, deadline, reached)
            except TimedOut:
                self.log.stop(cell, reached, f"it took more than {CELL_TIMEOUT_S:.0f} seconds")
            except Closed:
                self.log.stop(cell, reached, f"it ended the whole process ({self._let_go(died=True)})")
            except Garbled:
                self.log.dropped[cell.number] = "it wrote into the judge's connection"
            else:
                self.log.note(cell, reply)
                continue
            self._let_go()
            return False
        return True


def ask(
    worker: Worker, tag: bytes, value: object, deadline: float, reached: list[tuple[int, int]] | None = None
) -> Any:
    """Send an order to a worker; returns the value of its reply.

    Args:
        worker: which one.
        tag: of the order.
        value: what is ordered.
        deadline: a time of `time.monotonic`.
        reached: for a cell in steps; holds number and line of the statement that is under way.

    Raises:
        TimedOut, Closed, Garbled: there was no such reply.
    """
    worker.channel.send(tag, serialization.encode(value), deadline=deadline)
    for _ in range(MAX_STATEMENTS):
        answer, body = worker.channel.receive(deadline=deadline)
        if answer != STATEMENT or reached is None or len(body) != PLACE.size:
            break
        reached[:] = [PLACE.unpack(body)]
    if answer != REPLY:
        raise Garbled(f"a frame {answer!r}")
    try:
        return serialization.decode(body)
    except serialization.Malformed as error:
        raise Garbled(str(error)) from None
