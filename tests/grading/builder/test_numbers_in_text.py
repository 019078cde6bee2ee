"""Numbers of the prose come from the run, and are computed once more where outputs are compared."""

import pytest
from toy_lesson import line_of, write_toy

from storyteller_grading.builder.build import build_lesson, draft_lesson, drift_of_outputs, drift_of_sources
from storyteller_grading.builder.execute import execute
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.builder.numbers_in_text import computing, faulty_mark, filled, values_in

CELL = '```{code-cell}\ngain, names = 0.1372, {"a": "x"}\n```\n'
TEXT = 'It gains {{ gain:.0% }}, so {{ names["a"] }} of {{ 12_000:,} }} wins.'.replace("} }}", " }}")


def with_text(folder, text=TEXT, after="Then a class."):
    return write_toy(folder, lesson=(after, f"{CELL}\n{text}\n\n```{{code-cell}}\ngain = 0.5\n```\n\nThen a class."))


def test_a_number_is_that_of_the_place_where_the_text_stands(tmp_path):
    folder = with_text(tmp_path)
    notebook, _ = execute(draft_lesson(folder), folder)
    [text] = [cell.source for cell in notebook.cells if "gains" in cell.source]
    assert text == "It gains 14%, so x of 12,000 wins."
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))  # nothing in the notebook tells of it


def test_the_student_gets_the_numbers_and_nothing_has_drifted(tmp_path):
    folder, solutions = with_text(tmp_path), tmp_path / "solutions"
    build_lesson(folder, solutions)
    assert "It gains 14%, so x of 12,000 wins." in (folder / f"{folder.name}.ipynb").read_text(encoding="utf-8")
    assert drift_of_sources(folder, solutions) == []
    assert drift_of_outputs(folder, solutions).faults == []
    path = solutions / f"{folder.name}.ipynb"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("gains 14%", "gains 13%"), encoding="utf-8", newline="\n")
    (folder / f"{folder.name}.ipynb").write_text(
        student_notebook(folder.name, path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n"
    )
    assert drift_of_sources(folder, solutions) == []  # it takes the run to tell
    [fault] = drift_of_outputs(folder, solutions).faults
    assert "13%" in fault
    assert "14%" in fault
    path.write_text(text.replace("It gains", "It wins"), encoding="utf-8", newline="\n")
    assert "differs" in drift_of_sources(folder, solutions)[0]


def test_what_cannot_be_computed_is_named_with_its_line(tmp_path):
    folder = with_text(tmp_path, "It gains {{ nothing:.0% }}.")
    with pytest.raises(BuildError, match="NameError: name 'nothing' is not defined") as caught:
        execute(draft_lesson(folder), folder)
    assert f"lesson.md:{line_of(folder / 'lesson.md', 'It gains')}: " in str(caught.value)
    folder = with_text(tmp_path / "b", "One line.\nIt gains {{ 3 + }}.")
    with pytest.raises(BuildError, match="is not what an f-string may have") as caught:
        draft_lesson(folder)
    assert f"lesson.md:{line_of(folder / 'lesson.md', 'It gains')}: " in str(caught.value)


@pytest.mark.parametrize("mark", ["{{gain:.0%}}", "{{ gain:.0%}}", "{{gain }}", "{{ f(x)[1]:,}}"])
def test_a_mark_without_its_spaces_does_not_stay_in_the_text(tmp_path, mark):
    folder = with_text(tmp_path, f"It gains {mark}.")
    with pytest.raises(BuildError, match="a space belongs inside of the braces"):
        draft_lesson(folder)
    assert faulty_mark(r"$\frac{{a}}{b} \cdot x^{{2}}$ and {{ gain:.0% }}") is None


def test_a_committed_text_is_taken_apart_or_refused():
    assert values_in(TEXT, "It gains 14%, so x of 12,000 wins.") == ["14%", "x", "12,000"]
    assert values_in(TEXT, "It gains 14%, so x of 12,000 loses.") is None
    assert values_in("No mark (at all).", "No mark (at all).") == []
    assert values_in(r"$\frac{{a}}{b}$", r"$\frac{{a}}{b}$") == []
    assert filled(TEXT, '["1", "2", "3"]') == "It gains 1, so 2 of 3 wins."
    assert "import" not in computing("x").replace("__import__", "")
