"""Hands a lesson out to a class: a zip for an LMS, and nbgrader's own release for its exchange.

    handout = release_lesson(course, folder, wheel)
    handout.bundle     # COURSE/bundles/01_data_preparation.zip
    handout.release    # COURSE/release/01_data_preparation, which `nbgrader release_assignment` hands on

The zip has the library in addition, and a page that says how to begin: who fetches from the exchange works on a machine
that has the library. An instructor's own files in `source/LESSON`, a README.md say, are in both.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole, zipped
from storyteller_course.exercises.lesson import MISTAKES, Lesson
from storyteller_grading.builder.build import answers_of, load_checked, secrets_of, without_open_book
from storyteller_grading.builder.nbgrader_release import generate_assignment
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.course import Course, course_lock
from storyteller_grading.release.bundle import class_files, refuse_leaks, starting_files

UNWANTED = shutil.ignore_patterns("__pycache__", ".*")


@dataclass(frozen=True)
class Handout:
    """What was written."""

    bundle: Path  # the zip
    release: Path  # nbgrader's folder
    bundled: int  # bytes of the zip
    recorded: int  # bytes in it that tell what known mistakes give


def release_lesson(
    course: Course,
    folder: Path,
    wheel: Path,
    constraints: Path,
    *,
    begin: Callable[[int], None] = lambda total: None,
    step: Callable[[str], None] = lambda exercise: None,
) -> Handout:
    """Make a lesson's zip and nbgrader's release of it, and make the lesson known to nbgrader's gradebook.

    All is looked through before anything is written. Done again, it replaces what was released.

    Args:
        course: the class's.
        folder: the lesson's.
        wheel: the library, see `storyteller_grading.release.wheel`.
        constraints: the versions of all else to install.
        begin: called with how many exercises' known mistakes are to be recorded, which takes longest.
        step: called with each exercise whose mistakes are.

    Raises:
        StorytellerError: an answer or the course's secret would be told, the lesson's notebooks are not of one kind,
            submissions were graded under a release with other cells, or the course is being graded.
    """
    from nbgrader.converters.base import NbGraderException

    lesson, secret = load_checked(folder), course.secret()
    with (
        course.writing(),
        course_lock(course),
        tempfile.TemporaryDirectory(prefix=".release-", dir=course.folder) as place,
    ):
        root = Path(place).resolve()
        begin(len(lesson.exercises))
        files = class_files(lesson, step=step)
        _gather(course, lesson, root / "source" / lesson.name, files)
        try:
            released = generate_assignment(root, lesson.name)
        except NbGraderException as error:
            raise StorytellerError(
                f"nbgrader cannot make a release of {course.source / lesson.name} (it says why above); nothing was "
                "written."
            ) from error
        _refuse_other_notebook(course, lesson, released / lesson.notebook.name)
        handed = {path.relative_to(released).as_posix(): path.read_bytes() for path in _files_below(released)}
        handed = starting_files(lesson.name, wheel, constraints) | handed
        bundle = zipped({f"{lesson.name}/{name}": content for name, content in handed.items()})
        forms = [bytes.fromhex(secret)]  # each way in which a file may hold it
        for code in ("ascii", "utf-16-le", "utf-16-be"):
            forms += [form.encode(code) for form in (secret, secret.upper())]
        answers = secrets_of(answers_of(lesson))
        in_library = without_open_book(answers, lesson)
        refuse_leaks(f"{lesson.name}.zip", bundle, answers, forms, library=wheel.name, in_library=in_library)
        with LessonBook(course, lesson.name, released / lesson.notebook.name):
            pass  # makes it known to nbgrader
        return _put_in_place(course, lesson, root, bundle, len(files[MISTAKES]))


def _gather(course: Course, lesson: Lesson, target: Path, files: dict[str, bytes]) -> None:
    """What nbgrader makes the release from: the course's source, or the lesson's solution; and the class's files."""
    source = course.source / lesson.name
    if source.is_dir():
        for link in (path for path in source.rglob("*") if path.is_symlink()):
            raise StorytellerError(f"{link} is a link: put the file itself there, or take it out; nothing was written.")
        shutil.copytree(source, target, ignore=UNWANTED)
    target.mkdir(parents=True, exist_ok=True)
    notebook = target / lesson.notebook.name
    if not notebook.is_file():
        solution = _solution(lesson)
        if not solution.is_file():
            raise StorytellerError(f"There is no {solution}: storyteller-grade build {lesson.name[:2]} makes it.")
        shutil.copyfile(solution, notebook)
    for name, content in files.items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes(content)


def _solution(lesson: Lesson) -> Path:
    return lesson.folder.parents[1] / "solutions" / lesson.notebook.name


def _refuse_other_notebook(course: Course, lesson: Lesson, made: Path) -> None:
    """The judge knows the notebook of the lesson's folder; students must get that one."""
    if not lesson.notebook.is_file():
        raise StorytellerError(f"There is no {lesson.notebook}: storyteller-grade build {lesson.name[:2]} makes it.")
    if made.read_text(encoding="utf-8") != lesson.notebook.read_text(encoding="utf-8"):
        source = course.source / lesson.name / lesson.notebook.name
        raise StorytellerError(
            f"nbgrader makes another notebook of {source} than {lesson.notebook}, which the judge grades with. Move "
            f"{source.name} out of source/ and run this again: it is taken from {_solution(lesson)}. If they still "
            f"differ, storyteller-grade build {lesson.name[:2]} builds both anew."
        )


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _put_in_place(course: Course, lesson: Lesson, root: Path, bundle: bytes, recorded: int) -> Handout:
    """Nothing is refused any more. `source/` gets what its release is made from, so that formgrader makes the same."""
    for path in _files_below(root / "source" / lesson.name):
        target = course.source / lesson.name / path.relative_to(root / "source" / lesson.name)
        if not target.is_file() or target.read_bytes() != path.read_bytes():
            write_whole(target, path.read_bytes())
    release = course.release / lesson.name
    release.parent.mkdir(exist_ok=True)
    if release.exists():
        os.replace(release, root / "before")
    os.replace(root / "release" / lesson.name, release)
    place = course.bundles / f"{lesson.name}.zip"
    write_whole(place, bundle)
    return Handout(place, release, len(bundle), recorded)
