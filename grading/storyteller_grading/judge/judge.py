"""Grades one submission: from a notebook's file to points, without trusting a line of it.

    result = judge_notebook(Path("01_data_preparation.ipynb"), load_lesson(folder), secret=secret)

Each exercise is graded in two workers that know nothing of each other: the first sees the public inputs only, and what
it prints and returns may be shown; the second sees the inputs drawn from the secret, and only its verdict is kept. So
nothing that a student reads can tell of a hidden input.
"""

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from storyteller_course.exercises.exercise import PUBLIC, Exercise
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.diagnosis import KnownMistake
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.grading.result import CaseResult, ExerciseResult, points_of
from storyteller_course.runner.student_errors import StudentError, missing
from storyteller_grading.judge import worker_client
from storyteller_grading.judge.cell_matching import (
    CellNames,
    CellPlan,
    MatchedCells,
    match,
    plan_cells,
    unchanged,
    with_retyped,
    written_answers,
)
from storyteller_grading.judge.channel import NAMES, Closed, Garbled, TimedOut
from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds
from storyteller_grading.judge.notebooks import (
    Cell,
    Notebook,
    Release,
    Unreadable,
    contents,
    read_notebook,
    read_release,
    statements,
)
from storyteller_grading.judge.reached import reached
from storyteller_grading.judge.remote_student import Log, RemoteStudent, ask, stand_ins
from storyteller_grading.judge.sandbox.namespaces import check_hidden
from storyteller_grading.judge.submission_clock import SubmissionClock
from storyteller_grading.judge.worker_client import Starter

READ_TIMEOUT_S = 30.0  # to find the names in all cells
ROUNDING = "With other numbers of the same kind the result is not precise enough: compute in float32 at least."
HIDDEN = (
    "It holds for the inputs that the notebook's check uses, and fails for others that were drawn for the grading: "
    "does your code depend on something special in those inputs?"
)


@dataclass(frozen=True, kw_only=True)
class SubmissionResult:
    """The result of a submission."""

    lesson: str
    notebook: str  # the file's name
    exercises: list[ExerciseResult] = field(default_factory=list)
    bonus: tuple[str, ...] = ()  # those that are extra credit
    notes: list[str] = field(default_factory=list)  # what had to be repaired, and what happened to cells
    layers: list[str] = field(default_factory=list)  # of the sandbox, those that held
    seeds: tuple[str, ...] = ()  # of the inputs that the student does not know; none without a secret
    fault: str = ""  # why nothing could be graded
    seconds: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)  # the text of the cell that was graded, by exercise
    written: dict[str, str] = field(default_factory=dict)  # by written answer; "" where it was left as it was
    reached: dict[str, list[str]] = field(default_factory=dict)  # for the instructor, by exercise that earned anything
    course_text: dict[str, str] = field(default_factory=dict)  # likewise, where the text stands that the answer has

    @property
    def points(self) -> int:
        """What can be earned, extra credit not counted."""
        return sum(result.points for result in self.exercises if result.name not in self.bonus)

    @property
    def earned(self) -> int:
        """What was earned, extra credit not counted."""
        return sum(result.earned for result in self.exercises if result.name not in self.bonus)

    @property
    def extra(self) -> int:
        """Extra credit that was earned."""
        return sum(result.earned for result in self.exercises if result.name in self.bonus)


@dataclass(frozen=True, kw_only=True)
class _Submission:
    """All that the grading of an exercise needs to know."""

    lesson: Lesson
    release: Release
    imports: list[str]  # of the set-up cells and of the judge, done once for all workers
    matched: MatchedCells
    starter: Starter
    parts: tuple[str, ...]  # the exercises that the course has a function of its own for
    seeds: tuple[str, ...]  # hidden ones
    log: Log
    clock: SubmissionClock


