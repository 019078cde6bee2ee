"""Writes the checks of a small lesson, given as one text, as a lesson has them: a file an exercise."""

import re
from collections.abc import Collection
from pathlib import Path


def write_checks(lesson: Path, text: str, wanted: Collection[str] | None = None) -> None:
    """Write `checks/` of a lesson's folder.

    Args:
        lesson: its folder.
        text: imports, then for each exercise `NAME = Exercise(...)` and its cases.
        wanted: the exercises to write, None for all.
    """
    head, *described = re.split(r"(?m)^(?=\w+ = Exercise\()", text)
    checks = {one.split(" ")[0]: head + one for one in described}
    names = [name for name in checks if wanted is None or name in wanted]
    (lesson / "checks").mkdir(parents=True, exist_ok=True)
    (lesson / "checks" / "__init__.py").write_text(f"EXERCISES = {names!r}\n", encoding="utf-8")
    for name in names:
        (lesson / "checks" / f"{name}.py").write_text(checks[name], encoding="utf-8")
