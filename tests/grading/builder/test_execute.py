"""Executing solved notebooks, what they cost, and what has drifted."""

import json
import subprocess
import sys

import nbformat
import pytest
from toy_lesson import line_of, write_toy

from storyteller_grading.builder.build import draft_lesson, drift_of_outputs, drift_of_sources
from storyteller_grading.builder.cells import Draft, demo_cell
from storyteller_grading.builder.execute import ExecutionCost, execute, student_copy, tidy
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.commands.author import report_drift
from storyteller_grading.offline import network_off


def draft_of(folder, *sources, tags=()):
    """A draft with these code cells, of line 1, 2, 3 and so on."""
    draft = Draft(folder.name)
    for line, source in enumerate(sources, 1):
        draft.add(demo_cell(source, tags, draft), folder / "lesson.md", line)
    return draft


def commit(folder, notebook):
    """Write a solution and its student notebook where the builder would."""
    solutions = folder.parents[1] / "solutions"
    solutions.mkdir(exist_ok=True)
    text = nbformat.writes(notebook) + "\n"
    (solutions / f"{folder.name}.ipynb").write_text(text, encoding="utf-8", newline="\n")
    student = student_notebook(folder.name, text)
    (folder / f"{folder.name}.ipynb").write_text(student, encoding="utf-8", newline="\n")
    return solutions


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "raises ZeroDivisionError"),
        ("import sys\nprint('oh', file=sys.stderr)", "writes to stderr: oh"),
        ("import ipywidgets\nipywidgets.IntSlider()", "shows a widget: tag it"),
    ],
)
def test_a_cell_that_fails_or_shows_what_only_a_kernel_can_is_named(tmp_path, source, message):
    folder = write_toy(tmp_path)
    with pytest.raises(BuildError, match=message) as caught:
        execute(draft_of(folder, "x = 1", source), folder)
    assert str(caught.value).startswith("09_toys/lesson.md:2: ")


def test_the_solved_lessons_before_stand_beside_the_copy_and_no_later_ones(tmp_path):
    folder = write_toy(tmp_path)
    solutions = tmp_path / "solutions"
    solutions.mkdir()
    for name in ("07_unsolved", "08_before", "10_after"):
        (folder.parent / name / "checks").mkdir(parents=True)
        (folder.parent / name / "checks" / "__init__.py").write_text("", encoding="utf-8")
        (folder.parent / name / f"{name}.ipynb").write_text("the student's", encoding="utf-8")
        if name != "07_unsolved":
            (solutions / f"{name}.ipynb").write_text("solved", encoding="utf-8")
    with student_copy(folder) as copy:
        assert sorted(path.name for path in copy.parent.iterdir()) == ["08_before", "09_toys"]
        assert (copy.parent / "08_before" / "08_before.ipynb").read_text(encoding="utf-8") == "solved"
        assert (copy.parent / "08_before" / "checks" / "__init__.py").is_file()
    assert not copy.parent.exists()


def test_a_notebook_runs_in_a_copy_of_its_folder_and_keeps_nothing_of_the_run(tmp_path):
    folder = write_toy(tmp_path)
    source = "import os\nfrom pathlib import Path\nprint(sorted(os.listdir()))\nPath('left').write_text('x')"
    source += "\nimport time\ntime.sleep(1)"  # memory is looked at now and then
    widget = "import ipywidgets\nipywidgets.IntSlider()"
    notebook, run = execute(draft_of(folder, source, widget, tags=("nbval-ignore-output",)), folder)
    assert notebook.cells[0].outputs[0].text == "['09_toys.ipynb', 'answers', 'checks', 'lesson.md', 'reference.py']\n"
    assert not (folder / "left").exists()
    text = json.dumps(notebook)
    assert "widget-view" not in text
    assert "iopub" not in text
    assert "version" not in notebook.metadata.language_info
    assert run.seconds > 0
    assert 0.02 < run.gigabytes < 6


def test_what_a_cell_prints_is_one_piece_however_it_came():
    def printed(text, name="stdout"):
        return nbformat.v4.new_output("stream", name=name, text=text)

    table = nbformat.v4.new_output("display_data", {"text/plain": "a table"})
    cell = nbformat.v4.new_code_cell(
        outputs=[printed("a"), printed("b\n"), printed("!", "stderr"), table, printed("c")]
    )
    tidy(cell)
    assert cell.outputs == [printed("ab\n"), printed("!", "stderr"), table, printed("c")]


def test_a_widget_without_a_still_picture_leaves_one_quiet_line():
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "interactive(children=(Text(value='')))"}
    shown = [nbformat.v4.new_output("display_data", widget | more) for more in ({}, {"text/html": "<p>2 merges</p>"})]
    cell = nbformat.v4.new_code_cell(outputs=shown)
    tidy(cell)
    alone, with_picture = (output.data for output in cell.outputs)
    assert alone["text/plain"] == "(run this cell to get what it shows)"
    assert alone["text/plain"] in alone["text/html"]
    assert with_picture["text/html"] == "<p>2 merges</p>"


