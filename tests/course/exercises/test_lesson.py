"""Descriptions of exercises, known answers, draws, and the reading of a lesson's folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller_course.exercises.inputs import PUBLIC, Draw
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import Lesson, load_lesson


def test_importing_the_course_loads_neither_torch_nor_ipython() -> None:
    names = "check, hint, progress, use, Exercise, equal, fixture, Right, Wrong, load_lesson"
    heavy = "{'torch', 'IPython', 'numpy', 'ipywidgets'}"
    code = f"import sys\nfrom storyteller_course import {names}\nprint({heavy} & set(sys.modules) or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "light\n"


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import storyteller_course

    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        storyteller_course.chekc  # noqa: B018


def test_a_lesson_has_its_exercises_in_order(toys: Lesson) -> None:
    assert toys.name == "01_toys"
    assert list(toys.exercises)[:4] == ["double", "counts", "shout", "quadruple"]
    assert [answer.name for answer in toys.mistakes("double")] == ["adds_two", "squares"]
    assert [answer.name for answer in toys.alternatives("double")] == ["plus"]
    assert toys.given_code("clean") is not None
    assert toys.given_code("double") is None
    assert toys.foundations("quadruple") == ["double"]
    assert toys.part("double") is None  # the course has no parts for toys


def test_a_folder_is_read_once_and_again_after_a_change(work: Path) -> None:
    lesson = load_lesson(work / "01_toys")
    assert load_lesson(work / "01_toys") is lesson
    checks = work / "01_toys" / "checks" / "double.py"
    checks.write_text(checks.read_text(encoding="utf-8").replace("doubles a number", "doubles it"), encoding="utf-8")
    assert load_lesson(work / "01_toys").exercises["double"].cases[0].title == "doubles it"


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


def test_a_change_must_apply_exactly_once(toys: Lesson) -> None:
    for old in ("no such text", "x"):
        with pytest.raises(StorytellerError, match=r"must stand there once; mend answers/double\.py"):
            toys.namespace(Wrong("double", "n", "e", change=(old, "y")))


def test_several_changes_apply_one_after_the_other(toys: Lesson) -> None:
    both = Wrong("double", "n", "e", change=[("2 * x", "3 * x"), ("3 * x", "5 * x")])
    assert toys.namespace(both)["double"](1) == 5


def test_an_answer_must_define_its_exercise(toys: Lesson) -> None:
    with pytest.raises(StorytellerError, match="does not define double"):
        toys.namespace(Wrong("double", "n", "e", code="def dubble(x): return x"))


def test_draws_depend_on_seed_exercise_and_case_alone() -> None:
    def numbers(*parts: str) -> list[object]:
        draw = Draw(*parts)
        return [draw.random(), draw.tensor(2, 2).tolist(), draw.integers(0, 9, 3).tolist(), draw.text(5, rare=True)]

    assert numbers(PUBLIC, "a", "b") == numbers(PUBLIC, "a", "b")
    distinct = [
        numbers(PUBLIC, "a", "b"),
        numbers("secret", "a", "b"),
        numbers(PUBLIC, "ab", ""),
        numbers(PUBLIC, "a", "c"),
    ]
    assert len({str(each) for each in distinct}) == 4


def test_a_draw_has_the_shape_and_type_that_was_asked_for() -> None:
    draw = Draw("x")
    assert draw.tensor(2, 3, dtype="float64").dtype == torch.float64
    assert draw.tensor(2, 3).shape == (2, 3)
    assert draw.tensor(1000, scale=5.0).std() > 3
    assert set(draw.integers(2, 4, 50).tolist()) == {2, 3}
    assert len(draw.text(7).split(" ")) == 7
    assert set(draw.text(["a"], count=4).replace(" ", "")) <= set("a,.!?")
    assert any(not text.isascii() or "'" in text or "," in text or "-" in text for text in [draw.text(3, rare=True)])
