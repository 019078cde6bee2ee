"""What a student has solved so far, in a plain file of the student's own folder. Losing it loses only the display.

.storyteller/progress.json
    {"lessons": {"01_data_preparation": {"count_pairs": {"earned": 8, "points": 8, "solved": true, "hints": 1}}},
     "predictions": {"01_data_preparation": {"first_merge": true}}}
.storyteller/checked.json
    which functions passed their checks, by a digest of their code, so that `use` need not check them again
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_json
from storyteller_course.exercises.lesson import Lesson

FOLDER = ".storyteller"
TO_WRITE = "*Write your answer here.*"  # what a student finds in the place of an answer in words
MAX_CHECKED = 500  # remembered results of checks


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a student is with one exercise."""

    name: str
    stars: int
    points: int
    earned: int = 0  # in the last check
    solved: bool = False
    checked: bool = False  # was it ever checked?
    bonus: bool = False
    hints: int = 0  # hints seen
    written: bool | None = None  # of an answer in words, which a person reads: is anything written? None of others


@dataclass(frozen=True)
class ProgressStore:
    """The files in one folder; None keeps nothing."""

    folder: Path | None

    @classmethod
    def find(cls, lesson_folder: Path) -> "ProgressStore":
        """The store that belongs to a lesson's folder.

        It lies in the nearest folder above that has a `.storyteller`, otherwise right above the lesson's. The variable
        STORYTELLER_STATE names another folder; "off" keeps nothing.
        """
        named = os.environ.get("STORYTELLER_STATE", "")
        if named:
            return cls(None if named == "off" else Path(named))
        lesson_folder = lesson_folder.resolve()
        for above in (lesson_folder, *lesson_folder.parents):
            if (above / FOLDER).is_dir():
                return cls(above / FOLDER)
        return cls(lesson_folder.parent / FOLDER)

    def record(self, lesson: Lesson, exercise: str, *, earned: int, solved: bool) -> None:
        """Note the result of a check."""
        points = lesson.exercises[exercise].points
        self._note(lesson, exercise, {"earned": earned, "points": points, "solved": solved})

    def forget(self, lesson_name: str, exercise: str) -> None:
        """Take an exercise out, as if it had never been checked."""
        data = self._read("progress.json")
        entries = data["lessons"].get(lesson_name) if isinstance(data.get("lessons"), dict) else None
        if isinstance(entries, dict) and entries.pop(exercise, None) is not None:
            self._write("progress.json", data)

    def next_hint(self, lesson: Lesson, exercise: str) -> int:
        """Count one more hint of an exercise as seen; returns how many that makes, at most all."""
        seen = self._entry(self._read("progress.json"), lesson, exercise).get("hints", 0)
        number = min(seen + 1, len(lesson.exercises[exercise].all_hints)) if isinstance(seen, int) else 1
        self._note(lesson, exercise, {"hints": number})
        return number

    def solved(self, lesson: Lesson, exercise: str) -> bool:
        """Did the last check of this exercise give full marks?"""
        return self._entry(self._read("progress.json"), lesson, exercise).get("solved") is True

    def summary(self, lesson: Lesson) -> list[Standing]:
        """How far the student is with each exercise of a lesson, in the lesson's order; answers in words come last."""
        data = self._read("progress.json")
        standings = []
        for exercise in lesson.exercises.values():
            entry = self._entry(data, lesson, exercise.name)
            numbers = {key: entry[key] for key in ("earned", "hints") if type(entry.get(key)) is int}
            about = {key: getattr(exercise, key) for key in ("name", "stars", "points", "bonus")}
            standings.append(
                Standing(**about, **numbers, solved=entry.get("solved") is True, checked="solved" in entry)
            )
        return [*standings, *self.written(lesson)]

    def written(self, lesson: Lesson) -> list[Standing]:
        """The lesson's answers in words, which the notebook knows, as it is saved; none where it cannot be read."""
        try:
            cells = json.loads(lesson.notebook.read_text(encoding="utf-8"))["cells"]
            found = [cell for cell in cells if cell["metadata"].get("storyteller", {}).get("role") == "written"]
            return [
                Standing(
                    name=cell["metadata"]["nbgrader"]["grade_id"],
                    stars=0,
                    points=int(cell["metadata"]["nbgrader"]["points"]),
                    written="".join(cell["source"]).strip() not in ("", TO_WRITE),
                )
                for cell in found
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []

    def note_prediction(self, lesson_name: str, name: str, *, came_true: bool) -> None:
        """Note whether a prediction came true, unless one of this name was noted before."""
        data = self._read("progress.json")
        known = self.predictions(lesson_name)
        if name not in known:
            kept = data.get("predictions")
            data["predictions"] = {**(kept if isinstance(kept, dict) else {}), lesson_name: {**known, name: came_true}}
            self._write("progress.json", data)

    def predictions(self, lesson_name: str) -> dict[str, bool]:
        """Which predictions of a lesson were made, and whether they came true."""
        kept = self._read("progress.json").get("predictions")
        known = kept.get(lesson_name) if isinstance(kept, dict) else None
        return {name: came for name, came in known.items() if came in (True, False)} if isinstance(known, dict) else {}

    def passed(self, key: str) -> bool:
        """Is it known that the code with this digest passed its check?"""
        return key in self._checked()

    def note_passed(self, key: str) -> None:
        """Remember that the code with this digest passed its check."""
        known = [other for other in self._checked() if other != key]
        self._write("checked.json", {"passed": [*known[-MAX_CHECKED + 1 :], key]})

    def _checked(self) -> list[str]:
        known = self._read("checked.json").get("passed")
        return [key for key in known if isinstance(key, str)] if isinstance(known, list) else []

    def _entry(self, data: dict[str, Any], lesson: Lesson, exercise: str) -> dict[str, Any]:
        entry: Any = data
        for key in ("lessons", lesson.name, exercise):
            entry = entry.get(key) if isinstance(entry, dict) else None
        return entry if isinstance(entry, dict) else {}

    def _note(self, lesson: Lesson, exercise: str, news: dict[str, Any]) -> None:
        data = self._read("progress.json")
        lessons = data["lessons"] = data["lessons"] if isinstance(data.get("lessons"), dict) else {}
        entries = lessons[lesson.name] = lessons[lesson.name] if isinstance(lessons.get(lesson.name), dict) else {}
        entries[exercise] = {**self._entry(data, lesson, exercise), **news}
        self._write("progress.json", data)

    def _read(self, name: str) -> dict[str, Any]:
        """A file's contents; a missing or damaged file is as good as an empty one."""
        if self.folder is None:
            return {}
        try:
            data = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def _write(self, name: str, data: dict[str, Any]) -> None:
        if self.folder is not None:
            with contextlib.suppress(OSError, StorytellerError):  # a read-only folder has no display of progress
                write_json(self.folder / name, data)