def test_a_lesson_fails_only_above_four_times_its_budget():
    assert not ExecutionCost("01_data", seconds=4 * 240).too_much
    assert ExecutionCost("01_data", seconds=4 * 240 + 1).too_much
    assert not ExecutionCost("05_all", seconds=4 * 480).too_much
    assert ExecutionCost("05_all", gigabytes=25).too_much
    assert (
        str(ExecutionCost("05_all", seconds=61, gigabytes=1.24)) == "05_all: 61 s of 480 s, 1.2 GB of 6 GB at its peak"
    )


def test_nothing_has_drifted_after_a_build(tmp_path):
    folder = write_toy(tmp_path)
    solutions = commit(folder, draft_lesson(folder).notebook())
    assert drift_of_sources(folder, solutions) == []


def test_outputs_are_no_drift_of_sources(tmp_path):
    folder = write_toy(tmp_path)
    notebook = draft_lesson(folder).notebook()
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs, code.execution_count = [nbformat.v4.new_output("stream", text="seen\n")], 3
    assert drift_of_sources(folder, commit(folder, notebook)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "at"),
    [
        ("lesson.md", "Double a number.", "Double any number.", ("lesson.md", "Double any number.")),
        ("reference.py", "the number to itself", "it to itself", ("reference.py", "def double")),
        (
            "checks/double.py",
            '"double", points=50',
            '"double", in_library="abs", points=50',
            ("lesson.md", "exercise: double"),
        ),
        ("answers/half.py", "number // 2", "number // 2.0", ("reference.py", "def half")),
    ],
)
def test_an_edited_source_is_named_with_its_line(tmp_path, name, old, new, at):
    folder = write_toy(tmp_path)
    solutions = commit(folder, draft_lesson(folder).notebook())
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    place = f"09_toys/{at[0]}:{line_of(folder / at[0], at[1])}: "
    assert drift_of_sources(folder, solutions)[0].startswith(place)


def test_an_edited_student_notebook_is_drift(tmp_path):
    folder = write_toy(tmp_path)
    solutions = commit(folder, draft_lesson(folder).notebook())
    path = folder / f"{folder.name}.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("Toys", "Toy"), encoding="utf-8")
    [fault] = drift_of_sources(folder, solutions)
    assert "is not what nbgrader makes of solutions/09_toys.ipynb" in fault


def test_a_cell_moved_or_added_in_the_solution_is_drift(tmp_path):
    folder = write_toy(tmp_path)
    notebook = draft_lesson(folder).notebook()
    notebook.cells.append(nbformat.v4.new_markdown_cell("by hand", id="by-hand"))
    assert "the cell 'by-hand' has no source" in drift_of_sources(folder, commit(folder, notebook))[0]
    notebook.cells = [notebook.cells[1], notebook.cells[0], *notebook.cells[2:-1]]
    assert "another order" in drift_of_sources(folder, commit(folder, notebook))[0]


def test_a_missing_notebook_is_drift(tmp_path, capsys):
    folder = write_toy(tmp_path)
    assert "is missing: run make lessons" in drift_of_sources(folder, tmp_path / "solutions")[0]
    assert report_drift([folder], tmp_path / "solutions", run=True) == 1
    assert "drifted: " in capsys.readouterr().err


def test_outputs_are_compared_without_times_addresses_and_late_decimals(tmp_path):
    folder = write_toy(tmp_path)
    sources = "print(0.12345678, 'in', 3.21, 's', object())", "import time\ntime.sleep(1)\nprint('the same')"
    notebook, _ = execute(draft_of(folder, *sources), folder)
    other = notebook.cells[0].outputs[0]
    other.text = "0.12349999 in 9 s <object object at 0x7f0000000010>\n"
    run = drift_of_outputs(folder, commit(folder, notebook))
    assert run.faults == []
    assert run.seconds > 0
    assert run.gigabytes > 0.02
    notebook.cells[1].outputs[0].text = "another\n"
    [fault] = drift_of_outputs(folder, commit(folder, notebook)).faults
    assert "another" in fault
    assert "the same" in fault


def test_with_the_network_off_a_program_reaches_itself_and_nothing_else():
    program = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5).close()
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    print("away", error)
"""
    probe = [sys.executable, "-c", "from storyteller_grading.offline import network_off; print(network_off())"]
    trouble = subprocess.run(probe, capture_output=True, encoding="utf-8", check=True).stdout.strip()
    if trouble:
        pytest.skip(f"this system cannot take the network away: {trouble}")
    command = [sys.executable, "-m", "storyteller_grading.offline", sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.stdout.startswith("away [Errno 101]"), result.stderr


def test_where_there_are_no_namespaces_the_network_stays_and_that_is_said(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert network_off() == "darwin has no network namespaces"
