"""A student's solved functions carry on to later notebooks, and the course's take their place until then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_calls import save

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_course.notebook import use as carry
from storyteller_course.notebook.source_digest import needed, statements

Answers = Callable[..., dict[str, Any]]


HELPER = "def twice(f, x):\n    return f(f(x))"


QUADRUPLE = "def quadruple(x):\n    return twice(double, x) + ZERO"


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    ours: dict[str, Any] = {"double": course_double, "quadruple": lambda x: "the course's"}
    monkeypatch.setattr(Lesson, "stand_in", lambda self, name: ours.get(name))


def course_double(x: int) -> int:
    return x + x


def use(namespace: dict[str, Any], name: str) -> Any:
    namespace = {"__name__": "__main__", **namespace} if "__name__" not in namespace else namespace
    exec(f"from storyteller_course import use\n_found = use({name!r})", namespace)
    return namespace.pop("_found")


def test_a_solved_function_of_this_notebook_is_used(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = answers("double")
    assert use(namespace, "double") is namespace["double"]
    assert capsys.readouterr().out == "double: yours.\n"


@pytest.mark.parametrize(
    "source", ["x = 1", "def double(x): return x", "double = 3", "def double(x):\n    raise OSError"]
)
def test_the_courses_is_used_otherwise(
    work: Path, answers: Answers, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use(answers(source), "double") is course_double
    assert capsys.readouterr().out == 'double: the course\'s; yours takes its place once check("double") passes.\n'


def test_what_an_earlier_use_gave_is_not_taken_for_ones_own(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = answers("x = 1")
    namespace["double"] = use(namespace, "double")
    assert use(namespace, "double") is course_double
    assert "yours takes its place" in capsys.readouterr().out


def test_without_a_part_there_is_a_clear_sentence(work: Path, answers: Answers) -> None:
    with pytest.raises(StorytellerError, match="solve it first"):
        use(answers(), "shout")


def test_a_function_is_checked_once_until_it_changes(
    work: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    quietly = carry.check_quietly
    monkeypatch.setattr(carry, "check_quietly", lambda *args, **more: calls.append(args[1]) or quietly(*args, **more))
    use(answers("double"), "double")
    use(answers("double"), "double")
    assert calls == ["double"]
    carry._passed.clear()  # a new kernel reads what the last one noted
    use(answers("double"), "double")
    assert calls == ["double"]
    use(answers("def double(x): return x"), "double")
    assert calls == ["double", "double"]


def test_a_later_lesson_takes_the_function_out_of_the_saved_notebook(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(
        work,
        "%matplotlib inline\nimport math\nZERO = math.floor(0.5)",
        HELPER,
        ("double", "def double(x):\n    return x * 2"),
        ("quadruple", QUADRUPLE),
        "raise SystemExit('a demo that must not run')",
        "this is no python",
        "%%bash\nrm -rf /",
        ("quadruple-check", "quadruple = 3"),
    )
    monkeypatch.chdir(work / "02_more_toys")
    found = use({}, "quadruple")
    assert found(5) == 20
    assert capsys.readouterr().out == "quadruple: yours, solved in 01_toys.\n"


def test_an_unsolved_foundation_in_the_saved_notebook_is_the_courses(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(
        work, "ZERO = 0", HELPER, ("double", "def double(x):\n    raise NotImplementedError"), ("quadruple", QUADRUPLE)
    )
    monkeypatch.chdir(work / "02_more_toys")
    assert use({}, "quadruple")(5) == 20


@pytest.mark.parametrize(
    "cells",
    [
        (),
        (("quadruple", "def quadruple(x):\n    raise NotImplementedError('quadruple: fill in the TODOs above')"),),
        (("quadruple", "def quadruple(x):\n    return 4"),),
        (("quadruple", "1 / 0\nquadruple = missing"),),
    ],
)
def test_an_unsolved_lesson_never_stops_a_later_one(
    work: Path, monkeypatch: pytest.MonkeyPatch, cells: tuple[tuple[str, str], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    save(work, *cells)
    monkeypatch.chdir(work / "02_more_toys")
    assert use({}, "quadruple")(5) == "the course's"
    assert 'once check("quadruple") passes in 01_toys.' in capsys.readouterr().out


def test_lessons_of_the_toys_load(work: Path) -> None:
    assert list(load_lesson(work / "02_more_toys").exercises) == ["triple"]


def test_a_functions_own_variables_are_not_looked_for_in_the_notebook(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a demo that fetches the very function would be run to fetch it, without end."""
    save(work, ("double", "def double(x):\n    look = x + x\n    return look"), 'look = use("double")\nONE = 1')
    found = statements(work / "01_toys" / "01_toys.ipynb")
    assert [one.cell for one in needed(found, "double")] == ["double"]
    assert use({}, "double")(4) == 8
    assert "yours" in capsys.readouterr().out
