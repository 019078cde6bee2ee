"""Which lesson does an exercise belong to, seen from where a notebook runs?"""

import difflib
import os
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import Lesson, is_lesson, load_lesson

_begun: list[str] = []  # the lesson that the notebook's first cell names


def begin(name: str) -> None:
    """Have `check` and the others find a lesson's files, wherever its notebook lies; each notebook calls this first.

    They lie beside the notebook, or in the course that is installed. In the second case progress is noted beside the
    notebook. Where they are nowhere, a line says so.

    Args:
        name: the lesson's, such as `01_data_preparation`.
    """
    from storyteller_course.notebook import shell, workspace

    shell.load()
    _begun[:] = [name]
    if any(is_lesson(folder) for folder in _here()):
        return
    try:
        lesson = workspace.lesson_named(workspace.course_lessons(), name)
    except StorytellerError:  # installed from a wheel, which has no lessons
        lesson = None
    if lesson is None:
        shell.show(
            f"The files of this lesson, `checks` and the like, are not in {Path.cwd()}: unpack the lesson's zip, and "
            "open the notebook in its folder."
        )
        return
    os.environ["STORYTELLER_LESSON"] = str(lesson)
    os.environ.setdefault("STORYTELLER_STATE", str(Path.cwd() / ".storyteller"))


def current_lesson() -> Lesson | None:
    """The lesson of the notebook's folder, or the one that STORYTELLER_LESSON names."""
    for folder in _here():
        if is_lesson(folder):
            return load_lesson(folder)
    return None


def lesson_of(exercise: str) -> Lesson:
    """The lesson that has this exercise: the notebook's own, or one in a folder beside it.

    Raises:
        StorytellerError: there is none; names that are nearly the same are suggested, and the lesson's are listed.
    """
    known: dict[str, None] = {}  # as a set, in the lessons' order
    # The notebook's own lesson first, then its neighbours, and those of `lessons/` beside or below.
    candidates = [
        folder
        for here in _here()
        for folder in (
            here,
            *_lessons_in(here.parent),
            *_lessons_in(here.parent / "lessons"),
            *_lessons_in(here / "lessons"),
        )
    ]
    folders = [folder for folder in dict.fromkeys(candidates) if is_lesson(folder)]
    for folder in folders:
        lesson = load_lesson(folder)
        if exercise in lesson.exercises:
            return lesson
        known |= dict.fromkeys(lesson.exercises)
    if not folders:
        raise StorytellerError(
            f"No lesson was found in {Path.cwd()}: a notebook must lie in its lesson's folder, beside its checks "
            "(or set STORYTELLER_LESSON to that folder)."
        )
    near = difflib.get_close_matches(exercise, known, n=1)
    meant = f": did you mean {near[0]!r}?" if near else "."
    own = current_lesson()
    if own is None:
        there = f"The lessons here are {', '.join(folder.name for folder in folders)}."
    else:
        there = f"This lesson has {', '.join(own.exercises)}."
    raise StorytellerError(f"There is no exercise {exercise!r}{meant} {there}")


def _here() -> list[Path]:
    """Where the notebook lies, or the lesson's folder that a notebook of `solutions/` belongs to."""
    named = os.environ.get("STORYTELLER_LESSON", "")
    if named:
        return [Path(named).resolve()]
    # The Jupyter server sets JPY_SESSION_NAME; others do not, and a notebook may have been renamed.
    name = _begun[0] if _begun else Path(os.environ.get("JPY_SESSION_NAME", "")).stem
    above = Path.cwd().parent
    return [Path.cwd(), above / "lessons" / name, above / name]


def is_own(lesson: Lesson) -> bool:
    """Does this notebook lie in the lesson's folder? A solution that runs elsewhere is not the student's progress."""
    return bool(os.environ.get("STORYTELLER_LESSON")) or lesson.folder == Path.cwd().resolve()


def _lessons_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9][0-9]_*") if is_lesson(path))
