"""What tests of collecting hand in, and what they find in the course's folder."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
from toy_class import NAME, make_course

from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.roster import roster_text

ROSTER = [
    ("ada", "Ada", "Lovelace", "ada@example.org", "1001"),
    ("alan", "Alan", "Turing", "alan@example.org", "1002"),
    ("zoe", "Zoë", "O'Neill", "zoe@example.org", ""),
    ("ana1", "Ana", "García", "ana1@example.org", ""),
    ("ana2", "Ana", "Garcia", "ana2@example.org", ""),
]
posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and nbgrader's exchange need Linux or macOS")


def course_with_roster(folder: Path) -> Course:
    made = make_course(folder)
    made.roster_file.write_text(roster_text(ROSTER), encoding="utf-8")
    return made


def notebook(text: str) -> bytes:
    return json.dumps({"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {"text": text}}).encode()


def answered(text: str) -> bytes:
    """A notebook with an answer of the lesson: `collect` refuses a class of which nobody has one."""
    cell = {"cell_type": "code", "id": "answer", "source": "def double(x):\n    return 2 * x"}
    cells = [cell | {"metadata": {}, "outputs": [], "execution_count": None}]
    return json.dumps(json.loads(notebook(text)) | {"cells": cells}).encode()


def zip_of(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else notebook(content))
    return path


def folder_of(path: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content if isinstance(content, bytes) else notebook(content))
    return path


def handed_in(course: Course) -> dict[str, str]:
    """What lies there, by student."""
    found = {one.student: one.notebook for one in course.submissions(NAME)}
    return {student: json.loads(path.read_bytes())["metadata"]["text"] for student, path in found.items()}


def everything(course: Course) -> dict[str, str]:
    return {
        path.relative_to(course.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in course.folder.rglob("*")
        if path.is_file() and path.name != ".autograde.lock"
    }


def aside(course: Course) -> list[str]:
    place = course.submitted / "_unmatched"
    texts = [json.loads(path.read_bytes())["metadata"]["text"] for path in place.iterdir()] if place.is_dir() else []
    return sorted(texts)
