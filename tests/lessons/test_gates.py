"""The bars that every lesson must clear: see the table in docs/design.md. They hold for each folder under `lessons/`.

Solutions are executed and compared by `make notebooks-test`.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from gated import Course, template

from repository import ROOT
from storyteller.utils.atomic_io import zipped
from storyteller_course.exercises.known_answers import AS_GIVEN
from storyteller_course.exercises.recall import ASKED
from storyteller_course.exercises.stand_ins import resolve
from storyteller_course.grading.grade import grade
from storyteller_course.grading.known_mistakes import known_mistakes
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.builder.build import POINTS, answers_of, drift_of_sources, without_open_book
from storyteller_grading.builder.execute import run_cells
from storyteller_grading.builder.leaks import files_within, leaks_in, leaks_in_file, leaks_in_notebook
from storyteller_grading.builder.solution_regions import MAX_ANSWER_LINES
from storyteller_grading.judge.judge import judge_notebook
from storyteller_grading.release.bundle import class_files
from storyteller_grading.release.wheel import PARTS as WHEEL

# Of a lesson's head and end.
WORDS = (
    *("What you will build", "Why it matters", "Time:", "You need:", "../../solutions/", "Legend"),
    *("## What you have built", "Further reading"),
)
DIAGNOSED = 0.95  # of the known wrong answers
SEEDS = 20  # with which right answers must pass
DIGITS = 6  # that a number with a fraction may have in an output that is compared


TEMPLATE = "template"  # what new lessons are made from
LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*") if path.is_dir())


@pytest.fixture(scope="session", params=[*LESSONS, TEMPLATE])
def course(request, tmp_path_factory) -> Course:
    scratch = tmp_path_factory.mktemp("course")
    if request.param == TEMPLATE:
        return template(scratch)
    return Course(ROOT / "lessons" / request.param, ROOT / "solutions", scratch)


@pytest.fixture(scope="session")
def judge():
    """Grades a notebook, all of it or some exercises, with so many hidden inputs a case."""

    def run(course: Course, path: Path, *, only=None, draws: int = 3, secret: str | None = "the gates"):
        # These answers are our own: where no sandbox is to be had (macOS, Windows) they may run without.
        return judge_notebook(path, course.lesson, secret=secret, draws=draws, only=only, unsafe=True)

    return run


def test_no_notebook_has_drifted_from_its_sources(course):
    assert drift_of_sources(course.folder, course.solutions) == []


def test_no_compared_output_hangs_on_rounding(course):
    """Nor do more digits than processors agree on stand in it: print whether a difference is below a bound."""
    faults = []
    for cell in nbformat.read(course.solution, as_version=4).cells:
        if cell.cell_type == "code" and "nbval-ignore-output" not in cell.metadata.get("tags", []):
            texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs]
            faults += [f"{cell.id}: {number}" for text in texts for number in hanging_on_rounding(text)]
    assert faults == []


def test_numbers_that_hang_on_rounding_are_found():
    found = hanging_on_rounding("apart by 1.2e-07 or 0.0e+00 or 3E-5, 87.99999999999999 words, tensor(252083.7656)")
    assert found == ["1.2e-07", "0.0e+00", "3E-5", "87.99999999999999", "252083.7656"]
    assert hanging_on_rounding("5.18e+21 tensor([11.1920, 1550.0000]) 1,736,192 of 2,023.9, 0.00032, 90112.0") == []


def test_the_lesson_is_whole(course):
    """What docs/design.md asks of every lesson, once its front matter no longer says `draft: true`."""
    lesson, faults = course.lesson, []
    text = (course.folder / "lesson.md").read_text(encoding="utf-8")
    faults += [f"lesson.md says nowhere {words!r}" for words in WORDS if words not in text]
    counted = [one for one in lesson.exercises.values() if not one.bonus]
    graded = [one for one in counted if not one.questions]
    hunts = [one for one in lesson.exercises.values() if one.bug_hunt]
    written = [cell for cell in nbformat.read(course.student, as_version=4).cells
               if cell.metadata.get("storyteller", {}).get("role") == "written"]  # fmt: skip
    if not course.draft:
        faults += [f"{len(graded)} graded exercises, not 8 to 10"] * (not 8 <= len(graded) <= 10)
        faults += [f"{len(hunts)} bug hunts, not 2 or more"] * (len(hunts) < 2)
        alone = [one.name for one in counted if lesson.stand_in(one.name) is None and not one.questions]
        faults += [f"nothing stands in for {name}, for students who have not solved it" for name in alone]
    faults += [f"{len(written)} written answers, not 1"] * (len(written) != 1)
    faults += ["not 100 points"] * (sum(one.points for one in counted) != POINTS)
    for one in lesson.exercises.values():
        if one.questions:
            faults += [f"{one.name}: not {ASKED} questions"] * (len(one.questions) != ASKED)
            continue
        wanted = 5 if one.points >= 8 else 3
        wrong, right = len(lesson.mistakes(one.name)), len(lesson.alternatives(one.name))
        faults += [f"{one.name}: {wrong} known wrong answers, not {wanted}"] * (wrong < wanted)
        faults += [f"{one.name}: {right} right answers in another style, not 2"] * (right < 2)
        hints = 3 if one.scaffold == "steps" else 4  # the steps are the first of four
        faults += [f"{one.name}: {len(one.all_hints)} hints, not {hints}"] * (len(one.all_hints) != hints)
    assert faults == []


def test_every_answer_stands_in_the_reference_in_the_lessons_order(course):
    """The answers to a recall are in its pool."""
    answers = [one.answer for one in answers_of(course.lesson).values() if not one.exercise.questions]
    assert {answer.path for answer in answers} == {course.folder / "reference.py"}
    assert [answer.line for answer in answers] == sorted(answer.line for answer in answers)


def test_what_stands_in_needs_only_what_its_exercise_builds_on(course):
    """So that the judge can send it to a worker without the answer that is graded there."""
    lesson = course.lesson
    for name in lesson.plain.pieces.keys() & lesson.exercises.keys():
        needed = set(lesson.plain.needed([name])) & lesson.exercises.keys()
        assert needed <= {name, *lesson.foundations(name)}, name


def test_no_line_of_an_answer_stands_in_the_library_that_a_class_gets(course):
    """Its own functions, which the exercises name, apart."""
    secret = without_open_book(course.secrets, course.lesson)
    assert len(secret) > 0.8 * len(course.secrets)
    files = [
        path for package in WHEEL for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".md", ".html")
    ]
    assert len(files) > 250
    found = []
    for path in files:
        if "template" not in path.parts:
            leaks = leaks_in(path.read_text(encoding="utf-8"), secret)
            found += [f"{path}:{1 + number}: {line} (an answer to {name})" for number, line, name in leaks]
    assert found == []


def test_what_a_head_says_of_the_library_is_there(course):
    for exercise in course.lesson.exercises.values():
        if place := exercise.in_library:
            assert place.startswith("storyteller.")
            assert callable(resolve(place)), place


def test_answers_are_short(course):
    for name, one in answers_of(course.lesson).items():
        lines = [line for region in one.answer.hidden() for line in region.split("\n")]
        code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
        assert len(code) <= MAX_ANSWER_LINES, name


def test_no_line_of_an_answer_is_handed_out(course):
    secret, lesson = course.secrets, course.lesson
    assert leaks_in_notebook(nbformat.read(course.student, as_version=4), secret) == []
    for exercise in lesson.exercises.values():
        assert leaks_in("\n".join(exercise.all_hints), secret) == [], f"the hints of {exercise.name}"
        titles = "\n".join(case.title for case in exercise.cases)
        assert leaks_in(titles, secret) == [], f"the cases of {exercise.name}"
        for wrong in lesson.mistakes(exercise.name):
            assert leaks_in(wrong.explanation, secret) == [], f"what {wrong.name} of {exercise.name} explains"
    # A class gets the checks, with public seeds.
    for path in sorted((course.folder / "checks").glob("*.py")):
        leaks = leaks_in(path.read_text(encoding="utf-8"), secret)
        assert [f"{path.name}:{1 + number}: {line} (an answer to {name})" for number, line, name in leaks] == []


@pytest.mark.slow
def test_no_line_of_an_answer_is_in_what_a_class_gets(course):
    """Beside the notebook; what is recorded of the known wrong answers is read as the student's check reads it.

    What stands in for unsolved exercises is packed, and is the only place where answers are.
    """
    secret, files = course.secrets, class_files(course.lesson)
    leaks = {name: found for name, content in files_within("class.zip", zipped(files))
             if (found := leaks_in_file(name, content, secret))}  # fmt: skip
    assert [name for name in leaks if not name.startswith("class.zip/stand_ins.zip/")] == []
    assert leaks_in_file("stand_ins.zip", files["stand_ins.zip"], secret) == []
    assert class_files(course.lesson) == files  # or a wrong answer lacks `steady=False`


def test_an_untouched_notebook_earns_nothing(course, judge):
    result = judge(course, course.student)
    assert result.fault == ""
    assert {one.name: one.earned for one in result.exercises if one.earned} == {}


def test_the_solution_earns_all_points_in_the_judge(course, judge):
    result = judge(course, course.solution)
    assert failures(result) == []
    assert result.earned == result.points == POINTS


@pytest.mark.slow
def test_run_all_of_an_untouched_notebook_reaches_the_end(course):
    """Answers and their trials raise, checks say what is missing, and all else runs with the course's parts."""
    notebook = nbformat.read(course.student, as_version=4)
    raised = run_cells(notebook, course.folder, STORYTELLER_FAST="1").raised
    may_raise = {cell.id for cell in notebook.cells if "raises-exception" in cell.metadata.get("tags", [])}
    assert {name: error for name, error in raised.items() if name not in may_raise} == {}
    checks = [cell for cell in notebook.cells if cell.metadata.get("storyteller", {}).get("role") == "check"]
    assert all(cell.outputs for cell in checks)  # every check says that there is something to do
    quiet = [cell.id for cell in checks if cell.id not in raised]
    assert quiet == [f"{name}-check" for name, one in course.lesson.exercises.items() if one.bonus]  # nobody has to
    shown = [(cell.id, output.ename) for cell in checks for output in cell.outputs if output.output_type == "error"]
    assert shown == []  # the card is enough