def judge_notebook(
    path: Path,
    lesson: Lesson,
    *,
    secret: str | None,
    draws: int = DRAWS,
    only: Collection[str] | None = None,
    unsafe: bool = False,
    starter: Starter | None = None,
    content: bytes | None = None,
) -> SubmissionResult:
    """Grade a notebook.

    Args:
        path: the submission.
        lesson: what its exercises must do.
        secret: from which hidden inputs are drawn; None grades with the public ones alone.
        draws: how many hidden inputs each case gets.
        only: the exercises to grade; what they build on is then the course's. None for all.
        unsafe: go on where no layer of the sandbox holds.
        starter: starts workers; the default is one server for this whole process.
        content: the bytes of the notebook where they were read already; `path` is then a name only.

    Raises:
        StorytellerError: no layer holds and `unsafe` is not given, or the lesson was not built.
    """
    began = time.perf_counter()
    release = read_release(lesson.notebook)
    check_hidden([lesson.folder])
    exercises = [exercise for name, exercise in lesson.exercises.items() if only is None or name in only]
    blank = blank_result(path.name, lesson, exercises)
    try:
        given = contents(path) if content is None else content
        notebook = read_notebook(path, given)
    except Unreadable as error:
        return replace(blank, fault=str(error))
    starter = starter or worker_client.starter(unsafe=unsafe)
    seeds = hidden_seeds(secret, draws, hashlib.sha256(given).hexdigest())
    submission = _submission(notebook, lesson, release, starter, seeds)
    results: list[ExerciseResult] = []
    for exercise in exercises:
        results.append(_grade(submission, exercise, {result.name for result in results if result.solved}))
    return replace(
        blank,
        exercises=results,
        notes=[
            *notebook.repairs,
            *submission.clock.notes(),
            *submission.matched.notes,
            *submission.log.notes(besides=submission.matched.not_python),
            *(
                f"No known mistake could be looked for in {result.name} ({result.no_diagnosis})."
                for result in results
                if result.no_diagnosis
            ),
        ],
        layers=starter.layers.names(),
        seeds=submission.seeds,
        seconds=time.perf_counter() - began,
        answers={name: cell.source for name, cell in submission.matched.answers.items()},
        written=written_answers(notebook, lesson.notebook),
        reached=_reached(submission, results),
    )


def _submission(
    notebook: Notebook, lesson: Lesson, release: Release, starter: Starter, seeds: tuple[str, ...]
) -> _Submission:
    """Sort a notebook's cells, and find out what stands in for unsolved exercises."""
    library = {dotted.rpartition(".")[0] for dotted in lesson.library.values()}
    imports = [*release.imports, *statements(lesson.plain.imports), *(f"import {name}" for name in sorted(library))]
    cells = with_retyped(notebook, release, list(lesson.exercises))
    own = [cell for cell in cells if not unchanged(cell, release)]
    clock = SubmissionClock()
    found = {cell.number: names for cell, names in zip(own, _names(starter, imports, own, clock), strict=True)}
    names = [found.get(cell.number, CellNames.none()) for cell in cells]
    return _Submission(
        imports=imports,
        lesson=lesson,
        release=release,
        matched=match(cells, names, release, list(lesson.exercises)),
        starter=starter,
        parts=tuple(name for name in lesson.exercises if name in lesson.library or name in lesson.plain.pieces),
        seeds=seeds,
        log=Log(),
        clock=clock,
    )


def _names(starter: Starter, imports: Sequence[str], cells: Sequence[Cell], clock: SubmissionClock) -> list[CellNames]:
    """What each cell binds and uses. The parser runs in a worker, which a cell may bring down: then each by itself."""
    unread = [CellNames.read({"error": "Python's parser cannot read it"}) for _ in cells]
    worker = starter.start(imports=imports)
    try:
        with clock.counting("reading its cells"):
            reply = ask(worker, NAMES, [cell.source for cell in cells], time.monotonic() + READ_TIMEOUT_S)
        answered = True
    except StudentError:  # no time is left
        return unread
    except (Closed, TimedOut, Garbled):
        answered = False
    finally:
        worker.close()  # before another is started: they may have to take turns
    if not answered:
        return unread if len(cells) == 1 else [_names(starter, imports, [cell], clock)[0] for cell in cells]
    if type(reply) is not list or len(reply) != len(cells):
        reply = [None] * len(cells)
    return [CellNames.read(names) for names in reply]


def _grade(submission: _Submission, exercise: Exercise, solved: Collection[str]) -> ExerciseResult:
    """Grade an exercise with the public inputs, and those cases that pass with the hidden ones."""
    lesson = submission.lesson
    foundations = lesson.foundations(exercise.name)
    replaced = tuple(name for name in foundations if name not in solved and name in submission.parts)
    known = known_mistakes(lesson, exercise.name)
    public = _run(submission, exercise, solved, (PUBLIC,), known, None)
    passed = {case.id for case in public.cases if case.passed}
    hidden: dict[str, CaseResult] = {}
    if submission.seeds and public.earned:  # nothing is earned where a guard fails
        charged = any(case.charged for case in public.cases)
        result = _run(submission, exercise, solved, submission.seeds, known, passed, charged=charged)
        if public.mistake and result.mistake != public.mistake:  # one answer, one diagnosis
            result = replace(result, cases=[replace(case, explanation="", mistake="") for case in result.cases])
        hidden = {case.id: case for case in result.cases}
    cases = [combined(case, hidden.get(case.id)) for case in public.cases]
    nowhere = missing(exercise.name).message
    cases = [
        replace(case, message=why_missing(submission, exercise.name)) if case.message == nowhere else case
        for case in cases
    ]
    return replace(
        public,
        earned=points_of(cases),
        solved=all(case.passed for case in cases),
        cases=cases,
        mistake=public.mistake or next((case.mistake for case in cases if case.mistake), ""),
        replaced=replaced,
    )


