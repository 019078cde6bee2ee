"""The student's own folder: the lessons are copied there, and updating the course never overwrites answers.

    my-lessons/
      01_data_preparation/
        01_data_preparation.ipynb    the student's; only `storyteller reset` changes it, one cell at a time
        checks/                      the course's; brought up to date with the course
        .course/                     the reference and known answers, which checks need; out of sight
        kept/                        what `storyteller reset` or an update put aside
      solutions/                     the course's: solved, with outputs
      .storyteller/                  what was copied, and what is solved; losing it loses no answer

A class gets the lessons from its instructor, and without the answers: such a folder is found by the `mistakes.zip` in
each lesson, and nothing is copied into it.

A file is brought up to date when it is still as it was copied. A notebook counts as untouched while its cells'
text is: that it was run or saved does not make it the student's.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePath

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_json, write_whole
from storyteller_course.exercises.lesson import ANSWERS, CHECKS, HIDDEN, MISTAKES, REFERENCE
from storyteller_course.notebook.progress_store import FOLDER as STATE

DEFAULT = Path("my-lessons")
COPIED = "copied.json"  # in STATE: file -> fingerprint of what was copied
KEPT = "kept"
SOLUTIONS = "solutions"
FOR_BUILDING = {"lesson.md"}  # the builder's, of no use to a student


def course_lessons() -> list[Path]:
    """The folders of the course's lessons, in order.

    Raises:
        StorytellerError: the package was installed without the rest of the course.
    """
    import storyteller

    lessons = lessons_in(Path(storyteller.__file__).resolve().parents[2] / "lessons")
    if not lessons:
        raise StorytellerError(
            "The lessons are not part of the installed package: clone the course's repository and install it from "
            'there with pip install -c constraints.txt -e ".[lessons]".'
        )
    return lessons


def lessons_in(folder: Path) -> list[Path]:
    """The folders of the lessons in a folder, the course's or a student's, in order."""
    return sorted(path.parent for path in folder.glob("[0-9][0-9]_*/*.ipynb") if path.stem == path.parent.name)


def find_lesson(lessons: Sequence[Path], asked: str) -> Path:
    """The lesson that is meant by `1`, `01` or `01_data_preparation`.

    Raises:
        StorytellerError: there is no such lesson.
    """
    if lesson := lesson_named(lessons, asked):
        return lesson
    names = ", ".join(folder.name for folder in lessons) or "none"
    raise StorytellerError(f"There is no lesson {asked!r}; the lessons are: {names}.")


def lesson_named(lessons: Sequence[Path], asked: str) -> Path | None:
    """The lesson that is meant by `1`, `01` or `01_data_preparation`, None where there is none."""
    number = asked.zfill(2) if asked.isdigit() else None
    return next((folder for folder in lessons if asked == folder.name or number == folder.name[:2]), None)


def notebook_of(lesson: Path) -> Path:
    """The notebook of a lesson's folder."""
    return lesson / f"{lesson.name}.ipynb"


def find_work(asked: Path | None = None, *, cwd: Path | None = None) -> Path:
    """The student's folder: the one asked for, the one that we are in, or `my-lessons` here. It need not exist yet.

    A folder with lessons of a class release is the student's, be it that we are in it or in one of its lessons.

    Raises:
        StorytellerError: the folder asked for is a file, or the course's own.
    """
    here = (cwd or Path.cwd()).resolve()
    if asked is None:
        around = [folder for folder in (here, *here.parents) if (folder / STATE / COPIED).is_file()]
        around += [folder for folder in (here, here.parent) if is_release(folder)]
        return around[0] if around else here / DEFAULT
    work = (here / asked.expanduser()).resolve()
    if work.exists() and not work.is_dir():
        raise StorytellerError(f"{asked} is a file; --work wants a folder for your lessons, such as {DEFAULT}.")
    if any(any(folder.glob("[0-9][0-9]_*/lesson.md")) for folder in (work, work / "lessons")):
        raise StorytellerError(
            f"{asked} is where the course keeps its own lessons; --work wants a folder of your own, such as {DEFAULT}."
        )
    return work


def is_release(folder: Path) -> bool:
    """Are these the lessons of a class, as the instructor hands them out?"""
    return any((lesson / MISTAKES).is_file() for lesson in lessons_in(folder))


def fingerprint(file: Path) -> str:
    """A hash that changes when a file is edited; of a notebook, when the text of its cells is."""
    content = file.read_bytes()
    if file.suffix == ".ipynb":
        try:
            cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(content)["cells"]]
            content = json.dumps(cells).encode()
        except (ValueError, KeyError, TypeError):
            pass  # no notebook (any more): as any other file
    return hashlib.sha256(content).hexdigest()


