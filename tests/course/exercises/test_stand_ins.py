"""What stands in for unsolved exercises: from the library, from the reference, and from a class's packed copy."""

import shutil
import zipfile
from pathlib import Path

import pytest

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import STAND_INS_FILE, Lesson, load_lesson
from storyteller_course.exercises.stand_ins import PlainAnswers, define, pack_answers, unpack_answers
from storyteller_course.notebook.use import check_quietly

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*"))
SOURCE = '''\
"""Answers."""

import math
from functools import cache

LIMIT = 3  # of something


@cache
def one(x):
    """One."""
    return x + LIMIT


def two(x):
    # Step 1: as one
    return one(x) * math.pi


class Three:
    def of(self, x):
        return two(x)
'''


def class_copy(lesson: Lesson, folder: Path) -> Lesson:
    """The lesson as a class has it, without its notebook."""
    home = folder / lesson.name
    shutil.copytree(lesson.folder / "checks", home / "checks")
    (home / STAND_INS_FILE).write_bytes(pack_answers(lesson.plain))
    return load_lesson(home)


def test_a_module_is_cut_into_what_defines_a_name():
    answers = PlainAnswers.read(SOURCE)
    assert answers.imports == "import math\nfrom functools import cache\n"
    assert list(answers.pieces) == ["LIMIT", "one", "two", "Three"]
    assert answers.pieces["one"].startswith("@cache\ndef one(x):")
    assert answers.needed(["one"]) == ["LIMIT", "one"]
    assert answers.needed(["Three"]) == ["LIMIT", "one", "two", "Three"]
    found = define("some.module", answers.source(["Three"]), {}, {})
    assert found["Three"]().of(1) == pytest.approx(4 * 3.14159265)
    assert found["two"].__globals__["__name__"] == "some.module"


def test_a_piece_that_is_left_out_is_the_students_own():
    answers = PlainAnswers.read(SOURCE)
    source = answers.source(["Three", "one"], without="one")
    assert "LIMIT" not in source  # nor what it alone needs
    assert "as one" in source
    assert define("some.module", source, {}, {"one": lambda x: x})["Three"]().of(1) == pytest.approx(3.14159265)
    assert "def one" not in answers.source(["one"], without="one")


def test_packed_they_are_the_same_and_no_line_can_be_read():
    answers = PlainAnswers.read(SOURCE)
    content = pack_answers(answers)
    assert content == pack_answers(answers)
    assert b"as one" not in content


@pytest.mark.parametrize("damage", [b"", b"no zip", "cut", "other"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path, content = tmp_path / STAND_INS_FILE, pack_answers(PlainAnswers.read(SOURCE))
    path.write_bytes(content[:-30] if damage == "cut" else damage if isinstance(damage, bytes) else content)
    if damage == "other":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("tip.md", "x")
    with pytest.raises(StorytellerError, match=r"stand_ins\.zip is damaged .*: take it once more"):
        unpack_answers(path)


@pytest.mark.parametrize("name", LESSONS)
def test_a_class_has_the_same_stand_ins_as_the_course(name, tmp_path):
    lesson = load_lesson(ROOT / "lessons" / name)
    copy = class_copy(lesson, tmp_path)
    assert copy.reference is None
    assert copy.plain == lesson.plain
    assert copy.stand_ins_module == lesson.stand_ins_module
    for name, exercise in lesson.exercises.items():
        if not exercise.questions:  # nothing stands in for the answers to a recall
            assert copy.stand_in(name) is lesson.stand_in(name), name
            assert callable(lesson.stand_in(name))


def test_what_stands_in_passes_the_checks_of_its_exercise_but_for_being_the_courses(tmp_path):
    lesson = load_lesson(ROOT / "lessons" / "01_data_preparation")
    for exercise in ("merge_pair", "encode_word"):
        namespace = {"__name__": "__main__", exercise: lambda *args, name=exercise: lesson.stand_in(name)(*args)}
        result = check_quietly(lesson, exercise, namespace)
        assert {case.kind for case in result.cases} == {"shortcut"}


def test_a_class_checks_with_what_stands_in_for_unsolved_foundations(tmp_path):
    lesson = load_lesson(ROOT / "lessons" / "01_data_preparation")
    copy = class_copy(lesson, tmp_path)
    namespace = {"__name__": "__main__"}
    exec(lesson.plain.imports, namespace)
    exec(lesson.plain.pieces["encode_word"], namespace)
    result = check_quietly(copy, "encode_word", namespace)
    assert result.replaced == ("merge_pair",)
    assert result.solved
    assert "merge_pair" not in namespace