@pytest.fixture(scope="session")
def judged_mistakes(course, judge):
    """Each known wrong answer with what the judge says of it, beside right answers to all else.

    Hidden inputs can take points away and name a mistake that public ones did not name, and nothing else. So they are
    drawn only where the public ones leave something to say.
    """
    found = []
    for name in course.lesson.exercises:
        for wrong in course.lesson.mistakes(name):
            submission = course.submission(name, course.source(wrong))
            [result] = judge(course, submission, only=[name], secret=None).exercises
            if result.earned == result.points or not result.mistake:
                [result] = judge(course, submission, only=[name]).exercises
            found.append((wrong, result))
    return found


@pytest.mark.slow
def test_every_known_wrong_answer_loses_points(judged_mistakes):
    passed = [f"{wrong.exercise}: {wrong.name}" for wrong, result in judged_mistakes if result.earned == result.points]
    assert passed == []


@pytest.mark.slow
def test_nearly_every_known_wrong_answer_is_explained_as_itself(judged_mistakes):
    groups = {(wrong.exercise, wrong.name): wrong.synonym_of or wrong.name for wrong, _ in judged_mistakes}
    others = [
        f"{wrong.exercise}: {wrong.name} is taken for {result.mistake or 'nothing known'}"
        for wrong, result in judged_mistakes
        if groups[wrong.exercise, wrong.name] != groups.get((wrong.exercise, result.mistake))
    ]
    print(f"{len(judged_mistakes) - len(others)} of {len(judged_mistakes)} are explained as themselves")
    assert len(others) <= (1 - DIAGNOSED) * len(judged_mistakes), others


