"""The census counts what it says that it counts."""

import ast
from pathlib import Path

import pytest

from bench.census import (
    ROOT,
    called_from_one_place,
    counted,
    defined_in,
    median_lines,
    packages_of,
    standing_in,
    uses_in,
    way_to_a_student,
    way_to_an_expert,
)
from storyteller_course import load_lesson

ONE = """
from functools import partial


def public(x):
    return _once(x) + _twice(x) + _twice(x) + sum(map(_handed_on, [x])) + Shelf()._method(x)


def _once(x):
    return x


def _twice(x):
    return x


def _handed_on(x):
    return x


def _recursive(x):
    return _recursive(x - 1) if x else _line(x)


def _line(x):
    return x


def _never(x):
    return public_once(x)


def public_once(x):
    return x


class Shelf:
    def __init__(self):
        self._set_up()

    def __repr__(self):
        return ""

    def _method(self, x):
        def _inner():
            return x

        return _inner()

    def _set_up(self):
        return _line(_recursive)
"""
OTHER = """
from storyteller import one


def _line(x):
    return x


def other(x):
    return _line(x) + one._twice(x) + one._never(x)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small checkout."""
    files = {
        "shared/storyteller/__init__.py": '"""A library."""\n',
        "shared/storyteller/one.py": ONE,
        "shared/storyteller/deep/__init__.py": "x = 1\n" * 20,
        "shared/storyteller/deep/other.py": OTHER,
        "shared/storyteller/data/words.toml": "",
        "course/storyteller_course/check.py": "def _a():\n    return 1\n\n\ndef b():\n    return _a()\n",
        "grading/storyteller_grading/judge.py": "def judge():\n    return 1\n" * 250,
        "lessons/01_a/reference.py": "from os import getcwd\n\ndef mine():\n    return 1\n\nclass Mine:\n    x = 1\n",
        "tests/test_one.py": "\n" * 401,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def names(root: Path, package: str) -> list[str]:
    return [source.path.relative_to(root).as_posix() for source in packages_of(root)[package]]


def test_the_course_is_not_counted_as_library(tree: Path) -> None:
    assert names(tree, "course") == ["course/storyteller_course/check.py"]
    assert names(tree, "library") == [
        f"shared/storyteller/{name}" for name in ("__init__.py", "deep/__init__.py", "deep/other.py", "one.py")
    ]


def test_helpers_called_from_one_place_are_found_and_no_others(tree: Path) -> None:
    found = called_from_one_place(packages_of(tree)["library"])
    assert [(source.path.name, function.name) for source, function in found] == [
        ("other.py", "_line"),  # `_line` in one.py is another function, used twice there
        ("one.py", "_once"),
        ("one.py", "_handed_on"),
        ("one.py", "_recursive"),  # its call of itself does not count
        ("one.py", "_never"),  # used by another file alone
        ("one.py", "_method"),
        ("one.py", "_set_up"),
        ("one.py", "_inner"),
    ]
    assert [function.lineno for _, function in found][:2] == [5, 9]


def test_names_and_attributes_are_uses_and_definitions_and_imports_are_not() -> None:
    uses = uses_in(ast.parse("from a import f\n\ndef f(g):\n    return f(g).h + g.f\n"))
    assert uses == {"f": 2, "g": 2, "h": 1}


def test_the_median_leaves_out_short_package_files(tree: Path) -> None:
    library = packages_of(tree)["library"]
    lines = sorted([ONE.count("\n"), OTHER.count("\n"), 20])
    assert median_lines(library) == lines[1]
    assert median_lines(library[:1]) == median_lines([]) == 0


def test_an_imported_answer_is_not_defined_there(tree: Path) -> None:
    assert defined_in(tree / "lessons/01_a/reference.py") == {"mine", "Mine"}


def test_a_line_stands_in_a_text_whatever_its_white_space() -> None:
    text = "def f(x):\n    total = x+1  # Step 2\n    return (x,\n        total)\n"
    assert standing_in(text, ["total=x+1", "return(x,total)", "total=x+2"]) == {"total=x+1"}


def test_the_table_has_the_figures_of_the_tree(tree: Path) -> None:
    rows = {row.what: row for row in counted(packages_of(tree), tree)}
    assert rows["files and lines of Python"].figures["grading"] == "1 files, 500 lines"
    assert (
        rows["the library's, by what lies in its top folder"].figures["deep"]
        == f"2 files, {20 + len(OTHER.splitlines())} lines"
    )
    helpers = rows["private helpers called from one place, share of all functions"]
    assert helpers.figures["course"] == "50%, 1 of 2"
    assert helpers.met is False
    assert rows["entries of the library's top folder"].figures == {"all": 2, "modules": "one", "packages": "deep"}
    assert next(iter(rows["longest files, tests aside"].figures.items())) == (
        "grading/storyteller_grading/judge.py",
        500,
    )
    too_long = rows["files over 400 lines"]
    assert too_long.figures == {"library": 0, "course": 0, "grading": 1, "lessons": 0, "tests": 1}
    assert too_long.met is False


@pytest.mark.parametrize(("n_tokens", "training"), [(8, True), (8, False), (1, False)])
def test_the_way_to_an_expert_goes_from_the_model_through_its_layer(n_tokens: int, training: bool) -> None:
    way = [code.co_qualname for code in way_to_an_expert(n_tokens, training=training)]
    assert way[:2] == ["Decoder.forward", "Block.forward"]
    assert len(way) > 3


def test_the_way_to_a_student_goes_from_the_check_through_the_case() -> None:
    lesson = load_lesson(ROOT / "lessons" / "01_data_preparation")
    way = way_to_a_student(lesson, "count_pairs")
    assert way[0].co_name == "check"
    cases = {case.run.__code__ for case in lesson.exercises["count_pairs"].cases}
    assert cases & set(way)
