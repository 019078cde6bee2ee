"""What is solved, in a plain file whose loss costs nothing but the display."""

import json
from pathlib import Path

import pytest

from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_course.notebook.progress_store import ProgressStore


@pytest.fixture
def lesson(work: Path) -> Lesson:
    return load_lesson(work / "01_toys")


def test_the_state_lies_above_the_lesson(work: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProgressStore.find(lesson.folder).folder == work.resolve() / ".storyteller"
    (work.parent / ".storyteller").mkdir()
    assert ProgressStore.find(lesson.folder).folder == work.parent.resolve() / ".storyteller"
    monkeypatch.setenv("STORYTELLER_STATE", str(work / "elsewhere"))
    assert ProgressStore.find(lesson.folder).folder == work / "elsewhere"
    monkeypatch.setenv("STORYTELLER_STATE", "off")
    assert ProgressStore.find(lesson.folder).folder is None


def test_checks_and_hints_are_remembered_side_by_side(lesson: Lesson) -> None:
    state = ProgressStore.find(lesson.folder)
    assert [state.next_hint(lesson, "double") for _ in range(5)] == [1, 2, 3, 3, 3]
    state.record(lesson, "double", earned=1, solved=False)
    state.record(lesson, "shout", earned=3, solved=True)
    double, counts, shout = state.summary(lesson)[:3]
    assert (double.earned, double.points, double.solved, double.checked, double.hints) == (1, 2, False, True, 3)
    assert (counts.earned, counts.checked, counts.stars) == (0, False, 2)
    assert (shout.solved, shout.bonus) == (True, True)
    assert state.solved(lesson, "shout")
    state.forget(lesson.name, "shout")
    assert not state.solved(lesson, "shout")
    assert state.summary(lesson)[0].hints == 3
    state.forget("09_none", "shout")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"lessons": 3}', '{"lessons": {"01_toys": []}}', '{"passed": 3}'])
def test_a_damaged_file_is_as_good_as_none(lesson: Lesson, damage: str) -> None:
    state = ProgressStore.find(lesson.folder)
    assert state.folder is not None
    state.folder.mkdir()
    for name in ("progress.json", "checked.json"):
        (state.folder / name).write_text(damage, encoding="utf-8")
    assert not state.solved(lesson, "double")
    assert not state.passed("key")
    assert not any(standing.checked for standing in state.summary(lesson))
    state.forget(lesson.name, "double")
    state.record(lesson, "double", earned=2, solved=True)
    state.note_passed("key")
    assert state.solved(lesson, "double")
    assert state.passed("key")


def test_without_a_folder_nothing_is_kept_and_nothing_fails(lesson: Lesson) -> None:
    state = ProgressStore(None)
    state.record(lesson, "double", earned=2, solved=True)
    assert state.next_hint(lesson, "double") == 1
    assert not state.solved(lesson, "double")


def test_a_place_that_cannot_be_written_to_is_no_error(lesson: Lesson, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    ProgressStore(tmp_path / "file").record(lesson, "double", earned=2, solved=True)


def test_remembered_checks_do_not_grow_without_end(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storyteller_course.notebook.progress_store.MAX_CHECKED", 4)
    state = ProgressStore.find(lesson.folder)
    for number in range(6):
        state.note_passed(str(number))
    assert state.folder is not None
    known = json.loads((state.folder / "checked.json").read_text(encoding="utf-8"))["passed"]
    assert (len(known), known[-1]) == (4, "5")