def test_the_given_code_of_a_bug_hunt_is_answered_by_a_question(course):
    """No explanation of a known mistake, which would be the cause: half-mended code alone gets one."""
    lesson = course.lesson
    for name in [one.name for one in lesson.exercises.values() if one.bug_hunt]:
        student = InProcessStudent(lesson.namespace(lesson.given_code(name)))
        result = grade(lesson.exercises[name], student, mistakes=known_mistakes(lesson, name))
        red = [case for case in result.cases if not case.passed]
        assert (result.earned, result.mistake, {case.explanation for case in red}) == (0, "as_given", {AS_GIVEN}), name


@pytest.mark.slow
def test_the_reference_and_every_right_alternative_earn_all_points(course, judge):
    faults = failures(judge(course, course.solution, draws=SEEDS))
    for name in course.lesson.exercises:
        for right in course.lesson.alternatives(name):
            result = judge(course, course.submission(name, course.source(right)), only=[name], draws=SEEDS)
            faults += [f"{right.name}: {fault}" for fault in failures(result)]
    assert faults == []


@pytest.mark.slow
def test_the_solution_earns_all_points_in_stock_nbgrader(course, tmp_path):
    """A class that grades with nbgrader alone: its students have the checks, and neither reference nor answers."""
    for stage in ("source", "submitted/someone"):
        folder = tmp_path / stage / course.name
        folder.mkdir(parents=True)
        shutil.copy(course.solution, folder)
        shutil.copytree(course.folder / "checks", folder / "checks")
    config = (ROOT / "grading" / "nbgrader_config.py").read_text(encoding="utf-8")
    (tmp_path / "nbgrader_config.py").write_text(config, encoding="utf-8")
    nbgrader("generate_assignment", course.name, cwd=tmp_path)
    nbgrader("autograde", course.name, cwd=tmp_path)
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        notebook = book.find_submission_notebook(course.name, course.name, "someone")
        scores = {one.name: (one.auto_score, one.max_score) for one in notebook.grades if one.auto_score is not None}
    assert sum(score for score, _ in scores.values()) == POINTS, scores


