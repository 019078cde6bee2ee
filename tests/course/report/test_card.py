"""The card: what it says, and that nothing from a student's code can break or flood it."""

import re
from typing import Any

import pytest
import torch
from balance import Balance
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller_course.exercises.exercise import Mismatch, close, equal
from storyteller_course.exercises.known_answers import AS_GIVEN
from storyteller_course.grading.result import CaseResult, ExerciseResult
from storyteller_course.report import card


def failed(got: Any, wanted: Any, **more: Any) -> CaseResult:
    with pytest.raises(Mismatch) as caught:
        (close if more.pop("roughly", False) else equal)(got, wanted, "the result")
    found = caught.value
    names = ("message", "got", "wanted", "where", "compared", "pair", "rules")
    details = {**{name: getattr(found, name) for name in names}, **more}
    return CaseResult(id="a", title="does `it`", points=2, earned=0, passed=False, kind="mismatch", **details)


def result(*cases: CaseResult, **more: Any) -> ExerciseResult:
    points = sum(case.points for case in cases)
    earned = sum(case.earned for case in cases)
    return ExerciseResult(name="f", points=points, earned=earned, solved=False, cases=list(cases), **more)


PASSED = CaseResult(id="b", title="works", points=3, earned=3, passed=True, warnings=("UserWarning: old <b>",))


EVIL = "<script>alert(1)</script>\x1b[31m\u202e\ud800`x`"


def test_a_card_says_points_titles_explanation_and_difference() -> None:
    one = result(failed([1, 2, 3], [1, 2, 4], explanation="You forget `the last`.", mistake="m"), PASSED)
    for text in (card.html(one, foot="Go on with `hint`."), card.text(one, foot="Go on with `hint`.")):
        plain = re.sub(r"<[^>]+>", "", text.replace("</code>", "`").replace("<code>", "`"))
        for said in ("3 of 5 points", "does `it`", "You forget `the last`.", "at [2] you have 3", "Go on with `hint`."):
            assert said in plain
        assert "which costs nothing" in plain
    Balance(card.html(one))


def test_what_a_student_writes_is_escaped_everywhere() -> None:
    case = failed({EVIL: [EVIL]}, {EVIL: ["b"]}, printed=EVIL, warnings=(EVIL,), explanation="No.")
    broken = CaseResult(
        id="c", title="t", points=1, earned=0, passed=False, kind="raised", message=EVIL, code=EVIL, line=3
    )
    one = result(case, broken, failed(EVIL, "a" + EVIL))
    html, text = card.html(one), card.text(one)
    assert "<script" not in html
    for page in (html, text):
        assert "\x1b" not in page
        assert "\u202e" not in page
        page.encode()  # no half of a surrogate pair
    assert Balance(html).tags <= {"div", "style", "span", "i", "b", "code", "pre", "details", "summary", "br"}


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        ("x" * 10**6, "y" * 10**6),
        (list(range(10**5)), list(range(1, 10**5))),
        (torch.zeros(700, 900), torch.ones(700, 900)),
        (torch.zeros(3, 4, 200, 200), torch.ones(3, 4, 200, 200)),
        (dict.fromkeys(range(1000), "a" * 1000), {}),
        ([["deep"] * 50] * 50, [["deep"] * 50]),
        (b"\x00" * 10**6, b""),
        (1 << 16_000, 1),
        (torch.zeros(10**6), torch.ones(10**6)),
    ],
    ids=range(9),
)
def test_a_card_stays_small_whatever_it_shows(got: Any, wanted: Any) -> None:
    one = result(failed(got, wanted, printed="p" * 10**6))
    assert len(card.html(one)) < 250_000
    assert len(card.text(one)) < 12_000
    Balance(card.html(one))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.frozensets(st.integers()),
    max_leaves=20,
)


@given(VALUES, VALUES)
@settings(max_examples=150, deadline=None)
def test_any_two_values_make_a_card(got: Any, wanted: Any) -> None:
    try:
        one = result(failed(got, wanted))
    except pytest.fail.Exception:
        return
    Balance(card.html(one)).close()
    card.text(one).encode()


