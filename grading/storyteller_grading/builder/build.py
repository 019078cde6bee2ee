"""From a lesson's sources to its two notebooks, and what of committed ones is no longer what the sources make.

    draft = draft_lesson(Path("lessons/01_data_preparation"))
    draft.notebook()               # solved, not executed
    build_lesson(folder, solutions)  # executes it, writes both notebooks
    keep_outputs(folder, solutions)  # writes both where no code has changed, with the outputs that are there
    drift_of_sources(folder, solutions)  # compares them cell by cell

jupytext reads the lesson, nbgrader makes the student notebook; this module joins them. Outputs are compared by
executing the committed solution once more through nbval, with the network off, under the patterns of `nbval.cfg`.
"""

import ast
import copy
import inspect
import re
import subprocess
import sys
import traceback
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course import Exercise, Lesson, load_lesson
from storyteller_course.exercises.known_answers import KnownAnswer, Right, Wrong, reference_source
from storyteller_course.exercises.lesson import ANSWERS, CHECKS, REFERENCE
from storyteller_course.exercises.recall import answer_source
from storyteller_course.exercises.stand_ins import resolve
from storyteller_grading.builder.cells import (
    BEGIN,
    Draft,
    answer_cell,
    begin_cells,
    check_cell,
    demo_cell,
    head_cell,
    text_cell,
    try_cell,
    written_cells,
)
from storyteller_grading.builder.execute import ExecutionCost, environment_of, execute, measured, student_copy
from storyteller_grading.builder.leaks import leaks_in_notebook, secret_lines, squeezed
from storyteller_grading.builder.lesson_markdown import BuildError, Piece, read_pieces, says
from storyteller_grading.builder.nbgrader_release import CELL_LIMIT, student_notebook
from storyteller_grading.builder.numbers_in_text import check_cell as number_check
from storyteller_grading.builder.numbers_in_text import marks_of, values_in
from storyteller_grading.builder.predictions import check_predictions
from storyteller_grading.builder.repository import address_of
from storyteller_grading.builder.solution_regions import MarkedAnswer, answer_of, check_steps, regions_of
from storyteller_grading.builder.teaching_gates import check_teaching

POINTS = 100  # automatic, in each lesson
BEFORE_GATES = "before_teaching_gates"  # in the front matter of a lesson that was written before `teaching_gates`
PARTS_OF_A_LESSON = "a lesson has lesson.md, reference.py, and in checks and answers a file for each exercise."
_PATTERNS = Path(__file__).with_name("nbval.cfg")


@dataclass(frozen=True)
class Answered:
    """An exercise with its answer."""

    exercise: Exercise
    answer: MarkedAnswer
    given: list[str] | None  # of a bug hunt or a recall, what the student finds in the place of each hidden region


def build_lesson(folder: Path, solutions: Path) -> ExecutionCost:
    """Build, execute and write both notebooks of a lesson; says how long it took and how much memory.

    Raises:
        BuildError: the sources are at fault, a cell of the solved notebook fails, or an answer would be handed out.
    """
    draft, answered = draft_lesson(folder), answers_of(load_checked(folder))
    refuse_leaks(draft, student_notebook(folder.name, nbformat.writes(draft.notebook()) + "\n"), answered)
    notebook, run = execute(draft, folder)
    solution = nbformat.writes(notebook) + "\n"
    student = student_notebook(folder.name, solution)
    solutions.mkdir(parents=True, exist_ok=True)
    for path, text in ((solutions / f"{folder.name}.ipynb", solution), (folder / f"{folder.name}.ipynb", student)):
        write_whole(path, text)
    return run