@dataclass
class Delivery:
    """What was done with the course's files, by their names in the student's folder."""

    new: list[str] = field(default_factory=list)  # copied for the first time
    updated: list[str] = field(default_factory=list)  # as the student left them, replaced by the course's newer form
    kept: dict[str, Path] = field(default_factory=dict)  # replaced as well; the student had edited it: where that went
    waiting: list[str] = field(default_factory=list)  # notebooks with answers, of which the course has a newer form
    beside: dict[str, Path] = field(default_factory=dict)  # such notebooks whose newer form was put beside


def deliver(lessons: Sequence[Path], work: Path, *, beside: bool = False) -> Delivery:
    """Copy the course's lessons into the student's folder, and bring up to date what the student has not touched.

    Args:
        lessons: the folders of the course's lessons.
        work: the student's folder; made if need be.
        beside: put the newer form of a notebook with answers beside it.

    Raises:
        StorytellerError: the folder cannot be written to, or the disk is full.
    """
    try:
        (work / STATE).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorytellerError(
            f"{work} cannot be made or written to ({error.strerror}); name another folder with --work."
        ) from error
    copied = put_out_of_sight(work, read_copied(work))
    delivery = Delivery()
    for name, source in _course_files(lessons):
        if _bring(source, work, name, copied.get(name), delivery, beside=beside):
            copied[name] = fingerprint(source)
    write_json(work / STATE / COPIED, copied)
    return delivery


def _bring(source: Path, work: Path, name: str, copied: str | None, delivery: Delivery, *, beside: bool) -> bool:
    """One file; whether the student now has the course's present form of it."""
    target = work / name
    if not target.exists():
        delivery.new.append(name)
    else:
        wanted, found = fingerprint(source), fingerprint(target)
        if wanted in (copied, found):
            return True
        if found == copied:
            delivery.updated.append(name)
        elif target.suffix != ".ipynb" or target.parent.name == SOLUTIONS:
            delivery.kept[name] = put_aside(work / Path(name).parts[0], target.stem, target.suffix, target.read_bytes())
        elif beside:
            target = free_name(target.parent, f"{target.stem}-new", target.suffix)
            delivery.beside[name] = target
        else:
            delivery.waiting.append(name)
            return False
    write_whole(target, source.read_bytes())
    return True


def _course_files(lessons: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The names that the course's files have in a student's folder, and where they are in the course's."""
    for lesson in lessons:
        files = [*lesson.iterdir(), *(lesson / CHECKS).glob("*.py"), *(lesson / ANSWERS).glob("*.py")]
        for file in sorted(files):
            if file.is_file() and not file.name.startswith(".") and file.name not in FOR_BUILDING:
                yield name_in_work(file.relative_to(lesson.parent)), file
    for lesson in lessons:
        solution = lesson.parent.parent / SOLUTIONS / f"{lesson.name}.ipynb"
        if solution.is_file():
            yield f"{SOLUTIONS}/{solution.name}", solution


def name_in_work(course: PurePath) -> str:
    """The name that a file of the course has in a student's folder: what holds answers is out of sight there.

    >>> name_in_work(PurePath("01_data_preparation/answers/decode.py"))
    '01_data_preparation/.course/answers/decode.py'
    """
    lesson, *inside = course.parts
    return PurePath(lesson, *([HIDDEN] if inside[0] in (ANSWERS, REFERENCE) else []), *inside).as_posix()


def put_out_of_sight(work: Path, copied: dict[str, str]) -> dict[str, str]:
    """Move answers that an older version of the course put beside a notebook; gives what was copied, as it is now.

    Args:
        work: the student's folder.
        copied: what was copied, by name.
    """
    now = {}
    for name, mark in copied.items():
        hidden = name_in_work(PurePath(name))
        if hidden != name and HIDDEN not in PurePath(name).parts and (work / name).is_file():
            (work / hidden).parent.mkdir(parents=True, exist_ok=True)
            (work / name).replace(work / hidden)
            shutil.rmtree((work / name).parent / "__pycache__", ignore_errors=True)
            if not any((work / name).parent.iterdir()):
                (work / name).parent.rmdir()
        now[hidden] = mark
    return now


def read_copied(work: Path) -> dict[str, str]:
    """What was copied when; empty where that is not known (any more)."""
    try:
        copied = json.loads((work / STATE / COPIED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in copied.items()} if isinstance(copied, dict) else {}


def put_aside(lesson: Path, stem: str, suffix: str, content: bytes) -> Path:
    """Keep something in the lesson's folder `kept`, under a name that is free; returns where it went."""
    kept = free_name(lesson / KEPT, stem, suffix)
    write_whole(kept, content)
    return kept


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    """A name that no file of the folder has yet: `stem`, `stem-2`, `stem-3`, and so on.

    >>> free_name(Path("nowhere"), "count_pairs", ".py").name
    'count_pairs.py'
    """
    names = (folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}" for number in count(1))
    return next(name for name in names if not name.exists())
