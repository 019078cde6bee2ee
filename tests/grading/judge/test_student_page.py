"""The student's page: what is to look at comes first, beside the student's own code; what is solved is folded."""

import re

from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_grading.judge.judge import SubmissionResult
from storyteller_grading.judge.report import MAX_LINES, as_data, as_page, numbered, with_points_by_hand


def case(title, *, passed, points=2, **others):
    earned = points if passed else 0
    return CaseResult(id=title, title=title, points=points, earned=earned, passed=passed, **others)


def exercise(name, *cases):
    points, earned = sum(one.points for one in cases), sum(one.earned for one in cases)
    return ExerciseResult(
        name=name, points=points, earned=earned, solved=all(one.passed for one in cases), cases=list(cases)
    )


def page_of(*exercises, **answers):
    return as_page(
        SubmissionResult(lesson="09_toys", notebook="toys.ipynb", exercises=list(exercises), answers=answers)
    )


def test_failures_come_first_and_open_and_solved_exercises_are_folded():
    page = page_of(
        exercise("solved_one", case("works", passed=True)),
        exercise("empty_one", case("is there", passed=False, kind="unfinished", message="Nothing yet.")),
        exercise(
            "failed_one", case("does a", passed=True), case("does b", passed=False, kind="mismatch", message="no")
        ),
        solved_one="def solved_one(): ...",
        empty_one="def empty_one(): ...",
        failed_one="def failed_one(): ...",
    )
    places = [page.index(f'<section id="{name}">') for name in ("failed_one", "empty_one", "solved_one")]
    assert places == sorted(places)
    assert page.index("does b") < page.index("does a", page.index("What to look at"))
    folded = re.findall(r"<details><summary>(\w+: \d of \d points)</summary><section id=\"(\w+)\">", page)
    assert folded == [("solved_one: 2 of 2 points", "solved_one")]
    assert page.count("Your code, as it was graded") == 1
    assert "def failed_one(): ..." in page
    assert "def solved_one(): ..." not in page
    assert "def empty_one(): ..." not in page


def test_the_line_that_raised_is_marked_in_the_students_code_which_is_escaped():
    code = "def f():\n    return '<script>' + 1\n"
    failed = case("does it", passed=False, kind="raised", message="TypeError", line=2, code="return '<script>' + 1")
    page = page_of(exercise("f", failed), f=code)
    assert '<span class="raised"><b>2</b>    return &#x27;&lt;script&gt;&#x27; + 1</span>' in page
    assert page.count('class="raised"') == 1
    assert "<script>" not in page


def test_a_long_answer_is_cut():
    lines = numbered("x\n" * (2 * MAX_LINES), [])
    assert lines.count("<span>") == MAX_LINES + 1
    assert lines.endswith("...</span></pre>")


def test_a_guard_is_explained_where_there_is_one():
    kept = case("still works", passed=True, points=0)
    assert "A case marked <b>must stay right</b>" in page_of(exercise("f", case("a", passed=True), kept))
    assert "A case marked <b>must stay right</b>" not in page_of(exercise("f", case("a", passed=True)))


def test_points_that_a_person_gave_stand_where_the_judges_stood():
    exercises = [
        exercise("wrong", case("a", passed=True), case("b", passed=False)),
        exercise("right", case("c", passed=True)),
        exercise("more", case("d", passed=False)),
        exercise("kept", case("e", passed=True)),
    ]
    result = SubmissionResult(lesson="09_toys", notebook="toys.ipynb", exercises=exercises, bonus=("more",))
    page = with_points_by_hand(as_page(result), as_data(result), {"wrong": 3.5, "right": 1.0, "more": 2.0})
    assert '<p class="total">6.5 of 8 points from the checks +2 bonus</p>' in page
    rows = dict(re.findall(r'<tr><td><a href="#(\w+)">.*?<td class="number">(.*?)</td>', page))
    by_hand = '<br><span class="quiet">by hand</span>'
    assert rows == {
        "wrong": f"3.5 of 4{by_hand}",
        "right": f"1 of 2{by_hand}",
        "more": f"2 of 2{by_hand}",
        "kept": "2 of 2",
    }
    assert "<summary>right: 1 of 2 points, by hand</summary>" in page
    assert "<summary>kept: 2 of 2 points</summary>" in page
    assert page.count("A person gave") == 3
    assert "<b>A person gave 3.5 of 4 points</b>, which count. The checks gave 2:" in page
    assert with_points_by_hand(as_page(result), as_data(result), {}) == as_page(result)
