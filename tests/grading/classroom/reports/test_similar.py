"""Copies are found under any disguise; independent right answers are not."""

import inspect
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import pytest
from class_course import make_course, template_lesson
from copies import disguised
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_course import load_lesson
from storyteller_course.exercises.known_answers import reference_source
from storyteller_grading.classroom.autograde.grade_task import TaskOutcome
from storyteller_grading.classroom.autograde.records import Record, Records
from storyteller_grading.classroom.reports import similar as similar_module
from storyteller_grading.classroom.reports.fingerprints import GRAM, WINDOW, fingerprints, winnow
from storyteller_grading.classroom.reports.similar import (
    MIN_SHARED,
    MIN_SIMILARITY,
    all_fingerprints,
    own_fingerprints,
    pair_overlap,
    similar_page,
    similar_pairs,
    texts_of,
    write_similar,
)
from storyteller_grading.cli import app
from storyteller_grading.commands import results as results_commands
from storyteller_grading.judge.notebooks import read_release

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("[0-9][0-9]_*"))
HONEST = 0.15  # the highest score that independent answers may have

MINE = '''
def count_next(text):
    """My own words."""
    table = dict()
    position = 0
    while position + 1 < len(text):
        left, right = text[position], text[position + 1]
        if left not in table:
            table[left] = dict()
        if right in table[left]:
            table[left][right] = table[left][right] + 1
        else:
            table[left][right] = 1
        position = position + 1
    return table


def helper(numbers):
    best = None
    for number in numbers:
        if best is None or number > best:
            best = number
    return best
'''


def given_texts(lesson):
    """What students were given, and nothing else."""
    texts = {name: [] for name in lesson.exercises}
    for cell in read_release(lesson.notebook).cells:
        if cell.role == "answer":
            texts[cell.exercise].append(cell.source)
    return texts


def writers(lesson):
    """Three people who wrote everything independently: the reference, and two sets of right answers."""
    people = {}
    for number, name in enumerate(("reference", "first", "second")):
        people[name] = {}
        for exercise in [name for name, one in lesson.exercises.items() if not one.questions]:
            reference = reference_source(lesson.reference, exercise)
            styles = [one.source(reference) for one in lesson.alternatives(exercise)]
            people[name][exercise] = reference if number == 0 else styles[number - 1]
    return people


@pytest.mark.parametrize("name", LESSONS)
def test_independent_right_answers_are_far_from_alike_and_disguised_copies_are_found(name):
    """Nothing is discounted here but what was given, so that the course's own answers can play the students."""
    lesson = load_lesson(ROOT / "lessons" / name)
    people, common = writers(lesson), given_texts(lesson)
    copies = {f"{who}'s copy": {exercise: disguised(text, exercise, 3) for exercise, text in answers.items()}
              for who, answers in people.items()}  # fmt: skip
    own = own_fingerprints(all_fingerprints(people | copies)[0], common=common)
    for one, other in combinations(people, 2):
        assert pair_overlap(one, own[one], other, own[other]).score < HONEST
    for who in people:
        found = pair_overlap(who, own[who], f"{who}'s copy", own[f"{who}'s copy"])
        assert found.score > MIN_SIMILARITY
        assert found.score > 3 * HONEST
    pairs = similar_pairs(people | copies, common=common).pairs
    assert {(pair.first, pair.second) for pair in pairs} == {(who, f"{who}'s copy") for who in people}


def test_what_the_course_knows_is_nobodys_own():
    """So two who both copied the course's solution are not found: that is said on the page."""
    lesson = load_lesson(ROOT / "lessons" / LESSONS[0])
    people = writers(lesson)
    twice = people | {f"{name} again": answers for name, answers in people.items()}
    found = similar_pairs(twice, common=texts_of(lesson))
    assert (found.pairs, found.compared) == ([], 6)


