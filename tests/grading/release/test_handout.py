"""What a class gets of a lesson: all that a student needs, and no line of an answer."""

import bz2
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nbformat
import pytest
from class_course import SECRET, make_course, template_lesson, write_notebooks
from nbgrader.api import Gradebook

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import zipped
from storyteller_course import load_lesson
from storyteller_course.exercises.known_answers import reference_source
from storyteller_grading.builder.leaks import files_within
from storyteller_grading.builder.nbgrader_release import generate_assignment
from storyteller_grading.classroom.course import Course, course_lock
from storyteller_grading.cli import main
from storyteller_grading.release.handout import Handout, release_lesson

NAME = "06_next_letter"
WHEEL = "storyteller-0.1.0-py3-none-any.whl"
CHECKS = [f"checks/{name}.py" for name in ("__init__", "chances", "count_next", "most_likely", "oracles")]
IN_RELEASE = [f"{NAME}.ipynb", *CHECKS, "mistakes.zip", "stand_ins.zip", "steps.json", "wanted.zip"]
IN_BUNDLE = sorted([*IN_RELEASE, "README.md", "constraints.txt", "requirements.txt", WHEEL])
# Characters that mean something in a pattern or in a database's address; Windows has no `?` and `*` in names.
ODD_PATH = "a [1] b%20c#d" if os.name == "nt" else "a [1]?* b%20c#d"
ANSWER = "row[second] = row.get(second, 0) + 1"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """The template lesson with both notebooks."""
    folder = template_lesson(tmp_path_factory.mktemp("handout")).folder
    write_notebooks(folder)
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> tuple[Path, Path]:
    """A wheel and constraints, not the real ones."""
    folder = tmp_path_factory.mktemp("library")
    (folder / WHEEL).write_bytes(zipped({"storyteller/__init__.py": b""}))
    (folder / "constraints.txt").write_text("torch==2.9.0\n", encoding="utf-8")
    return folder / WHEEL, folder / "constraints.txt"


@pytest.fixture(scope="module")
def released(home, library, tmp_path_factory) -> tuple[Course, Handout]:
    course = make_course(tmp_path_factory.mktemp("class") / ODD_PATH)
    return course, release_lesson(course, home, *library)


