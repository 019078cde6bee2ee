"""Damaged notebooks keep the points of every answer that survives, and a line says what was repaired."""

import json
import time

import pytest
from damage import ANSWERED, DAMAGES
from hypothesis import given
from hypothesis import strategies as st
from judge_lesson import HONEST, graded, make_lesson, notebook, points

from storyteller_course.exercises.lesson import load_lesson
from storyteller_grading.judge import tolerant_json
from storyteller_grading.judge.tolerant_json import TooLarge, load, without_outputs

FULL = {"scale": 20, "words": 30, "Linear": 20}
LARGEST = 8 << 20
LONGEST = 20  # characters


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return load_lesson(make_lesson(tmp_path_factory.mktemp("damaged")))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_notebook_has_the_grade_of_its_clean_copy_where_the_answers_survive(name, lesson, tmp_path):
    damage = DAMAGES[name]
    path = tmp_path / "07_judged.ipynb"
    path.write_bytes(damage.make(notebook(HONEST)))
    wanted = {exercise: 0 if exercise in damage.lost else earned for exercise, earned in FULL.items()}
    result = graded(lesson, tmp_path, path, only=ANSWERED, secret=None, unsafe=True)
    log = "\n".join([*result.notes, result.fault])
    assert points(result) == wanted, log
    assert bool(result.fault) != damage.readable
    assert damage.said in log
    assert log.strip() or not damage.lost


VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["outputs", "widgets", "source"]), inner)
    ),
    max_leaves=30,
)


def emptied(value):
    """The obvious way: parse everything, then empty the outputs, and put its length in the place of a long text."""
    if isinstance(value, dict):
        skipped = [name for name in value if name in ("outputs", "attachments", "widgets")]
        texts = [name for name in value if name in ("source", "input") and isinstance(value[name], str | list)]
        return (
            {name: emptied(inner) for name, inner in value.items()}
            | {name: type(value[name])() for name in skipped if isinstance(value[name], list | dict)}
            | {name: shortened(value[name]) for name in texts}
        )
    return [emptied(inner) for inner in value] if isinstance(value, list) else value


def shortened(text):
    """A cell's text, or how long it is."""
    lines = [text] if isinstance(text, str) else text
    length = sum(map(len, lines)) if all(isinstance(line, str) for line in lines) else 0
    return length if length > LONGEST else text


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_skipping_outputs_gives_what_parsing_and_emptying_gives(value, indent, ascii_only):
    content = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert json.loads(without_outputs(content, largest=LARGEST, longest=LONGEST)) == emptied(value)


@given(st.binary(max_size=200) | st.text(alphabet='"[]{}\\:, outpsrce<>=|\n', max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content):
    try:
        document, repairs = load(content, largest=LARGEST, longest=LONGEST)
    except ValueError:
        return
    json.dumps(document)
    assert all(note.endswith(".") for note in repairs)


HOSTILE = {
    "a string without an end": b'{"outputs": ["' + b'\\"' * 5_000_000,
    "many strings without commas": b'{"outputs": [' + b'""x' * 5_000_000,
    "many lists": b'{"outputs": [' + b"[]," * 5_000_000,
    "many open lists": b'{"outputs": ' + b"[" * 5_000_000,
    "many beginnings of cells": b'"cells": [' * 500_000,
    "many open texts": b'{"cells": [' + b'{"source": ["' * 600_000,
    "many open lists of texts": b'{"cells": [' + b'{"source": [' * 600_000,
    "many long texts": b'{"cells": [' + b'{"source": "' * 30_000 + b"x" * 8_000_000 + b'"' + b"}" * 30_000,
    "many conflicts": b"<<<<<<< HEAD\n" * 1_000_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_was_made_to_be_slow_is_done_with_in_seconds(content, monkeypatch):
    monkeypatch.setattr(tolerant_json, "MAX_TOKENS", 200_000)
    began = time.process_time()
    try:
        document, _ = load(content, largest=LARGEST, longest=LONGEST)
    except (ValueError, TooLarge):
        document = None
    assert document in (None, "cells")
    assert time.process_time() - began < 5


def test_outputs_take_no_memory_beside_the_file():
    import tracemalloc

    content = json.dumps({"cells": [{"outputs": [{"text": ["a line of output\n"] * 1_000_000}]}]}).encode()
    tracemalloc.start()
    document, _ = load(content, largest=LARGEST, longest=LONGEST)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000 < len(content)
    tracemalloc.stop()
    assert document == {"cells": [{"outputs": []}]}


def test_an_honest_notebook_may_have_the_sign_for_what_cannot_be_read():
    """Lesson 01 teaches what U+FFFD is; nothing is to be repaired there."""
    content = json.dumps(["a \ufffd"], ensure_ascii=False).encode()
    assert load(content, largest=LARGEST, longest=LONGEST) == (["a \ufffd"], [])
    assert load(content.replace(b"a", b"\xff"), largest=LARGEST, longest=LONGEST)[1] != []