def test_a_copy_with_new_names_another_order_and_other_comments_is_found_beside_others(tmp_path):
    lesson = template_lesson(tmp_path)
    people = {who: {"count_next": answers["count_next"]} for who, answers in writers(lesson).items()}
    people |= {"ada": {"count_next": MINE}, "bob": {"count_next": disguised(MINE, "count_next", 1)}}
    assert "position" not in people["bob"]["count_next"]
    assert people["bob"]["count_next"].index("count_next") > 50  # the helper comes first there
    found = similar_pairs(people, common=texts_of(lesson))
    assert [(pair.first, pair.second) for pair in found.pairs] == [("ada", "bob")]
    [shared] = found.pairs[0].exercises
    assert shared.score > 0.7
    line = 1 + MINE.split("\n").index("            table[left][right] = 1")
    assert line in shared.left


def test_one_exercise_that_was_copied_is_found_among_many_that_were_not(tmp_path):
    lesson = load_lesson(ROOT / "lessons" / LESSONS[0])
    people = writers(lesson)
    first, second = people["first"], dict(people["second"])
    second["train_bpe"] = disguised(first["train_bpe"], "train_bpe", 2)
    found = similar_pairs({"ada": first, "bob": second}, common=given_texts(lesson))
    [pair] = found.pairs
    assert pair.score < MIN_SIMILARITY
    assert max(pair.exercises, key=lambda one: one.score).exercise == "train_bpe"


def test_what_many_write_is_nobodys_own():
    people = {f"s{number:02}": {"f": MINE} for number in range(20)}
    assert similar_pairs(people, common={}).pairs == []
    two = {"ada": {"f": MINE}, "bob": {"f": MINE}}
    assert [pair.score for pair in similar_pairs(two, common={}).pairs] == [1.0]


def test_short_answers_are_no_evidence():
    short = {"f": "def f(x):\n    return x * 2 + 1\n"}
    assert len(fingerprints(short["f"]).all) < MIN_SHARED
    assert similar_pairs({"ada": short, "bob": short}, common={}).pairs == []


@given(st.lists(st.integers(0, 9), min_size=WINDOW, max_size=60), st.lists(st.integers(0, 9), max_size=30),
       st.lists(st.integers(0, 9), max_size=30))  # fmt: skip
@settings(deadline=None)
def test_winnowing_keeps_a_hash_of_every_window_and_finds_every_long_match(shared, before, after):
    """The two guarantees of the paper: no gap longer than the window, and what a window shares is found."""
    kept = winnow(shared)
    assert kept == sorted(set(kept))
    assert all(any(start <= place < start + WINDOW for place in kept) for start in range(len(shared) - WINDOW + 1))
    other = [*before, *shared, *after]
    assert {shared[place] for place in winnow(shared)} & {other[place] for place in winnow(other)}


def test_a_run_of_tokens_that_is_long_enough_is_found_wherever_it_stands():
    run = "print(a.append(b[len(a) - 1] ** 2) if sorted(a) else max(b, key=len))\n"
    assert GRAM + WINDOW - 1 <= 30
    one = fingerprints("a = b = 1\n" + run).tokens.keys()
    other = fingerprints("def f(q, w):\n    q = w = q + w\n    w = q\nfor i in range(3):\n    pass\n"
                         "a, b = 1, 2\n" + run).tokens.keys()  # fmt: skip
    assert one & other


def test_names_literals_comments_and_docstrings_do_not_matter_and_library_names_do():
    one = fingerprints('def f(x):\n    """Doc."""\n    total = x.mean() * 2 + len(x) - 7  # a\n    return total, "a"\n')
    same = fingerprints("def g(data):\n    t = data.mean() * 3 + len(data) - 1\n    return t, 'other'\n")
    other = fingerprints("def g(data):\n    t = data.sum() * 3 + max(data) - 1\n    return t, 'other'\n")
    assert one.all.keys() == same.all.keys()
    assert one.all.keys() != other.all.keys()
    assert one.tokens
    assert one.trees


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=50)
def test_any_text_has_fingerprints(text):
    fingerprints(text)


@pytest.mark.parametrize(
    "text", ["def f(:\n  x = 1 +", "(" * 5000, "x = '''", "\0", "\ud800", "\r\x80", "é" * 300, "if x:\n\t a\n  b"]
)
def test_what_is_no_python_is_no_trouble(text):
    assert fingerprints(text).trees == {}


