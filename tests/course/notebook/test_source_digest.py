"""The source of a student's functions: digests of live ones, and what a saved notebook defines."""

from pathlib import Path
from typing import Any

import pytest
from student_calls import save

from storyteller_course.notebook.source_digest import digest, needed, statements, without_docstring


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}', '{"cells": [{"cell_type": "code"}]}']
)
def test_an_unreadable_notebook_defines_nothing(work: Path, content: str) -> None:
    path = work / "01_toys" / "01_toys.ipynb"
    path.write_text(content, encoding="utf-8")
    assert statements(path) == []
    assert statements(path.with_name("none.ipynb")) == []


def test_the_cell_with_the_exercises_id_counts_before_a_later_definition(work: Path) -> None:
    save(work, ("double", "def double(x):\n    return 2 * x"), "def double(x):\n    return 'try-out'")
    (found,) = needed(statements(work / "01_toys" / "01_toys.ipynb"), "double")
    assert "2 * x" in found.source
    save(work, ("lost1", "def double(x):\n    return 1"), ("lost2", "def double(x):\n    return 2"))
    (found,) = needed(statements(work / "01_toys" / "01_toys.ipynb"), "double")
    assert "return 2" in found.source


def test_decorators_classes_and_unpacking_come_along(work: Path) -> None:
    above = "from functools import cache\nA, (B, *C) = 1, (2, 3)\nclass Base:\n    n = B\n"
    save(work, above + "@cache\ndef f(x):\n    return Base().n + A\n")
    found = needed(statements(work / "01_toys" / "01_toys.ipynb"), "f")
    namespace: dict[str, Any] = {}
    exec("\n".join(statement.source for statement in found), namespace)
    assert namespace["f"](0) == 3


def test_a_digest_follows_the_code_and_what_it_calls() -> None:
    def of(source: str, name: str = "f") -> str:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(source, namespace)
        return digest(namespace, name)

    base = "K = 2\ndef g(x): return x + K\ndef f(x): return g(x)\n"
    assert of(base) == of(base) == of("\n\n# moved\n" + base)
    assert of(base) != of(base.replace("x + K", "x - K"))
    assert of(base) != of(base.replace("K = 2", "K = 3"))
    assert of(base) == of(base + "def h(x): return 1\n")
    klass = "class f:\n    def forward(self, x):\n        return [x for x in range(2)]\n"
    assert of(klass) == of(klass) != of(klass.replace("range(2)", "range(3)"))
    assert of("f = 3") != of("f = 4")
    assert digest({}, "f") == digest({}, "g")


def test_a_docstring_is_left_out_where_two_answers_stand_side_by_side() -> None:
    code = 'def f(x):\n    """One.\n\n    Two.\n    """\n    # why\n    return x\n'
    assert without_docstring(code) == "def f(x):\n    # why\n    return x\n"
    for untouched in ('def f(x):\n    """Only this."""\n', "def f(x): return x", "no python", ""):
        assert without_docstring(untouched) == untouched