@pytest.mark.slow
def test_nbgrader_validates_the_solution(course, tmp_path):
    """Without the demos, which nbgrader does not look at, and which the test above runs."""
    notebook = nbformat.read(course.solution, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    nbformat.write(notebook, tmp_path / course.solution.name)
    shutil.copytree(course.folder / "checks", tmp_path / "checks")
    config = (ROOT / "grading" / "nbgrader_config.py").read_text(encoding="utf-8")
    (tmp_path / "nbgrader_config.py").write_text(config, encoding="utf-8")
    said = nbgrader("validate", course.solution.name, cwd=tmp_path, STORYTELLER_LESSON=str(course.folder))
    assert "Success! Your notebook passes all the tests." in said


def hanging_on_rounding(text: str) -> list[str]:
    """The numbers of a text that are as small as a rounding error, or that have a fraction and more than six digits."""
    found = []
    for number in re.finditer(r"(?<![\w.])(\d[\d,]*)(\.\d+)?(e[+-]?\d+)?", text, re.IGNORECASE):
        whole, fraction, exponent = number.groups(default="")
        digits = (whole + fraction).translate({ord(","): None, ord("."): None}).strip("0")
        tiny = exponent and int(exponent[1:]) <= 0
        if tiny or (float(fraction or 0) and len(digits) > DIGITS):
            found.append(number.group())
    return found


def failures(result) -> list[str]:
    """What did not pass, in words."""
    return [
        f"{one.name}: {case.title}: {case.message}" for one in result.exercises for case in one.cases if not case.passed
    ]


def nbgrader(*arguments: str, cwd: Path, **variables: str) -> str:
    """Run nbgrader's own command; it calls alembic by name, so its folder must be on the path."""
    folder = str(Path(sys.executable).parent)
    path = folder + os.pathsep + os.environ["PATH"]
    environment = {**os.environ, "PATH": path, "STORYTELLER_FAST": "1", "STORYTELLER_STATE": "off", **variables}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr[-5000:]
    return result.stdout + result.stderr
