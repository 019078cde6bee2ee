"""Steps, goals and the hint that the steps become."""

import json
import shutil
from pathlib import Path

import pytest

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import STEPS_FILE, load_lesson
from storyteller_course.exercises.scaffold import goal_of, pack_steps, steps_in_words, steps_of

REGION = """
    # Goal: join the pair wherever it stands,
    #   from left to right
    # Step 1: walk over the word
    #   until its end
    while word:
        # Step 2: take the new token
        word = word[2:]
    # a remark
"""


def test_a_goal_and_the_steps_are_told_apart():
    assert goal_of(REGION) == ["# TODO: join the pair wherever it stands,", "#   from left to right"]
    assert steps_of(REGION) == [
        ("# TODO 1: walk over the word", 1),
        ("#   until its end", 1),
        ("# TODO 2: take the new token", 2),
    ]
    assert steps_in_words(REGION) == ["walk over the word until its end", "take the new token"]


def with_scaffold(work: Path, scaffold: str) -> Path:
    """The toys, with another scaffold of `double`."""
    path = work / "01_toys" / "checks" / "double.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"double", ', f'"double", scaffold="{scaffold}", ', 1), encoding="utf-8")
    assert f'scaffold="{scaffold}"' in path.read_text(encoding="utf-8")
    return work / "01_toys"


@pytest.mark.parametrize("scaffold", ["goal", "blank"])
def test_the_steps_are_the_first_of_four_hints_where_the_cell_does_not_tell_them(work, scaffold):
    before = load_lesson(work / "01_toys").exercises["double"].all_hints
    lesson = load_lesson(with_scaffold(work, scaffold))
    steps = lesson.steps["double"]
    assert steps
    first, *others = lesson.exercises["double"].all_hints
    assert tuple(others) == before
    assert all(f"{number}. {step}" in first for number, step in enumerate(steps, 1))
    assert list(lesson.steps) == ["double"]


def test_a_class_without_reference_has_the_same_hints(work):
    folder = with_scaffold(work, "blank")
    whole = load_lesson(folder)
    (folder / STEPS_FILE).write_bytes(pack_steps(whole.steps))
    (folder / "reference.py").unlink()
    shutil.rmtree(folder / "answers")
    assert load_lesson(folder).exercises["double"].all_hints == whole.exercises["double"].all_hints
    (folder / STEPS_FILE).unlink()  # stock nbgrader hands out the checks alone
    assert len(load_lesson(folder).exercises["double"].all_hints) == 3


@pytest.mark.parametrize("damage", ["", "[]", json.dumps({"double": 3})])
def test_damaged_steps_are_named(work, damage):
    folder = with_scaffold(work, "blank")
    (folder / "reference.py").unlink()
    shutil.rmtree(folder / "answers")
    (folder / STEPS_FILE).write_text(damage, encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"steps\.json is damaged"):
        load_lesson(folder)


def test_an_unknown_scaffold_is_refused(work):
    with pytest.raises(StorytellerError, match="its scaffold is one of steps, goal, blank, not 'nothing'"):
        load_lesson(with_scaffold(work, "nothing"))