def test_a_class_of_two_hundred_is_compared_in_seconds():
    lesson = load_lesson(ROOT / "lessons" / LESSONS[0])
    first = dict(list(writers(lesson)["first"].items())[:5])
    people = {
        f"s{number:03}": {name: disguised(text, name, number) for name, text in first.items()} for number in range(8)
    }
    people |= {f"t{number:03}": people[f"s{number % 8:03}"] for number in range(192)}
    began = time.process_time()
    similar_pairs(people, common={})
    assert time.process_time() - began < 30


# --- The page ------------------------------------------------------------------------------------------------------


def record(student, text):
    return Record(lesson="06_next_letter", student=student, sha256="", status="graded", answers={"count_next": text},
                  id=1, submitted_at=None, graded_at=datetime.now(UTC), booked=False)  # fmt: skip


def test_the_page_shows_both_sides_with_what_is_alike_marked_and_runs_nothing():
    hostile = MINE.replace("My own words.", "<script>alert(1)</script>").replace("position", "p")
    records = [record("ada", MINE), record("<i>bob</i>", hostile + "\n\n# my own end <img src=x>\n")]
    found = similar_pairs({one.student: one.answers for one in records}, common={})
    page = similar_page("06_next_letter", found, records, like=MIN_SIMILARITY)
    assert "no verdict" in page
    assert not re.search(r"<(script|img|i)\b", page)
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page
    marked = re.findall(r"<mark>(.*?)</mark>", page)
    assert any("table[left][right]" in line for line in marked)
    assert not any("my own end" in line for line in marked)
    assert page == similar_page("06_next_letter", found, records, like=MIN_SIMILARITY)


def test_the_command_writes_the_page(tmp_path):
    lesson = template_lesson(tmp_path)
    course = make_course(tmp_path / "course")
    outcome = TaskOutcome(lesson=lesson.name, student="ada", sha256="1", status="graded", answers={"count_next": MINE})
    copy = {"count_next": disguised(MINE, "count_next", 5)}
    with Records(course.records_file) as records:
        for one in (outcome, replace(outcome, student="bob", answers=copy)):
            records.put(one, None)
    done = CliRunner().invoke(app, ["similar", str(lesson.folder), "--course", str(course.folder)])
    assert done.exit_code == 0, done.output
    assert "1 pair to look at" in done.output
    assert "ada and bob" in (course.folder / "similar" / f"{lesson.name}.html").read_text(encoding="utf-8")
    alone = make_course(tmp_path / "alone")
    with pytest.raises(StorytellerError, match="fewer than two notebooks were graded"):
        write_similar(alone, lesson, tmp_path / "page.html", like=MIN_SIMILARITY)


def test_an_answer_with_a_deep_tree_is_compared_like_any_other():
    deep = MINE + "\n\ndef deep(x):\n    return " + " + ".join(f"x.part{number}" for number in range(1500)) + "\n"
    assert fingerprints(deep).trees
    (pair,) = similar_pairs({"ada": {"count_next": deep}, "bob": {"count_next": deep}}, common={}).pairs
    assert pair.score == 1.0


def test_an_answer_that_cannot_be_read_is_named_and_stops_no_other(monkeypatch):
    def read(text):
        if text == "strange":
            raise RecursionError("maximum recursion depth exceeded")
        return fingerprints(text)

    monkeypatch.setattr(similar_module, "fingerprints", read)
    people = {"ada": {"count_next": MINE}, "bob": {"count_next": MINE}, "cyd": {"count_next": "strange"}}
    found = similar_pairs(people, common={})
    assert [(pair.first, pair.second) for pair in found.pairs] == [("ada", "bob")]
    assert found.left_out == ["count_next of cyd (RecursionError)"]
    page = similar_page("06_next_letter", replace(found, pairs=[]), [], like=MIN_SIMILARITY)
    assert "count_next of cyd (RecursionError)" in page


def test_the_commands_own_threshold_is_the_librarys():
    assert inspect.signature(results_commands.similar).parameters["like"].default == MIN_SIMILARITY