def keep_outputs(folder: Path, solutions: Path) -> None:
    """Write both notebooks of a lesson anew without running them: the outputs that are committed stay.

    This is right where texts have changed, comments and docstrings too, or what the builder adds to a lesson, and
    nothing that the code does.

    Raises:
        BuildError: there is no solution yet, code has changed, or a text that has numbers of the run in it.
    """
    draft, answered = draft_lesson(folder), answers_of(load_checked(folder))
    path = solutions / f"{folder.name}.ipynb"
    if not path.is_file():
        raise BuildError(folder / "lesson.md", 1, f"there is no solutions/{path.name} yet: build it without --no-run.")
    there = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    notebook = draft.notebook()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        was = there.get(cell.id)
        if cell.cell_type == "markdown" and marks_of(cell.source):
            if was is None or values_in(cell.source, was.source) is None:
                raise BuildError(*draft.places[cell.id], "this text has numbers of the run: build it without --no-run.")
            cell.source = was.source
        elif cell.cell_type == "code" and cell.id != BEGIN and not (was and _do_the_same(was.source, cell.source)):
            raise BuildError(*draft.places[cell.id], "this code has changed: build it without --no-run.")
    new, old = ([cell.id for cell in cells if cell.cell_type == "code" and cell.id != BEGIN]
                for cells in (code, there.values()))  # fmt: skip
    if new != old:
        raise BuildError(folder / "lesson.md", 1, "cells with code were moved or taken out: build it without --no-run.")
    for number, cell in enumerate(code, 1):
        cell.execution_count, cell.outputs = number, there[cell.id].outputs if cell.id in there else []
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    solution = nbformat.writes(notebook) + "\n"
    student = student_notebook(folder.name, solution)
    refuse_leaks(draft, student, answered)
    write_whole(path, solution)
    write_whole(folder / f"{folder.name}.ipynb", student)


def _do_the_same(source: str, other: str) -> bool:
    """Do two cells differ in comments, docstrings and white space at most?"""
    try:
        return source == other or _without_words(source) == _without_words(other)
    except SyntaxError:  # a line of magic
        return False


def _without_words(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def draft_lesson(folder: Path) -> Draft:
    """The solved notebook of a lesson, not executed.

    Raises:
        BuildError: the sources are at fault; the message says where.
    """
    folder = folder.resolve()
    path = folder / "lesson.md"
    for name in ("lesson.md", REFERENCE, f"{CHECKS}/__init__.py"):
        if not (folder / name).is_file():
            raise BuildError(folder / name, 1, f"there is no such file; {PARTS_OF_A_LESSON}")
    pieces = read_pieces(path)
    lesson = load_checked(folder)
    for name, described in lesson.exercises.items():
        if not described.questions and not (folder / ANSWERS / f"{name}.py").is_file():
            raise BuildError(folder / ANSWERS / f"{name}.py", 1, f"there is no such file; {PARTS_OF_A_LESSON}")
    _check_places(pieces, lesson, path)
    check_predictions(pieces, path)
    answered = answers_of(lesson)
    if not says(path, BEFORE_GATES):
        check_teaching(pieces, {name: (one.exercise, one.answer) for name, one in answered.items()}, lesson, path)
    draft = Draft(lesson.name)
    exercise = ""
    begun = False
    for piece, following in pairwise([*pieces, None]):
        assert piece is not None
        if piece.kind != "text" and not begun:
            for cell in begin_cells(lesson.name, address_of(folder.parent.parent)):
                draft.add(cell, path, piece.line)
            begun = True
        if piece.kind == "exercise":
            exercise = piece.name
            one = answered[exercise]
            draft.add(head_cell(one.exercise), path, piece.line)
            draft.add(answer_cell(one.exercise, one.answer.marked(), one.given), one.answer.path, one.answer.line)
        elif piece.kind == "written":
            for cell in written_cells(piece.name, piece.source):
                draft.add(cell, path, piece.line)
        elif piece.kind == "text":
            draft.add(text_cell(piece.source, draft), path, piece.line)
        elif "try" in piece.tags:
            draft.add(try_cell(piece.source, piece.tags, exercise, draft), path, piece.line)
        else:
            draft.add(demo_cell(piece.source, piece.tags, draft), path, piece.line)
        if exercise and not (following and "try" in following.tags):
            draft.add(check_cell(answered[exercise].exercise), path, piece.line)
            exercise = ""
    return draft


def load_checked(folder: Path) -> Lesson:
    """Load a lesson's Python files; their errors become ours, with file and line."""
    folder = folder.resolve()
    try:
        return load_lesson(folder)
    except StorytellerError as error:
        named = re.match(r"Exercise (\w+)", str(error))
        place = _described(folder, named[1]) if named else (folder / CHECKS / "__init__.py", 1)
        raise BuildError(*place, str(error)) from error
    except Exception as error:
        stack = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in stack if Path(frame.filename).is_relative_to(folder)]
        if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(folder):
            raise BuildError(Path(error.filename), error.lineno or 1, f"not Python: {error.msg}.") from error
        if not frames:
            raise
        place = Path(frames[-1].filename), frames[-1].lineno or 1
        raise BuildError(*place, f"{type(error).__name__}: {error}") from error


