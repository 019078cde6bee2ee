"""What a class's copy of the checks looks up."""

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller_course import Exercise, equal
from storyteller_course.exercises.exercise import PUBLIC
from storyteller_course.exercises.recorded import NotRecorded, pack_values, recorded, replaying
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent

VALUES = {
    ("double", "small", PUBLIC): {3: [2, (4, "x")], 5: [torch.ones(2)]},
    ("double", "large", PUBLIC): {3: [8]},
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "wanted.zip"
    path.write_bytes(pack_values(VALUES))
    return path


def test_each_place_gives_its_values_in_their_order_and_each_case_begins_anew(file):
    for _ in range(2):
        with replaying(file, "double", "small", PUBLIC):
            assert recorded(3) == 2
            assert torch.equal(recorded(5, "what", computing="it draws"), torch.ones(2))
            assert recorded(3) == (4, "x")
        with replaying(file, "double", "large", PUBLIC):
            assert recorded(3) == 8


def test_what_was_not_recorded_is_said_to_whoever_runs_the_checks_and_costs_no_points(file):
    exercise = Exercise("double", points=1, wanted=file)

    @exercise.case("doubles", points=1)
    def small(student, draw):
        equal(student.double(1), recorded(3))

    student = InProcessStudent({"double": lambda number: 2 * number})
    assert grade(exercise, student).earned == 1
    with pytest.raises(NotRecorded, match="know their inputs of the public seeds alone"):
        grade(exercise, student, seeds=("of a judge",))
    with pytest.raises(NotRecorded):
        recorded(3)


def test_the_same_values_make_the_same_file(file):
    assert pack_values(VALUES) == file.read_bytes()


def test_a_damaged_file_is_named(file):
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(StorytellerError, match=r"wanted\.zip is damaged"), replaying(file, "double", "small", PUBLIC):
        pass
