"""Descriptions of exercises, known answers, draws, and the reading of a lesson's folder."""

import shutil
from pathlib import Path

import pytest

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import Lesson, load_lesson


def test_a_lesson_has_its_exercises_in_order(toys: Lesson) -> None:
    assert toys.name == "01_toys"
    assert list(toys.exercises)[:4] == ["double", "counts", "shout", "quadruple"]
    assert [answer.name for answer in toys.mistakes("double")] == ["adds_two", "squares"]
    assert [answer.name for answer in toys.alternatives("double")] == ["plus"]
    assert toys.given_code("clean") is not None
    assert toys.given_code("double") is None
    assert toys.foundations("quadruple") == ["double"]
    assert toys.stand_in("double")(4) == 8


def test_a_folder_is_read_once_and_again_after_a_change(work: Path) -> None:
    lesson = load_lesson(work / "01_toys")
    assert load_lesson(work / "01_toys") is lesson
    checks = work / "01_toys" / "checks" / "double.py"
    checks.write_text(checks.read_text(encoding="utf-8").replace("doubles a number", "doubles it"), encoding="utf-8")
    assert load_lesson(work / "01_toys").exercises["double"].cases[0].title == "doubles it"


def test_a_students_folder_has_reference_and_answers_out_of_sight(work: Path) -> None:
    folder = work / "01_toys"
    (folder / ".course").mkdir()
    for name in ("reference.py", "answers"):
        (folder / name).rename(folder / ".course" / name)
    lesson = load_lesson(folder)
    assert lesson.reference is not None
    assert [answer.name for answer in lesson.mistakes("double")] == ["adds_two", "squares"]
    assert lesson.stand_in("double")(4) == 8
    reference = folder / ".course" / "reference.py"
    reference.write_text(reference.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert load_lesson(folder) is not lesson


def test_a_class_release_has_neither_reference_nor_answers(work: Path) -> None:
    (work / "01_toys" / "reference.py").unlink()
    shutil.rmtree(work / "01_toys" / "answers")
    lesson = load_lesson(work / "01_toys")
    assert lesson.reference is None
    assert lesson.mistakes("double") == []


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        ("double", 'Exercise("double", points=2', 'Exercise("double", points=3', "cases sum to 2 points, not to 3"),
        ("quadruple", 'builds_on=("double",)', 'builds_on=("dubble",)', "builds on 'dubble'"),
        ("double", "points=2", 'points=2, builds_on=("quadruple",)', "not come before it"),
        ("shout", 'Exercise("shout"', 'Exercise("double"', r"shout\.py describes the exercise 'double'; .* own name"),
        ("__init__", '"shout"', '"double"', "lists 'double' twice"),
        ("__init__", '    "shout",\n', "", r"shout\.py is not listed in the EXERCISES of .*__init__\.py"),
        ("__init__", '"shout"', '"shout", "whisper"', r"lists 'whisper', and whisper\.py beside it describes no such"),
        ("double", "def nothing(", "def doubles(", r"the same function name.* mend checks/double\.py"),
        ("mask_scores", "stars=3", "stars=7", "stars are 1 to 3, not 7"),
    ],
)
def test_a_description_that_does_not_fit_together_is_refused(
    work: Path, name: str, old: str, new: str, text: str
) -> None:
    checks = work / "01_toys" / "checks" / f"{name}.py"
    source = checks.read_text(encoding="utf-8")
    assert old in source
    checks.write_text(source.replace(old, new), encoding="utf-8")
    with pytest.raises(StorytellerError, match=text):
        load_lesson(work / "01_toys")


def test_an_exercise_cannot_have_a_name_that_means_something_else(work: Path) -> None:
    folder = work / "01_toys" / "checks"
    (folder / "shout.py").rename(folder / "take.py")
    for path in (folder / "__init__.py", folder / "take.py"):
        path.write_text(path.read_text(encoding="utf-8").replace('"shout"', '"take"'), encoding="utf-8")
    shutil.rmtree(work / "01_toys" / "answers")
    with pytest.raises(StorytellerError, match="cannot be an exercise's name"):
        load_lesson(work / "01_toys")


def test_an_answer_stands_in_the_file_of_its_exercise(work: Path) -> None:
    folder = work / "01_toys" / "answers"
    answers = (folder / "double.py").read_text(encoding="utf-8")
    (folder / "double.py").write_text(answers.replace('"double"', '"shout"'), encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"double\.py answers 'shout'; an exercise's answers have its own file"):
        load_lesson(work / "01_toys")
    (folder / "double.py").rename(folder / "dubble.py")
    with pytest.raises(StorytellerError, match=r"dubble\.py answers 'dubble', which .*checks does not have"):
        load_lesson(work / "01_toys")


def test_a_folder_without_checks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorytellerError, match=r"it has no checks/__init__\.py"):
        load_lesson(tmp_path)
