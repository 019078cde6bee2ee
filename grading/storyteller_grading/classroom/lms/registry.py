"""The learning management systems that are known here.

Another one is a file beside this one that ends with a `System`, and its name in the list below. Nothing else names it:
`export --format`, the forms of zips that `collect` reads, and both commands' help are made from this list.
"""

from storyteller_grading.classroom.lms.canvas import CANVAS
from storyteller_grading.classroom.lms.moodle import MOODLE
from storyteller_grading.classroom.lms.nbgrader import NBGRADER
from storyteller_grading.classroom.lms.system import System

# A path is read by the first that knows its form: Canvas takes nearly any name with two numbers in it.
SYSTEMS: dict[str, System] = {system.name: system for system in (MOODLE, CANVAS, NBGRADER)}


def names() -> list[str]:
    """What `export --format` may be."""
    return sorted(SYSTEMS)


def names_with_feedback() -> list[str]:
    """What `feedback --zip` may be."""
    return sorted(system.name for system in SYSTEMS.values() if system.feedback_path)


def titles(*, with_submissions: bool = False) -> list[str]:
    """The systems beside nbgrader; if asked for, those alone from whose zip `collect` takes notebooks.

    >>> "Moodle" in titles(), "nbgrader" in titles()
    (True, False)
    """
    systems = [system for system in SYSTEMS.values() if system is not NBGRADER]
    return sorted(system.title for system in systems if system.read_path or not with_submissions)


def listed(words: list[str], word: str) -> str:
    """Words in a sentence.

    >>> listed(["Brightspace", "Canvas", "Moodle"], "or")
    'Brightspace, Canvas or Moodle'
    """
    return f" {word} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
