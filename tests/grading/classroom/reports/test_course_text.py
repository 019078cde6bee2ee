"""An answer that is the course's own text is listed as such; an answer in one's own words is not."""

import inspect

import pytest
from copies import disguised

from repository import ROOT
from storyteller.transformer import decoder
from storyteller_course import load_lesson
from storyteller_course.exercises.known_answers import reference_source
from storyteller_grading.classroom.reports.course_text import find_course_texts
from storyteller_grading.classroom.reports.similar import Similarity, similar_page

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*"))


def found(lesson, answers):
    """The origin of each student's answer, where it is the course's."""
    listed = find_course_texts(answers, lesson)
    return {(one.student, one.exercise): one.origin for one in listed}


@pytest.mark.parametrize("name", LESSONS)
def test_right_answers_in_other_styles_are_nobodys_text_but_their_own(name):
    lesson = load_lesson(ROOT / "lessons" / name)
    answers = {}
    for exercise in lesson.exercises:
        for right in lesson.alternatives(exercise):
            source = right.source(reference_source(lesson.reference, exercise))
            answers[f"{exercise} {right.name}"] = {exercise: source}
    assert answers
    assert found(lesson, answers) == {}


def test_the_librarys_text_a_stand_in_and_an_oracle_are_found_under_other_names():
    lesson = load_lesson(ROOT / "lessons" / "02_understanding_transformers")
    block = inspect.getsource(decoder.Block)
    name = "MultiHeadAttention"
    copy = disguised(lesson.plain.pieces[name], name, 3)
    assert "->" not in copy  # without annotations too
    answers = {
        "ada": {"Block": f"import math\n\n{block}"},
        "bob": {name: copy},
        "cyd": {"Block": "def other(x):\n    return x + 1"},
    }
    assert found(lesson, answers) == {
        ("ada", "Block"): "storyteller.transformer.decoder.Block",
        ("bob", name): f"the course's own {name}",
    }


def test_an_oracle_of_the_checks_is_found():
    lesson = load_lesson(ROOT / "lessons" / "03_building_moe")
    oracles = (lesson.folder / "checks" / "dispatch_oracles.py").read_text(encoding="utf-8")
    answers = {"ada": {"dispatch_naive": oracles.replace("slow_dispatch", "dispatch_naive")}}
    origin = found(lesson, answers)["ada", "dispatch_naive"]
    assert origin.startswith("checks/dispatch_oracles.py: ")


def test_the_page_lists_them():
    lesson = load_lesson(ROOT / "lessons" / "02_understanding_transformers")
    answers = {"<ada>": {"Block": inspect.getsource(decoder.Block)}}
    listed = find_course_texts(answers, lesson)
    page = similar_page(lesson.name, Similarity([], 2, 0.0, of_the_course=listed), [], like=0.35)
    assert "Is the course's own text" in page
    assert "<td>&lt;ada&gt;</td>" in page
    assert "Block: storyteller.transformer.decoder.Block (100 %)" in page