def why_missing(submission: _Submission, name: str) -> str:
    """Why there is no function of this name, in a sentence; where a notebook would say: run its cell."""
    answer, log = submission.matched.answers.get(name), submission.log
    if answer is None:
        return f"There is no `{name}`: no cell of this notebook defines it."
    where = f"There is no `{name}`: cell {answer.number}, its answer,"
    if answer.number in log.dropped:
        return f"{where} was left out: {log.dropped[answer.number]}."
    if answer.number in log.errors:
        return f"{where} stopped with {log.errors[answer.number].removesuffix('.')}."
    if stops := log.stops.get(answer.number):
        return f"{where} was stopped in line {stops[0].line}: {stops[0].why}."
    return f"{where} does not define it."


def _reached(submission: _Submission, results: Sequence[ExerciseResult]) -> dict[str, list[str]]:
    """What the code behind each exercise that earned anything reaches; nothing of those where it is nothing."""
    solved = {result.name for result in results if result.solved}
    found = {
        result.name: reached(
            result.name,
            _plan(submission, result.name, solved),
            submission.matched,
            submission.lesson,
            submission.release.imports,
        )
        for result in results
        if result.earned
    }
    return {name: words for name, words in found.items() if words}


def _plan(submission: _Submission, exercise: str, solved: Collection[str]) -> CellPlan:
    """The cells with which an exercise is graded."""
    return plan_cells(
        exercise,
        foundations=submission.lesson.foundations(exercise),
        solved=solved,
        parts=submission.parts,
        matched=submission.matched,
    )


def _run(
    submission: _Submission,
    exercise: Exercise,
    solved: Collection[str],
    seeds: Sequence[str],
    known: Sequence[KnownMistake],
    only: Collection[str] | None,
    *,
    charged: bool = False,
) -> ExerciseResult:
    """Grade an exercise in a worker of its own."""
    planned = _plan(submission, exercise.name, solved)
    student = RemoteStudent(
        submission.starter,
        setup=submission.release.setup,
        imports=submission.imports,
        stand_ins=stand_ins(submission.lesson, exercise.name, planned.parts),
        plan=planned,
        log=submission.log,
        clock=submission.clock,
        exercise=exercise.name,
    )
    try:
        return grade(exercise, student, seeds=seeds, mistakes=known, only=only, charged=charged)
    finally:
        student.close()


def combined(public: CaseResult, hidden: CaseResult | None) -> CaseResult:
    """One verdict from two: of the hidden inputs nothing is told but that they fail, and which known mistake it is."""
    if hidden is None or hidden.passed or not public.passed:
        return public
    return replace(
        public,
        earned=0,
        passed=False,
        kind=hidden.kind,
        message=hidden.message if hidden.kind == "spent" else ROUNDING if hidden.rounding else HIDDEN,
        explanation=hidden.explanation,
        mistake=hidden.mistake,
        printed="",
        seed_index=1,
    )


def blank_result(name: str, lesson: Lesson, exercises: Sequence[Exercise], *, fault: str = "") -> SubmissionResult:
    """The result of a submission of which nothing was graded, because of a fault or not yet."""
    return SubmissionResult(
        lesson=lesson.name,
        notebook=name,
        fault=fault,
        exercises=[
            ExerciseResult(
                name=exercise.name,
                points=exercise.points,
                earned=0,
                solved=False,
                cases=[
                    CaseResult(
                        id=case.id,
                        title=case.title,
                        points=case.points,
                        earned=0,
                        passed=False,
                        kind="missing",
                        message="The notebook could not be read.",
                    )
                    for case in exercise.cases
                ],
            )
            for exercise in exercises
        ],
        bonus=tuple(exercise.name for exercise in exercises if exercise.bonus),
    )
