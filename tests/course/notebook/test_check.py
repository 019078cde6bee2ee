"""What a student types: check, hint and progress, in a terminal and in a notebook."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from student_calls import run

from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.notebook import check
from storyteller_course.notebook.progress_store import ProgressStore
from storyteller_course.notebook.shell import CheckFailed

Answers = Callable[..., dict[str, Any]]


def test_full_marks_print_a_card_and_are_noted(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    run(answers("double"), 'check("double")')
    out = capsys.readouterr().out
    assert out.startswith("double: 2 of 2 points\n  ok  doubles a number (1/1)\n")
    assert 'check("double", show="reference")' in out
    noted = json.loads((work / ".storyteller" / "progress.json").read_text(encoding="utf-8"))
    assert noted == {"lessons": {"01_toys": {"double": {"earned": 2, "points": 2, "solved": True}}}}


def test_a_failed_case_raises_and_says_the_points(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckFailed, match=r"double: 0 of 2 points"):
        run(answers("def double(x): return x + 2"), 'check("double")')
    out = capsys.readouterr().out
    assert "You add two" in out
    assert 'Stuck? `hint("double")`' in out


def test_the_reference_is_shown_beside_ones_own_after_full_marks(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckFailed):
        run(answers("def double(x): return 0"), 'check("double", show="reference")')
    out = capsys.readouterr().out
    assert "once yours has full marks" in out
    assert "# Step 1" not in out
    run(answers("def double(x): return x + x"), 'check("double", show="reference")')
    out = capsys.readouterr().out
    assert "# yours\ndef double(x): return x + x" in out
    assert "# the reference\ndef double(x: int) -> int:" in out


def test_a_class_release_checks_without_reference_and_answers(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "01_toys" / "reference.py").unlink()
    shutil.rmtree(work / "01_toys" / "answers")
    run(answers("double"), 'check("double", show="reference")')
    assert "no reference" in capsys.readouterr().out
    with pytest.raises(CheckFailed):
        run(answers("def double(x): return x + 2"), 'check("double")')
    out = capsys.readouterr().out
    assert "You add two" not in out
    assert "The double: you have" in out


def test_hints_come_one_by_one(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3, 3):
        run({}, 'hint("double")')
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"double: Hint {number} of 3"
        assert len(lines) == 1 + number
        assert lines[1].startswith("  1. ") == (number > 1)  # one alone needs no number
    run({}, 'hint("shout")')
    assert "no hints" in capsys.readouterr().out


def test_progress_says_what_is_solved_and_what_comes_next(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    run({}, "progress()")
    assert "Next: `double`." in capsys.readouterr().out
    namespace = answers("double", "shout", "counts")
    for name in ("double", "shout", "counts"):
        run(namespace, f'check("{name}")')
    capsys.readouterr()
    run({}, "progress()")
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "01_toys: 6 of 25 points +3 bonus"
    assert out[1].split() == ["solved", "double", "*", "2", "of", "2"]
    assert out[-1] == "Next: `quadruple`."


def test_a_bonus_stands_apart_from_the_points(toys: Any) -> None:
    full = [replace(one, earned=one.points, solved=True, checked=True) for one in ProgressStore(None).summary(toys)]
    for page in (check.progress_html(toys, full, {}), check.progress_text(toys, full, {})):
        assert "25 of 25 points +3 bonus" in page
    assert 'style="width:100%"' in check.progress_html(toys, full, {})


def test_a_bonus_that_is_not_solved_is_said_by_its_card_alone(
    work: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    run(answers("def shout(text): return text"), 'check("shout")')
    assert "shout: 0 of 3 points" in capsys.readouterr().out


def test_an_answer_in_words_counts_with_its_points_and_is_a_persons_to_read(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = work / "01_toys" / "01_toys.ipynb"
    metadata = {"storyteller": {"role": "written"}, "nbgrader": {"grade_id": "why", "points": 10}}
    for text, state, foot in (("*Write your answer here.*", "open", ""), ("Because.", "written", "")):
        cell = {"cell_type": "markdown", "metadata": metadata, "source": [text]}
        notebook.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
        run({}, "progress()")
        out = capsys.readouterr().out.splitlines()
        assert out[0] == "01_toys: 0 of 35 points"
        assert f"{state} why 10, read by a person{foot}" in [" ".join(line.split()) for line in out]
        assert out[-1] == ("The checks give 25 points; a person who reads your answer in words gives up to 10.")
    standings = [
        s if s.written is not None else replace(s, solved=True) for s in ProgressStore(None).summary(_toys(work))
    ]
    assert check._next(standings) == "All checks pass."
    assert "`why`, is still to be written" in check._next([replace(s, written=s.written and False) for s in standings])


def _toys(work: Path) -> Any:
    return load_lesson(work / "01_toys")


def test_what_comes_next_after_all_that_counts(toys: Any) -> None:
    standings = ProgressStore(None).summary(toys)
    done = [type(s)(**{**vars(s), "solved": True}) for s in standings]
    assert check._next(done) == "All checks pass."
    left = [s if s.bonus else type(s)(**{**vars(s), "solved": True}) for s in standings]
    assert "`shout` is there for those who want more" in check._next(left)


def test_the_checks_own_names_do_not_leak_into_a_students_namespace(work: Path, answers: Answers) -> None:
    namespace = answers("double")
    before = set(namespace) | {"check", "hint", "progress", "use", "__builtins__"}
    run(namespace, 'check("double")')
    assert set(namespace) == before


def cell(source: str, *tags: str) -> Any:
    import nbformat

    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


@pytest.mark.slow
def test_in_a_kernel_cards_are_html_and_run_all_goes_on(work: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [
        cell("from storyteller_course import check, hint, progress, use"),
        cell("progress()"),
        cell("def double(x):\n    table = {}\n    return table[x]"),
        cell('check("double")', "raises-exception"),
        cell("def double(x):\n    return x * 2"),
        cell('check("double")', "raises-exception"),
        cell("def mask_scores(scores):\n    while True:\n        pass"),
        cell('check("mask_scores")', "raises-exception"),
        cell("print(use('double')(4))"),
    ]
    book = nbformat.v4.new_notebook(cells=cells)
    failed: dict[int, Any] = {}  # by cell: what Jupyter is told of the error
    client = nbclient.NotebookClient(
        book,
        kernel_name="python3",
        on_cell_error=lambda cell, cell_index, execute_reply: failed.update({cell_index: execute_reply["content"]}),
        resources={"metadata": {"path": str(work / "01_toys")}},
    )
    client.execute()
    outputs = [each.outputs for each in book.cells]
    assert "2 of 25 points" in outputs[1][0].data["text/html"]  # brought up to date by the check further down
    [shown] = outputs[3]  # the card, and no traceback
    assert "return table[x]" in shown.data["text/html"]
    assert "line 3" in shown.data["text/plain"]
    assert list(failed) == [3, 7]
    assert failed[3]["traceback"] == ["CheckFailed: double: 0 of 2 points; its card says more."]
    assert [output.output_type for output in outputs[5]] == ["display_data"]
    assert "stopped after" in outputs[7][0].data["text/plain"]
    assert outputs[8][0].text == "double: yours.\n8\n"


@pytest.mark.slow
def test_validate_fails_a_check_whose_card_is_all_that_is_shown(work: Path) -> None:
    nbformat, validator = pytest.importorskip("nbformat"), pytest.importorskip("nbgrader.validator")
    from traitlets.config import Config

    marks = {"grade": True, "solution": False, "locked": True, "points": 2, "schema_version": 3, "cell_type": "code"}
    right, wrong = cell('check("double")'), cell('check("counts")')
    for number, each in enumerate((right, wrong)):
        each.metadata["nbgrader"] = {**marks, "grade_id": f"check-{number}"}
    stub = cell('def counts(words):\n    raise NotImplementedError("counts: fill in the TODOs.")')
    cells = [cell("from storyteller_course import check"), cell("def double(x):\n    return x * 2"), stub, right, wrong]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), "mine.ipynb")
    patient = Config({"Execute": {"timeout": 600}})
    assert validator.Validator(config=patient).validate("mine.ipynb") == {
        "failed": [
            {
                "source": wrong.source,
                "error": "CheckFailed: counts: 0 of 4 points; its card says more.",
                "raw_error": "CheckFailed: counts: 0 of 4 points; its card says more.",
            }
        ]
    }
