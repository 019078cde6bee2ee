"""The way of a check to a student's code and back: how long it is, and that its diagram is true."""

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import storyteller_course
from storyteller_course import runner
from storyteller_course.notebook.check import check

PACKAGE = Path(storyteller_course.__file__).parent
ROOT = PACKAGE.parents[1]


def test_the_way_from_a_check_to_the_students_function_is_short(
    work: Path, answers: Callable[..., dict[str, Any]]
) -> None:
    """Counted on the stack inside the student's function: the project's own frames, the lesson's case among them."""
    frames: list[tuple[str, str]] = []

    def look() -> None:
        frame = sys._getframe(1)
        while frame is not None and frame.f_code is not check.__code__:
            frame = frame.f_back
            frames.append((frame.f_code.co_filename, frame.f_code.co_name))

    namespace = answers("def double(x):\n    look()\n    return 2 * x")
    namespace |= {"check": check, "look": look}
    exec("check('double')", namespace)
    path = frames[: [name for _, name in frames].index("check") + 1]
    own = [(file, name) for file, name in path if Path(file).is_relative_to(ROOT) or Path(file).is_relative_to(work)]
    assert len(own) == len(path), "a frame of the standard library stands between them"
    assert len(own) <= 9, own
    assert len({file for file, _ in own}) <= 5, own


def test_the_diagram_names_what_exists() -> None:
    text = inspect.getdoc(runner) or ""
    names = set(re.findall(r"[\w/]+\.py|\w+/(?=\s)", text))
    assert {"notebook/check.py", "student_proxy.py", "server.py", "serialization/"} <= names
    for name in names:
        assert (PACKAGE / name).exists() or (PACKAGE / "runner" / name).exists(), name
    for file in (PACKAGE / "runner").glob("[a-z]*.py"):
        assert file.name in names, f"the diagram leaves out {file.name}"
