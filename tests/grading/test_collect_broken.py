"""Collecting from what is broken or out of reach ends in a sentence or a line: no traceback, no other content."""

import errno
import json
import os
import zipfile
from pathlib import Path

import pytest
from toy_class import NAME, make_course

from storyteller.errors import StorytellerError
from storyteller_grading.classroom import collect as collecting
from storyteller_grading.classroom import sources
from storyteller_grading.classroom.collect import collect
from storyteller_grading.classroom.course import Course, roster_text

CONTENT = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.fixture
def course(tmp_path) -> Course:
    made = make_course(tmp_path / "course")
    made.roster_file.write_text(roster_text([["ada", "Ada", "Lovelace", "", "1001"]]), encoding="utf-8")
    return made


def zip_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, CONTENT)
    return path


def test_any_byte_may_be_wrong(course, tmp_path):
    source = zip_of(tmp_path / "all.zip", "lovelaceada_LATE_1001_7_toys-1.ipynb")
    whole = source.read_bytes()
    collected = 0
    for at in range(len(whole)):
        source.write_bytes(whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :])
        try:
            collect(course, NAME, source)
        except StorytellerError:
            continue
        collected += 1
    assert 0 < collected < len(whole)
    assert {path.read_bytes() for path in course.submitted.rglob("*.ipynb")} == {CONTENT}


@pytest.mark.parametrize("name", ["", "\0", "\0.ipynb"])
def test_a_file_without_a_name_stops_nobody(course, tmp_path, name):
    source = zip_of(tmp_path / "all.zip", "ada.ipynb", "~" * len(name) or "~")
    raw = source.read_bytes()
    if name:
        raw = raw.replace(b"~" * len(name), name.encode())
    else:  # its entry in the zip's table says that the name has no letter, and the letter is a comment's
        at = raw.rindex(b"PK\x01\x02")
        raw = raw[: at + 28] + bytes(4) + b"\1\0" + raw[at + 34 :]
    source.write_bytes(raw)
    collected = collect(course, NAME, source)
    assert collected.new == ["ada"]


def test_the_same_notebook_under_two_names_that_become_one_lies_aside_once(course, tmp_path):
    collected = collect(course, NAME, zip_of(tmp_path / "all.zip", "no body.ipynb", "no+body.ipynb"))
    assert list(collected.unmatched) == ["no body.ipynb", "no+body.ipynb"]
    [aside] = (course.submitted / "_unmatched").iterdir()
    assert aside.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        (sources.zipfile, "ZipFile", r"all.zip cannot be read \(.*\): see"),
        (collecting.tempfile, "TemporaryDirectory", r"course cannot be written \(.*\); see"),
    ],
)
def test_what_may_not_be_read_or_written_is_named(course, tmp_path, monkeypatch, module, name, said):
    source = zip_of(tmp_path / "all.zip", "ada.ipynb")

    def denied(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(module, name, denied)
    with pytest.raises(StorytellerError, match=said):
        collect(course, NAME, source)


def test_what_a_killed_run_left_behind_goes_with_the_next(course, tmp_path):
    left = course.submitted / ".collect-killed"
    (left / "students" / "ada").mkdir(parents=True)
    collect(course, NAME, zip_of(tmp_path / "all.zip", "ada.ipynb"))
    assert [path.name for path in course.submitted.iterdir()] == ["ada"]
