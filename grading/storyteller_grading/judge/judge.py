"""Grades one submission: from a notebook's file to points, without trusting a line of it.

    result = judge_notebook(Path("01_data_preparation.ipynb"), load_lesson(folder), secret=secret)

Each exercise is graded in two workers that know nothing of each other: the first sees the public inputs only, and what
it prints and returns may be shown; the second sees the inputs drawn from the secret, and only its verdict is kept. So
nothing that a student reads can tell of a hidden input.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from storyteller_course.exercises.exercise import Exercise
from storyteller_course.exercises.inputs import PUBLIC
from storyteller_course.exercises.lesson import Lesson
from storyteller_course.grading.diagnose import KnownMistake
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_grading.judge import worker_pool
from storyteller_grading.judge.cell_matching import (
    CellNames,
    MatchedCells,
    match,
    plan_cells,
    unchanged,
    with_retyped,
    written_answers,
)
from storyteller_grading.judge.channel import NAMES, Closed, Garbled, TimedOut
from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds
from storyteller_grading.judge.released_notebook import Release, read_release, statements
from storyteller_grading.judge.remote_student import Log, RemoteStudent, ask, stand_ins
from storyteller_grading.judge.sandbox.filesystem_view import check_hidden
from storyteller_grading.judge.submission import Cell, Notebook, Unreadable, read_notebook
from storyteller_grading.judge.worker_client import Starter

READ_TIMEOUT_S = 30.0  # to find the names in all cells
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
    hidden_draws: int = 0  # of inputs that the student does not know, for each case; 0 without a secret
    fault: str = ""  # why nothing could be graded
    seconds: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)  # the text of the cell that was graded, by exercise
    written: dict[str, str] = field(default_factory=dict)  # by written answer; "" where it was left as it was

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
        notebook = read_notebook(path, content)
    except Unreadable as error:
        return replace(blank, fault=str(error))
    starter = starter or worker_pool.starter(unsafe=unsafe)
    starter.begin()
    submission = _submission(notebook, lesson, release, starter, hidden_seeds(secret, draws))
    results: list[ExerciseResult] = []
    for exercise in exercises:
        results.append(_grade(submission, exercise, {result.name for result in results if result.solved}))
    return replace(
        blank,
        exercises=results,
        notes=[*notebook.repairs, *submission.matched.notes, *submission.log.notes()],
        layers=starter.layers.names(),
        hidden_draws=len(submission.seeds),
        seconds=time.perf_counter() - began,
        answers={name: cell.source for name, cell in submission.matched.answers.items()},
        written=written_answers(notebook, lesson.notebook),
    )


def _submission(
    notebook: Notebook, lesson: Lesson, release: Release, starter: Starter, seeds: tuple[str, ...]
) -> _Submission:
    """Sort a notebook's cells, and find out what stands in for unsolved exercises."""
    library = {dotted.rpartition(".")[0] for dotted in lesson.library.values()}
    imports = [*release.imports, *statements(lesson.plain.imports), *(f"import {name}" for name in sorted(library))]
    cells = with_retyped(notebook, release, list(lesson.exercises))
    own = [cell for cell in cells if not unchanged(cell, release)]
    found = {cell.number: names for cell, names in zip(own, _names(starter, imports, own), strict=True)}
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
    )


def _names(starter: Starter, imports: Sequence[str], cells: Sequence[Cell]) -> list[CellNames]:
    """What each cell binds and uses. The parser runs in a worker, which a cell may bring down: then each by itself."""
    worker = starter.start(imports=imports)
    try:
        reply = ask(worker, NAMES, [cell.source for cell in cells], time.monotonic() + READ_TIMEOUT_S)
    except (Closed, TimedOut, Garbled):
        if len(cells) == 1:
            return [CellNames.read({"error": "Python's parser cannot read it"})]
        return [_names(starter, imports, [cell])[0] for cell in cells]
    finally:
        worker.close()
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
        result = _run(submission, exercise, solved, submission.seeds, known, passed)
        hidden = {case.id: case for case in result.cases}
    cases = [combined(case, hidden.get(case.id)) for case in public.cases]
    whole = all(case.passed for case in cases if case.points == 0)
    return replace(
        public,
        earned=sum(case.earned for case in cases) if whole else 0,
        solved=all(case.passed for case in cases),
        cases=cases,
        mistake=public.mistake or next((case.mistake for case in cases if case.mistake), ""),
        replaced=replaced,
    )


def _run(
    submission: _Submission,
    exercise: Exercise,
    solved: Collection[str],
    seeds: Sequence[str],
    known: Sequence[KnownMistake],
    only: Collection[str] | None,
) -> ExerciseResult:
    """Grade an exercise in a worker of its own."""
    planned = plan_cells(
        exercise.name,
        foundations=submission.lesson.foundations(exercise.name),
        solved=solved,
        parts=submission.parts,
        matched=submission.matched,
    )
    student = RemoteStudent(
        submission.starter,
        setup=submission.release.setup,
        imports=submission.imports,
        stand_ins=stand_ins(submission.lesson, exercise.name, planned.parts),
        plan=planned,
        log=submission.log,
    )
    try:
        return grade(exercise, student, seeds=seeds, mistakes=known, only=only)
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
        message=HIDDEN,
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
