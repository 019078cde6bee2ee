"""What a real kernel says of names that are not there, of answers that are not written, and of cells that failed."""

from pathlib import Path

import pytest
from student_calls import save

from storyteller_course import kernel

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

SETUP = "from storyteller_course import check"
DOUBLE = "def double(x):\n    return 2 * x"


def outputs(folder: Path, *sources: str) -> list[str]:
    """What each cell shows, as text, in a kernel that was started as the course's own is."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        extra_arguments=[kernel.LOADS_SHELL],
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    shown = []
    for cell in notebook.cells:
        texts = []
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "") or output.get("text", "")
            texts.append("\n".join(output["traceback"]) if output.output_type == "error" else text)
        shown.append("\n".join(texts))
    return shown


def test_a_name_of_a_cell_above_says_that_the_cells_above_come_first(work: Path) -> None:
    save(work, SETUP, "Word = tuple\nfor letter in 'ab':\n    pass", DOUBLE, "%%time\n1")
    checked, word, letter, all_of, least, helped, own, _, deep = outputs(
        work / "01_toys",
        'check("double")',
        "Word",
        "letter",
        "{double(x): x for x in range(2)}",
        "min(range(2), key=lambda x: double(x))",
        "def twice():\n    return double(1)\ntwice()",
        "mine",
        "def f():\n    return double(1)",
        "f()",
    )
    names = ("check", "Word", "letter", "double", "double", "double")
    for name, text in zip(names, (checked, word, letter, all_of, least, helped), strict=True):
        assert text.startswith(f"`{name}` comes from a cell above")  # and no traceback
        assert "Run, Run All Above Selected Cell" in text
    assert "NameError" in deep  # where in f it was
    assert "Run, Run All Above Selected Cell" in deep
    assert "NameError" in own
    assert "Run All Above" not in own


def test_an_answer_that_is_not_written_is_one_line_and_no_traceback(work: Path) -> None:
    stub = 'def double(x):\n    raise NotImplementedError("double: fill in the TODOs, then run the check below.")'
    _, tried, other = outputs(work / "01_toys", stub, "print(double(2))", "raise NotImplementedError('later')")
    assert tried == "`double` is not written yet, so there is nothing to try."
    assert "Traceback" in other
    assert "later" in other


def test_of_a_failed_check_the_card_alone_is_shown(work: Path) -> None:
    *_, checked, failed = outputs(
        work / "01_toys", SETUP, "def double(x):\n    return x + 2", 'check("double")', "1 / 0"
    )
    assert checked.startswith("double: 0 of 2 points")
    assert "CheckFailed" not in checked
    assert "ZeroDivisionError" in failed


def test_a_check_does_not_look_at_what_was_there_before_the_cell_failed(work: Path) -> None:
    check = 'check("double")'
    shown = outputs(
        work / "01_toys",
        SETUP,
        DOUBLE,
        check,  # 2: right
        "def double(x)\n    return 2 * x",
        check,  # 4: the colon is missing
        f"print(none)\n{DOUBLE}",
        check,  # 6: stopped before it
        f"{DOUBLE}\nprint(none)",
        check,  # 8: stopped behind it
        "def helper():\n    return 1 / 0\nhelper()",
        check,  # 10: another cell failed
        f"import functools\n\n@functools.cache\n{DOUBLE}\n1 / 0",
        check,  # 12: decorated, stopped behind it
        f"%%time\n{DOUBLE}",
        check,  # 14: under a magic
    )
    for index in (2, 8, 10, 12, 14):
        assert shown[index].startswith("double: 2 of 2 points"), index
    assert shown[4].startswith("StorytellerError: double was not checked: Python cannot read its cell (line 1: ")
    assert shown[6].startswith("StorytellerError: double was not checked: its cell stopped before it (NameError)")


def test_an_answer_that_was_edited_and_saved_but_not_run_is_not_checked(work: Path) -> None:
    save(work, SETUP, DOUBLE)
    check, mended = "check('double')", DOUBLE.replace("2", "3")
    saves = "import json, pathlib, time\ntime.sleep(0.1)\nbook = pathlib.Path('01_toys.ipynb')\n"
    edits = f"{saves}book.write_text(book.read_text().replace('2 * x', '3 * x'))"
    again = f"{saves}book.write_text(book.read_text())"
    beside = f"{saves}pathlib.Path('copy.ipynb').write_text(book.read_text().replace('x', 'y'))"
    shown = outputs(
        work / "01_toys",
        SETUP,
        DOUBLE,
        again,
        check,  # 3: saved as it ran
        edits,
        check,  # 5: edited, saved, not run
        mended,
        check,  # 7: run since
        beside,
        check,  # 9: another notebook of the folder was saved
    )
    assert shown[3].startswith("double: 2 of 2 points")
    assert shown[5].startswith("StorytellerError: double was not checked: its cell has changed since it ran, so Python")
    for index in (7, 9):
        assert shown[index].startswith("double: 0 of 2 points"), index


def test_loading_it_twice_changes_nothing_and_without_ipython_there_is_nothing_to_load(work: Path) -> None:
    *_, counted, _, shown = outputs(
        work / "01_toys",
        "from storyteller_course.notebook import shell",
        "before = get_ipython().CustomTB",
        "shell.load(); shell.load_ipython_extension(get_ipython())",
        "watching = get_ipython().events.callbacks['post_run_cell']\n"
        "ours = [each for each in watching if 'storyteller' in each.__module__]\n"
        "print(get_ipython().CustomTB == before, len(ours))",
        "import subprocess, sys",
        "print(subprocess.run([sys.executable, '-c', 'from storyteller_course.notebook import shell; shell.load()'])"
        ".returncode)",
    )
    assert counted == "True 1\n"
    assert shown == "0\n"