def answers_of(lesson: Lesson) -> dict[str, Answered]:
    """Each exercise of a lesson with its answer, by name.

    Raises:
        BuildError: an answer is missing or not of the form that the builder needs, or a known answer does not fit the
            reference.
    """
    return {name: _answered(exercise, lesson) for name, exercise in lesson.exercises.items()}


def _answered(exercise: Exercise, lesson: Lesson) -> Answered:
    name, path, given = exercise.name, lesson.folder / REFERENCE, lesson.given_code(exercise.name)
    answer = answer_of(name, lesson.reference, path)
    if exercise.questions:
        answer = replace(answer, path=lesson.folder / CHECKS / f"{name}.py", line=1)
        return Answered(
            exercise, answer, _given_regions(answer, answer_source(exercise.questions, solved=False).rstrip())
        )
    wrong = [one for one in lesson.mistakes(name) if not one.is_as_given]  # the given code has its own place below
    others: list[Wrong | Right] = [*wrong, *lesson.alternatives(name)]
    for other in others:
        _applied(other, lesson, rf"""["']{other.name}["']""")
    if exercise.bug_hunt != (given is not None):
        wanted = f"an exercise with bug_hunt=True has a Given({name!r}, ...) in answers/{name}.py, others none."
        raise BuildError(*_described(lesson.folder, name), wanted)
    if given is None:
        check_steps(answer, exercise.scaffold)
        return Answered(exercise, answer, None)
    source = _applied(given, lesson, rf"""\bGiven\(\s*["']{name}["']""").rstrip("\n")
    answer = answer_of(name, lesson.reference, path, given=source)
    return Answered(exercise, answer, _given_regions(answer, source))


def _applied(known: KnownAnswer, lesson: Lesson, pattern: str) -> str:
    """The source of a known answer; `pattern` finds the line to point at where its change does not fit."""
    assert lesson.reference is not None
    try:
        return known.source(reference_source(lesson.reference, known.exercise))
    except StorytellerError as error:
        place = _line(lesson.folder / ANSWERS / f"{known.exercise}.py", pattern)
        raise BuildError(*place, str(error)) from error


def secrets_of(answered: dict[str, Answered]) -> dict[str, str]:
    """The lines of all answers that no student may read, each with its exercise's name."""
    return secret_lines((one.answer for one in answered.values()), {n: one.given or () for n, one in answered.items()})


def without_open_book(secrets: dict[str, str], lesson: Lesson) -> dict[str, str]:
    """The secret lines that may not stand in the library either.

    Its own functions are open book: those that an exercise names, as its stand-in or as what may not be called, and
    what these call in their modules.
    """
    names = {name for exercise in lesson.exercises.values() for name in exercise.forbidden}
    waiting, shown = [resolve(name) for name in names if name.startswith("storyteller.")], {}
    while waiting:
        one = inspect.unwrap(waiting.pop())
        if (inspect.isfunction(one) or inspect.isclass(one)) and one not in shown:
            shown[one] = squeezed(inspect.getsource(one))
            around = vars(sys.modules[one.__module__])
            used = re.findall(r"\w+", inspect.getsource(one))
            waiting += [around[name] for name in used if getattr(around.get(name), "__module__", "") == one.__module__]
    return {line: exercise for line, exercise in secrets.items() if not any(line in text for text in shown.values())}