@pytest.fixture
def lesson(home, tmp_path) -> Path:
    """A copy of the lesson, to be changed."""
    shutil.copytree(home.parents[1], tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "course" / "lessons" / NAME


def files_below(folder: Path) -> list[str]:
    """All files of a folder, by their names from there."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def names_in(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_zip_and_the_release_hold_what_a_student_needs_and_no_answers(home, released):
    course, handout = released
    assert names_in(handout.bundle) == [f"{NAME}/{name}" for name in IN_BUNDLE]
    assert files_below(handout.release) == IN_RELEASE
    assert (handout.release / f"{NAME}.ipynb").read_bytes() == (home / f"{NAME}.ipynb").read_bytes()
    lines = [line.strip() for line in (home / "reference.py").read_text(encoding="utf-8").split("\n")]
    secret = [
        line for line in lines if line.startswith(("row", "counts:", "for first", "total", "return {", "return min"))
    ]
    assert len(secret) >= 6
    for name, content in files_within("zip", handout.bundle.read_bytes()):
        if "/stand_ins.zip/" in name:  # packed: what `use` gives
            continue
        text = content.decode("utf-8", "replace")
        assert not [line for line in secret if line in text], name
        assert SECRET not in text
    assert not [path for path in course.folder.iterdir() if path.name.startswith(".release-")]
    assert [path.name for path in course.folder.parent.iterdir()] == [ODD_PATH]


def test_nbgrader_knows_the_lesson_and_would_make_the_same_release(released, tmp_path):
    course, handout = released
    with Gradebook(course.gradebook_url) as book:
        assert book.find_assignment(NAME).max_score == 110  # with the written answer
    shutil.copytree(course.source, tmp_path / "source")
    again = generate_assignment(tmp_path.resolve(), NAME)
    for name in files_below(handout.release):
        assert (again / name).read_bytes() == (handout.release / name).read_bytes(), name


def test_released_again_it_is_the_same_and_what_is_new_takes_its_place(released, lesson, library, tmp_path):
    course, handout = released
    before = handout.bundle.read_bytes()
    shutil.copytree(course.folder, tmp_path / "own")
    own = Course.open(tmp_path / "own")
    assert release_lesson(own, lesson, *library).bundle.read_bytes() == before
    (own.release / NAME / "left.txt").write_text("old", encoding="utf-8")
    (own.source / NAME / "README.md").write_text("Come to room 5.", encoding="utf-8")  # the instructor's own page
    checks = lesson / "checks" / "chances.py"
    checks.write_text(checks.read_text(encoding="utf-8") + "# newer\n", encoding="utf-8")
    second = release_lesson(own, lesson, *library)
    assert (second.release / "checks" / "chances.py").read_bytes().endswith(b"# newer\n")
    assert files_below(second.release) == sorted([*IN_RELEASE, "README.md"])
    assert names_in(second.bundle) == names_in(handout.bundle)
    with zipfile.ZipFile(second.bundle) as archive:
        assert archive.read(f"{NAME}/README.md") == b"Come to room 5."


def plant(kind: str, lesson: Path, course: Course) -> None:
    """Put a line of an answer, or a secret, where a student would get it."""
    source = course.source / NAME
    if kind in ("hint", "checks", "explanation"):
        path = lesson / {"explanation": "answers", "hint": "checks", "checks": "checks"}[kind] / "count_next.py"
        old, new = {
            "hint": ('"Put a finger on', f'"Write {ANSWER}. Put a finger on'),
            "checks": ("count_next = E", f"#   {ANSWER}\ncount_next = E"),
            "explanation": ('"Each pair is counted once', f'"Write `{ANSWER}`. Each pair is counted once'),
        }[kind]
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    elif kind == "metadata":
        write_notebooks(lesson, remark=f"the answer is {ANSWER}")
    else:
        source.mkdir(parents=True)
        name, content = {
            "file": ("notes.txt", f"tip:\n\t{ANSWER}".encode()),
            "file in a zip": ("more.zip", zipped({"a/b.zip": zipped({"tip.md": ANSWER.encode()})})),
            "reference": ("reference.py", b"pass\n"),
            "answers": ("answers/count_next.py", b"pass\n"),
            "secret": ("notes.txt", SECRET.upper().encode()),
            "secret in a zip": ("more.zip", zipped({"tip": bytes.fromhex(SECRET)})),
            "secret in a line": ("notes.txt", f"secret = {SECRET}".encode()),
            "secret, wide": ("notes.txt", SECRET.encode("utf-16")),
            "encrypted": ("more.zip", encrypted()),
            "wide text": ("notes.txt", ANSWER.encode("utf-16")),
            "tar": ("more.tar.gz", tarred("tip.md", ANSWER.encode())),
            "bzip2": ("more.bz2", bz2.compress(ANSWER.encode())),
            "damaged": ("more.gz", gzip.compress(b"tip")[:-9]),
            "rar": ("more.rar", b"Rar!\x1a\x07\x00"),
            "disguised zip": ("more.bin", b"#!" + zipped({"tip.md": ANSWER.encode()})),
        }[kind]
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(content)


def tarred(name: str, content: bytes) -> bytes:
    """A .tar.gz with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def encrypted() -> bytes:
    """A zip whose file says that it is encrypted."""
    content = bytearray(zipped({"tip.md": b"x"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("hint", r"checks/count_next\.py, line \d+ .* answer to 'count_next'"),
        ("checks", r"checks/count_next\.py, line \d+ .* answer to 'count_next'"),
        ("explanation", r"mistakes\.zip/count_next, line \d+ .* answer to 'count_next'"),
        ("metadata", r"\.ipynb, line \d+ .* answer to 'count_next'"),
        ("file", r"notes\.txt, line 2 .* answer to 'count_next'"),
        ("file in a zip", r"more\.zip/a/b\.zip/tip\.md, line 1 .* answer to 'count_next'"),
        ("reference", r"reference\.py would be handed out"),
        ("answers", r"answers/count_next\.py would be handed out"),
        ("secret", r"notes\.txt holds the course's secret"),
        ("secret in a zip", r"more\.zip/tip holds the course's secret"),
        ("secret in a line", r"notes\.txt holds the course's secret"),
        ("secret, wide", r"notes\.txt holds the course's secret"),
        ("encrypted", r"more\.zip: .*encrypted"),
        ("wide text", r"notes\.txt, line 1 .* answer to 'count_next'"),
        ("tar", r"more\.tar\.gz/unpacked, line 1 .* answer to 'count_next'"),
        ("bzip2", r"more\.bz2/unpacked, line 1 .* answer to 'count_next'"),
        ("damaged", r"cannot be looked into for answers \(.*more\.gz: "),
        ("rar", r"more\.rar: only zip, gzip, bzip2 and xz"),
        ("disguised zip", r"more\.bin/tip\.md, line 1 .* answer to 'count_next'"),
    ],
)
def test_what_would_tell_too_much_is_refused_and_nothing_is_written(lesson, library, tmp_path, kind, said):
    course = make_course(tmp_path / "own")
    plant(kind, lesson, course)
    with pytest.raises(StorytellerError, match=said) as caught:
        release_lesson(course, lesson, *library)
    assert "nothing was written" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert not course.bundles.exists()
    assert not course.release.exists()
    assert not (course.folder / "gradebook.db").exists()
    assert not (course.source / NAME / "checks").exists()


def test_a_link_in_source_is_named(lesson, library, tmp_path):
    course = make_course(tmp_path / "own")
    (course.source / NAME).mkdir(parents=True)
    try:
        (course.source / NAME / "data").symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("this system lets not everyone make links")
    with pytest.raises(StorytellerError, match="data is a link: put the file itself there"):
        release_lesson(course, lesson, *library)
    assert not course.bundles.exists()


def test_a_notebook_that_the_judge_does_not_know_is_refused(lesson, library, tmp_path):
    course = make_course(tmp_path / "own")
    (course.source / NAME).mkdir(parents=True)
    solution = (lesson.parents[1] / "solutions" / f"{NAME}.ipynb").read_text(encoding="utf-8")
    edited = solution.replace("Anyone who has read", "Whoever has read")
    assert edited != solution
    (course.source / NAME / f"{NAME}.ipynb").write_text(edited, encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"Move 06_next_letter\.ipynb out of source/"):
        release_lesson(course, lesson, *library)
    assert not course.bundles.exists()


def test_nothing_is_released_while_the_class_is_graded(lesson, library, tmp_path):
    course = make_course(tmp_path / "own")
    with course_lock(course), pytest.raises(StorytellerError, match="Another storyteller-grade"):
        release_lesson(course, lesson, *library)
    assert not course.bundles.exists()


def test_a_lesson_that_was_never_built_is_named(lesson, library, tmp_path):
    course = make_course(tmp_path / "own")
    (lesson.parents[1] / "solutions" / f"{NAME}.ipynb").unlink()
    with pytest.raises(StorytellerError, match="storyteller-grade build 06"):
        release_lesson(course, lesson, *library)


def test_a_students_folder_works_without_the_repository(released, home, tmp_path):
    """One answer is right, one is a known mistake, one is left as it was."""
    _, handout = released
    folder, lesson = unzip(handout.bundle, tmp_path), load_lesson(home)
    wrong = next(one for one in lesson.mistakes("chances") if one.name == "percent")
    sources = {name: reference_source(lesson.reference, name) for name in ("count_next", "chances")}
    cells = run_answers(folder, sources | {"chances": wrong.source(sources["chances"])})
    assert "count_next: 40 of 40 points" in card(cells["count_next-check"])
    assert error_of(cells["count_next-check"]) == ""
    assert wrong.explanation in card(cells["chances-check"])
    assert "chances: " in error_of(cells["chances-check"])
    assert "most_likely: 0 of 20" in error_of(cells["most_likely-check"])
    noted = json.loads((tmp_path / ".storyteller" / "progress.json").read_text(encoding="utf-8"))
    assert {name: one["solved"] for name, one in noted["lessons"][NAME].items()} == {
        "count_next": True,
        "chances": False,
        "most_likely": False,
    }


def unzip(bundle: Path, place: Path) -> Path:
    """Take a lesson out of its zip; its folder."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(place)
    return place / bundle.stem


def run_answers(folder: Path, answers: dict[str, str], **variables: str) -> dict[str, nbformat.NotebookNode]:
    """Run the notebook of a folder with these answers, in that folder, whatever its cells raise; the cells by id."""
    from nbclient import NotebookClient

    [path] = folder.glob("*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.id in answers:
            cell.source = answers[cell.id]
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("STORYTELLER_")}

    def note(cell: nbformat.NotebookNode, cell_index: int, execute_reply: dict) -> None:
        cell.metadata["error"] = execute_reply["content"]["evalue"]

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        allow_errors=True,
        on_cell_error=note,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**theirs, "STORYTELLER_FAST": "1", "CUDA_VISIBLE_DEVICES": "", **variables})
    return {cell.id: cell for cell in notebook.cells}


def card(cell: nbformat.NotebookNode) -> str:
    """The text of the card that a check shows."""
    return "\n".join(one.data["text/plain"] for one in cell.outputs if one.output_type == "display_data")


def error_of(cell: nbformat.NotebookNode) -> str:
    """What its kernel says of the error that ended a cell; of a failed check the page shows the card alone."""
    return cell.metadata.get("error", "")


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory) -> Course:
    """A course of the real lessons that has handed out the first one, by the commands."""
    folder = tmp_path_factory.mktemp("real") / "moe"
    for arguments in (["init", str(folder)], ["release", "01", "--course", str(folder)]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
    return Course.open(folder)


@pytest.mark.slow
def test_lesson_01_works_in_a_students_folder_with_the_library_that_comes_with_it(handed_out, tmp_path):
    folder = unzip(handed_out.bundles / "01_data_preparation.zip", tmp_path)
    [wheel] = folder.glob("storyteller-*+h*-py3-none-any.whl")  # a library that is mended has another version
    assert f"./{wheel.name}[lessons]" in (folder / "requirements.txt").read_text(encoding="utf-8")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    lesson = load_lesson(ROOT / "lessons" / folder.name)
    wrong = lesson.mistakes("count_pairs")[0]
    sources = {name: reference_source(lesson.reference, name) for name in ("split_corpus", "count_pairs")}
    answers = sources | {"count_pairs": wrong.source(sources["count_pairs"])}
    cells = run_answers(folder, answers, PYTHONPATH=str(tmp_path / "site"))
    checks = {name: cells[f"{name}-check"] for name in lesson.exercises}
    assert all(cell.execution_count for cell in cells.values() if cell.cell_type == "code" and cell.source)
    assert wrong.explanation in card(checks["count_pairs"])
    assert error_of(checks["split_corpus"]) == ""
    to_do = {name for name, exercise in lesson.exercises.items() if not exercise.bonus} - {"split_corpus"}
    assert {name for name, cell in checks.items() if error_of(cell)} == to_do  # what is unsolved, bonuses aside
    demos = [cell for cell in cells.values() if cell.metadata.get("storyteller", {}).get("role") is None]
    assert [error_of(cell) for cell in demos if cell.cell_type == "code" and error_of(cell)] == []
    command = [sys.executable, "-m", "storyteller", "progress", "01"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=True)
    assert "solved  split_corpus" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="nbgrader's exchange needs Linux or macOS")
def test_nbgraders_exchange_takes_the_release(handed_out, tmp_path):
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    command = [sys.executable, "-m", "nbgrader", "release_assignment", "01_data_preparation"]
    done = subprocess.run(
        [*command, f"--Exchange.root={exchange}"], cwd=handed_out.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    released = exchange / "moe" / "outbound" / "01_data_preparation"
    assert sorted(path.name for path in released.iterdir()) == [
        "01_data_preparation.ipynb",
        *("checks", "mistakes.zip", "stand_ins.zip", "steps.json", "wanted.zip"),
    ]
    checks = sorted((ROOT / "lessons" / "01_data_preparation" / "checks").glob("*.py"))
    assert files_below(released / "checks") == [path.name for path in checks]
