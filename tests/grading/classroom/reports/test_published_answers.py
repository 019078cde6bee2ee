"""Who has the course's published answer is found under any disguise; who solved the exercise alone is not."""

from dataclasses import replace

import pytest
from class_course import template_lesson
from copies import disguised

from repository import ROOT
from storyteller_course import load_lesson
from storyteller_course.exercises.known_answers import reference_source
from storyteller_grading.classroom.rehearsal.copied_solutions import COPIES, renamed, reordered
from storyteller_grading.classroom.reports.course_text import MIN_FINGERPRINTS, own_marks
from storyteller_grading.classroom.reports.published_answers import (
    AS_IT_IS,
    CHANGED,
    MIN_SHARE,
    RENAMED,
    SOLUTION,
    closest,
    find_published,
    published_answers,
)
from storyteller_grading.classroom.reports.similar import similar_page, similar_pairs, texts_of

FIRST, *OTHERS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*"))
LESSONS = [FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]  # together more than ten seconds


def found(lesson, answers):
    listed = find_published(answers, lesson, published_answers(lesson))
    return {(one.student, one.exercise): (one.origin, one.how) for one in listed}


@pytest.fixture(scope="module")
def first():
    return load_lesson(ROOT / "lessons" / FIRST)


@pytest.mark.parametrize("name", LESSONS)
def test_copies_of_the_solution_are_found_wherever_it_is_long_enough_to_say(name):
    lesson = load_lesson(ROOT / "lessons" / name)
    published = published_answers(lesson)
    long = [exercise for exercise, texts in published.texts.items() if any(one.origin == SOLUTION for one in texts)]
    assert set(long) | set(published.too_short) == {
        exercise for exercise, one in lesson.exercises.items() if not one.questions
    }
    assert len(long) > len(published.too_short)
    sources = {exercise: reference_source(lesson.reference, exercise) for exercise in long}
    answers = {kind: {each: change(text) for each, text in sources.items()} for kind, change in COPIES.items()}
    answers["disguised"] = {exercise: disguised(text, exercise, 3) for exercise, text in sources.items()}
    listed = found(lesson, answers)
    missed = {(kind, exercise) for kind in answers for exercise in long} - listed.keys()
    assert {kind for kind, _ in missed} <= {"disguised"}
    assert len(missed) <= 1  # of everything under other names and in another order at once
    assert {listed["as_it_is", exercise] for exercise in long} == {(SOLUTION, AS_IT_IS)}
    assert all(origin == SOLUTION for (kind, _), (origin, _) in listed.items() if kind == "disguised")


@pytest.mark.parametrize("name", LESSONS)
def test_a_right_answer_that_the_course_does_not_know_is_not_taken_for_a_copy(name):
    """Each known right answer in turn plays a student's own, which the course has never seen."""
    lesson = load_lesson(ROOT / "lessons" / name)
    for exercise in lesson.exercises:
        for right in lesson.alternatives(exercise):
            others = [one for one in lesson.answers if one is not right]
            without = replace(lesson, answers=others, exercises={exercise: lesson.exercises[exercise]})
            source = right.source(reference_source(lesson.reference, exercise))
            assert closest(source, published_answers(without).texts[exercise]) is None, (exercise, right.name)


def test_it_is_said_how_a_copy_was_changed(first):
    solution = reference_source(first.reference, "train_bpe")
    other = first.alternatives("train_bpe")[0]
    answers = {
        "ada": {"train_bpe": f"# my own\nimport math\n\n{solution}"},
        "bob": {"train_bpe": renamed(solution)},
        "cyd": {"train_bpe": other.source(solution)},
        "dan": {"train_bpe": "def train_bpe(words, n):\n    return []"},
    }
    assert found(first, answers) == {
        ("ada", "train_bpe"): (SOLUTION, AS_IT_IS),
        ("bob", "train_bpe"): (SOLUTION, RENAMED),
        ("cyd", "train_bpe"): (f"the known right answer {other.name}", AS_IT_IS),
    }


def test_another_order_of_statements_and_methods_is_found():
    lesson = load_lesson(ROOT / "lessons" / "02_understanding_transformers")
    solution = reference_source(lesson.reference, "GPT")
    moved = reordered(solution)
    assert moved.index("def forward") < moved.index("def __init__")
    assert found(lesson, {"ada": {"GPT": moved}}) == {("ada", "GPT"): (SOLUTION, CHANGED)}


def test_a_function_that_can_hardly_be_written_otherwise_accuses_nobody(first):
    published = published_answers(first)
    assert "merge_pair" in published.too_short  # most of it is in another right answer too
    assert "encode" in published.too_short
    short = {"ada": {name: reference_source(first.reference, name) for name in published.too_short}}
    assert find_published(short, first, published) == []
    result = replace(similar_pairs(short, common=texts_of(first)), too_short=published.too_short)
    assert f"Too short to say: {', '.join(published.too_short)}." in similar_page(first.name, result, [], like=0.35)


def test_a_broken_character_in_an_answer_is_no_trouble(first):
    solution = reference_source(first.reference, "train_bpe")
    answers = {"ada": {"train_bpe": f"{solution}\nx = '\ud800'  # \udfff"}, "bob": {"train_bpe": "\ud800 = ("}}
    assert found(first, answers) == {("ada", "train_bpe"): (SOLUTION, AS_IT_IS)}
    assert len(own_marks(answers["ada"]["train_bpe"])) >= MIN_FINGERPRINTS
    assert similar_pairs(answers, common={}).left_out == []


def test_an_empty_page_says_what_was_compared(tmp_path):
    lesson = template_lesson(tmp_path)
    solution = {"count_next": reference_source(lesson.reference, "count_next")}
    people = {"ada": solution, "bob": solution, "cyd": {"count_next": "def count_next(text):\n    return {}"}}
    result = similar_pairs(people, common=texts_of(lesson))
    page = similar_page(lesson.name, result, [], like=0.35)
    assert "No pair has much in common. 3 pairs of 3 students were compared" in page
    assert "Of 2 of them nothing was left to compare" in page
    assert f"{100 * MIN_SHARE:.0f} % or more" in page


@pytest.mark.parametrize("name", LESSONS)
def test_a_planted_copy_is_the_same_program(name):
    """It defines what it must, and the parameters keep their names, for a check may call by name."""
    lesson = load_lesson(ROOT / "lessons" / name)
    for exercise in lesson.exercises:
        source = reference_source(lesson.reference, exercise)
        for change in (renamed, reordered):
            names: dict = dict(vars(lesson.reference))
            names.pop(exercise)
            exec(compile(change(source), "<copy>", "exec"), names)
            assert exercise in names