def refuse_leaks(draft: Draft, student: str, answered: dict[str, Answered]) -> None:
    """Raise a BuildError if the student notebook has a line of an answer."""
    notebook = nbformat.reads(student, as_version=4)
    for cell, number, line, name in leaks_in_notebook(notebook, secrets_of(answered)):
        path, at = draft.places.get(cell, (Path(draft.lesson) / "lesson.md", 1))
        raise BuildError(path, at + number, f"this line of the answer to {name!r} is left for students to read: {line}")


def _given_regions(answer: MarkedAnswer, source: str) -> list[str]:
    """A bug hunt's given code, cut like the answer."""
    lines = source.split("\n")
    regions = regions_of(answer.name, source, answer.path, answer.line, given=answer.source)
    cut = MarkedAnswer(answer.name, source, answer.path, answer.line, regions)
    outside = []
    for marked in (answer, cut):
        inside = {number for start, stop in marked.regions for number in range(start, stop)}
        outside.append([text for number, text in enumerate(marked.source.split("\n")) if number not in inside])
    if outside[0] != outside[1] or not regions:
        raise BuildError(answer.path, answer.line, f"Given({answer.name!r}) must change the body and nothing else.")
    return ["\n".join(lines[start:stop]) for start, stop in regions]


def _check_places(pieces: list[Piece], lesson: Lesson, path: Path) -> None:
    """Do the directives and the checks name the same exercises, once each, and do the points add up?"""
    seen: dict[str, int] = {}
    before: Piece | None = None
    for piece in pieces:
        if piece.kind in ("exercise", "written"):
            ids = [piece.name, f"{piece.name}-head", f"{piece.name}-check"]
            for name in ids if piece.kind == "exercise" else ids[:2]:
                if name in seen:
                    raise BuildError(path, piece.line, f"{name!r} has a cell from line {seen[name]} already.")
                seen[name] = piece.line
        if piece.kind == "exercise":
            if piece.name not in lesson.exercises:
                known = ", ".join(lesson.exercises)
                raise BuildError(path, piece.line, f"unknown exercise {piece.name!r}; checks has {known}.")
            for name in lesson.exercises[piece.name].builds_on:
                if name not in seen:
                    raise BuildError(path, piece.line, f"{piece.name!r} builds on {name!r}, which must come before it.")
        if "try" in piece.tags and not (before and (before.kind == "exercise" or "try" in before.tags)):
            raise BuildError(path, piece.line, "a cell tagged `try` stands directly after `exercise: NAME`.")
        before = piece
    for name in lesson.exercises:
        if name not in seen:
            place = _described(lesson.folder, name)
            raise BuildError(*place, f"the exercise {name!r} has no line `exercise: {name}` in lesson.md.")
    total = sum(exercise.points for exercise in lesson.exercises.values() if not exercise.bonus)
    if total != POINTS:
        place = _line(lesson.folder / CHECKS / "__init__.py", r"\bEXERCISES\b")
        raise BuildError(*place, f"the automatic points add up to {total}, not to {POINTS}; bonus exercises apart.")


def _described(folder: Path, name: str) -> tuple[Path, int]:
    """Where an exercise is described, for an error."""
    return _line(folder / CHECKS / f"{name}.py", rf"""Exercise\(\s*["']{name}["']""")


def _line(path: Path, pattern: str) -> tuple[Path, int]:
    """Where in a file a pattern is found first, for an error."""
    text = path.read_text(encoding="utf-8")
    match = re.search(pattern, text)
    return path, 1 + (text[: match.start()].count("\n") if match else 0)