def test_arguments_changed_in_place_are_mentioned_where_a_case_fails() -> None:
    one = result(failed(1, 2, mutated=("words", "x")), CaseResult(**{**vars(PASSED), "mutated": ("words",)}))
    for page in (card.html(one), card.text(one)):
        assert page.count("Your function changed its arguments") == 1
        assert "whoever calls it" in page


def test_the_same_mistake_is_told_once() -> None:
    one = failed(1, 2, explanation="You forget it.")
    html = card.html(result(one, CaseResult(**{**vars(one), "id": "z"})))
    assert html.count("You forget it.") == 1
    assert "the same mistake" in html


def test_the_same_error_at_other_sizes_is_told_once() -> None:
    """Of an error that names sizes, which differ from case to case."""
    about = {"kind": "raised", "line": 3, "code": "return x / total", "got": None, "pair": None, "compared": False}
    three, four = (
        CaseResult(**{**vars(failed(1, 2)), **about, "id": name, "message": f"Your code raised X: size {name}."})
        for name in ("3", "4")
    )
    text = card.text(result(three, four))
    assert (text.count("Your code raised X"), text.count(": the same")) == (1, 1)
    elsewhere = CaseResult(**{**vars(four), "line": 5, "code": "return total"})
    assert card.text(result(three, elsewhere)).count("Your code raised X") == 2


def test_a_bug_hunts_given_code_is_asked_about_once_and_each_case_says_what_it_found() -> None:
    one = failed(1, 2, explanation=AS_GIVEN, mistake="as_given")
    other = CaseResult(**{**vars(failed(5, 6, explanation=AS_GIVEN, mistake="as_given")), "id": "z"})
    for page in (card.html(result(one, other)), card.text(result(one, other))):
        assert page.count("what sets them apart") == 1
        assert one.message in page
        assert other.message in page
        assert "the same" not in page


def test_an_open_exercise_gets_one_calm_sentence() -> None:
    open_ = CaseResult(
        id="a", title="t", points=2, earned=0, passed=False, kind="unfinished", message="`f` is not written yet."
    )
    guard = CaseResult(**{**vars(open_), "id": "g", "points": 0})
    text = card.text(result(open_, open_, guard))
    assert "Not solved yet: write `f`" in text
    assert "no  t" not in text
    assert "must still work" not in text


def test_replaced_parts_and_broken_guards_are_mentioned() -> None:
    guard = CaseResult(id="g", title="t", points=0, earned=0, passed=False, kind="mismatch", message="Broken.")
    text = card.text(result(PASSED, guard, replaced=("double", "counts")))
    assert "Not solved yet: `double`, `counts`. The course's own stood in for them here" in text
    assert "no points of its own: while it fails" in text
    assert "t (must stay right)" in text


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`: WCAG 2.2, "relative luminance"."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("theme", "page"), [("light", "#ffffff"), ("light", "#f5f5f5"), ("dark", "#1e1e1e")])
def test_the_marks_of_right_and_wrong_can_be_read_on_light_and_dark_pages(theme: str, page: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1."""
    found = re.findall(r"--sty-(?:ok|no):(#[0-9a-f]{6})", card.STYLE)
    assert len(found) == 4
    for colour in found[:2] if theme == "light" else found[2:]:
        brighter, darker = sorted((luminance(colour), luminance(page)), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 4.5, (colour, page)


def test_where_the_style_is_dropped_the_words_do_not_run_together() -> None:
    page = card.html(result(PASSED, failed(0.1 + 0.2, 7.5)))
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    lines = [" ".join(re.sub(r"<[^>]+>", "", line).split()) for line in re.split(r"</?div[^>]*>", page)]
    assert "f 3 of 5 points" in lines
    assert "✓ works 3 / 3" in lines
    assert "✗ does it 0 / 2" in lines


def test_no_number_has_more_digits_than_anybody_reads() -> None:
    for got, wanted in (
        (0.1 + 0.2, 7.5),
        (0.1 + 0.2, 0.3),
        ({0.1 + 0.2}, {1.5}),
        ({0.1 + 0.2: 1}, {0.5: 1}),
        (1 / 3, 1),
    ):
        one = result(failed(got, wanted))
        for said in (card.text(one), re.sub(r"<style>.*?</style>", "", card.html(one), flags=re.DOTALL)):
            assert not re.search(r"\d\.\d{9,}", said), said