def drift_of_sources(folder: Path, solutions: Path) -> list[str]:
    """What has drifted in a lesson's two notebooks, outputs apart; a line each, with the file and line to look at.

    Raises:
        BuildError: the sources cannot be built at all.
    """
    draft = draft_lesson(folder)
    paths = solutions / f"{folder.name}.ipynb", folder / f"{folder.name}.ipynb"
    for path in paths:
        if not path.is_file():
            return [f"{path.parent.name}/{path.name} is missing: run make lessons."]
    solution, student = (path.read_bytes().decode("utf-8") for path in paths)
    faults = _compare(draft, nbformat.reads(solution, as_version=4))
    if student != student_notebook(folder.name, solution):
        faults.append(
            f"{folder.name}/{folder.name}.ipynb is not what nbgrader makes of solutions/{folder.name}.ipynb; notebooks "
            "are built, not edited: run make lessons."
        )
    return faults


def drift_of_outputs(folder: Path, solutions: Path) -> ExecutionCost:
    """Execute the committed solution with the network off and compare its outputs; what it cost, and what differs."""
    run = ExecutionCost(folder.name)
    notebook = solutions / f"{folder.name}.ipynb"
    with student_copy(folder) as work:
        nbformat.write(_with_number_checks(notebook, draft_lesson(folder)), work / notebook.name)
        (work / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        options = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={_PATTERNS}"]
        options += [f"--nbval-cell-timeout={CELL_LIMIT}", "--nbval-kernel-startup-timeout=180"]
        options += ["-q", "--color=no", "--tb=short", "-p", "no:cacheprovider", "-c", "pytest.ini", notebook.name]
        command = [sys.executable, "-m", "storyteller_grading.offline", sys.executable, "-m", "pytest", *options]
        with (
            subprocess.Popen(
                command,
                cwd=work,
                env=environment_of(work),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            ) as process,
            measured(run, process.pid),
        ):
            output, _ = process.communicate()
    if process.returncode:
        run.faults.append(output[-8000:])
    return run


def _with_number_checks(solution: Path, draft: Draft) -> NotebookNode:
    """The committed solution, with a cell below each text that has numbers of the run: it computes them once more."""
    notebook: NotebookNode = nbformat.read(solution, as_version=4)
    marked = {cell.id: cell.source for cell in draft.cells if cell.cell_type == "markdown" and marks_of(cell.source)}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.id in marked:
            cells.append(number_check(marked[cell.id], cell.source))
    notebook.cells = cells
    return notebook


def _compare(draft: Draft, committed: NotebookNode) -> list[str]:
    """The cells that differ, with the places they come from; a text or demo that was edited has another id."""
    name = f"solutions/{draft.lesson}.ipynb"
    expected, found = draft.notebook(), copy.deepcopy(committed)
    for cell in found.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    places = {cell: f"{path.parent.name}/{path.name}:{line}" for cell, (path, line) in draft.places.items()}
    committed_cells = {cell.id: cell for cell in found.cells}
    faults = []
    for cell in expected.cells:
        there = committed_cells.get(cell.id)
        if there and cell.cell_type == "markdown" and values_in(cell.source, there.source) is not None:
            cell.source = there.source  # the numbers of the run are compared when the notebook is run
        if cell.id not in committed_cells:
            faults.append(f"{places[cell.id]}: this cell is not in {name} as it stands here.")
        elif cell != committed_cells[cell.id]:
            faults.append(f"{places[cell.id]}: the cell {cell.id!r} of {name} differs.")
    if not faults:  # otherwise they are what those cells were
        faults = [f"{name}: the cell {cell!r} has no source." for cell in committed_cells if cell not in places]
    if not faults and [cell.id for cell in expected.cells] != [cell.id for cell in found.cells]:
        faults.append(f"{name}: its cells are in another order than lesson.md's.")
    if not faults and expected != found:
        faults.append(f"{name}: the notebook's own metadata differ.")
    return faults
