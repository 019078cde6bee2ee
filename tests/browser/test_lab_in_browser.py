"""A student solves lesson 01 in real JupyterLab: types answers, runs checks, sees the cards, presses Validate.

The pictures that these tests take lie in pytest's temporary folder; STORYTELLER_SHOTS=DIR puts them elsewhere.
"""

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

from jupyter_page import NotebookPage, browsing, chromium, serving

from storyteller_course import load_lesson
from storyteller_course.exercises.known_answers import reference_source
from storyteller_course.notebook import workspace

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine"),
]

EXERCISE = "count_pairs"


@pytest.fixture(scope="module")
def lesson():
    return load_lesson(workspace.find_lesson(workspace.course_lessons(), "01"))


@pytest.fixture(scope="module")
def right(lesson) -> str:
    return reference_source(lesson.reference, EXERCISE)


@pytest.fixture
def shots(tmp_path) -> Path:
    folder = Path(os.environ.get("STORYTELLER_SHOTS", tmp_path / "shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def browser():
    """A browser; nothing that a lesson shows may come from another machine."""
    foreign: list[str] = []
    with browsing(foreign) as context:
        yield context
    assert foreign == []


@pytest.fixture
def work(tmp_path) -> Path:
    """A student's folder, which `storyteller lab` will fill."""
    return tmp_path / "my-lessons"


@pytest.fixture
def lab(tmp_path, work, browser, shots):
    """JupyterLab as `storyteller lab` opens it, on lesson 01."""
    with serving(work, tmp_path) as address:
        notebook = NotebookPage(browser.new_page(), shots)
        notebook.open(address)
        yield notebook


def solve(work: Path, lesson, *, written: bool = True) -> None:
    """Put the course's answers into a student's notebook, on the disk."""
    workspace.deliver([lesson.folder], work)
    file = work / lesson.name / f"{lesson.name}.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        role = cell["metadata"].get("storyteller", {}).get("role")
        if role == "answer":
            cell["source"] = reference_source(lesson.reference, cell["id"])
        elif role == "written" and written:
            cell["source"] = "Because a reader would stumble."
    file.write_text(json.dumps(notebook), encoding="utf-8")


def test_the_lab_opens_on_lesson_01_with_our_kernel_and_without_questions(lab):
    lab.shot("1-open")
    page = lab.page
    assert page.get_by_role("tab", name="01_data_preparation.ipynb").is_visible()
    assert page.get_by_role("button", name="Storyteller", exact=True).is_visible()
    page.wait_for_timeout(2000)  # a question would come now
    assert page.locator(".jp-Dialog, .jp-Notification-Toast-Close").count() == 0
    assert page.get_by_text("Create Assignment").count() == 0


def test_answers_are_checked_explained_and_counted(lab, lesson, right):
    lab.run("setup")
    assert f"Next: {next(iter(lesson.exercises))}." in lab.run(lab.last)

    assert "run the cell that defines it" in lab.run(f"{EXERCISE}-check")
    lab.run(EXERCISE)
    untouched = lab.run(f"{EXERCISE}-check")
    assert "0 of 6 points" in untouched
    assert "Not solved yet: write" in untouched
    assert "CheckFailed" not in untouched  # the card is not repeated as a traceback
    lab.shot("2-untouched")

    mistake = lesson.mistakes(EXERCISE)[0]
    wrong = lab.answer(EXERCISE, mistake.source(right))
    lab.shot("3-wrong")
    assert mistake.explanation in wrong
    assert "6 of 6" not in wrong

    solved = lab.answer(EXERCISE, right)
    lab.shot("4-right")
    assert "6 of 6 points" in solved
    assert "CheckFailed" not in solved
    progress = lab.output(lab.last)
    lab.shot("5-progress")
    assert "6 of 110 points" in progress  # without running it again

    shown = lab.reply(f'check("{EXERCISE}", show="reference")')
    lab.shot("6-reference")
    assert "the reference" in shown


def test_after_a_restart_each_cell_says_what_to_do_and_progress_is_kept(lab, right):
    lab.run("setup")
    assert "6 of 6 points" in lab.answer(EXERCISE, right)
    lab.restart_kernel()
    for cell, name in ((f"{EXERCISE}-check", "check"), (f"{EXERCISE}-try", "byte_ids")):
        said = lab.run(cell)
        assert f"{name} comes from a cell above that has not run since this notebook's kernel started." in said
        assert "Run All Above Selected Cell" in said
        assert "Traceback" not in said
    lab.shot("6-restarted")
    lab.run("setup")
    assert "6 of 110 points" in lab.run(lab.last)
    assert "run the cell that defines it" in lab.run(f"{EXERCISE}-check")
    lab.run(EXERCISE)
    assert "6 of 6 points" in lab.run(f"{EXERCISE}-check")


def test_hints_come_one_after_the_other(lab, lesson):
    lab.run("setup")
    hints = lesson.exercises[EXERCISE].all_hints
    for number, text in enumerate(hints, 1):
        shown = lab.reply(f'hint("{EXERCISE}")')
        assert f"Hint {number} of {len(hints)}" in shown
        for line in text.replace("`", "").splitlines():
            assert line.strip() in shown
    lab.shot("7-hints")


MISBEHAVING = {  # what an answer does, and what its card says
    "return {}['missing']": "KeyError",
    "while True: pass": "second",
    "return 'pairs'": "a text where a dict should be",
    "words.clear()\n    return {}": "changed",
}


def test_answers_that_misbehave_get_a_helpful_sentence(lab):
    lab.run("setup")
    for number, (answer, words) in enumerate(MISBEHAVING.items(), 1):
        card = lab.answer(EXERCISE, f"def {EXERCISE}(words):\n    {answer}\n")
        lab.shot(f"8-{number}")
        assert words in card


def test_run_all_goes_on_to_the_end_of_an_untouched_notebook(lab):
    lab.run_all()
    assert "0 of 110 points" in lab.output(lab.last)
    lab.shot("9-end")
    assert "the course's" in lab.output(lab.cell_with('use("train_bpe")'))
    lab.shot("9-middle")
    slider = lab.cell_with('label="merges"')
    before = lab.output(slider)
    assert "tokens" in before
    assert lab.move_slider(slider) != before
    lab.shot("9-slider")


def test_validate_fails_an_untouched_notebook(lab):
    verdict = lab.validate("10-fails")
    assert "The following cell failed" in verdict
    assert f'check("{EXERCISE}")' in verdict


def test_validate_passes_a_solved_notebook(tmp_path, work, lesson, browser, shots):
    solve(work, lesson)
    with serving(work, tmp_path) as address:
        notebook = NotebookPage(browser.new_page(), shots)
        notebook.open(address)
        assert "Success! Your notebook passes all the tests." in notebook.validate("10-passes")


def test_the_link_to_the_solution_works(lab):
    lab.go_to_first_link("solutions").click()
    lab.page.get_by_role("tab", name="01_data_preparation.ipynb").nth(1).wait_for()
    lab.wait_until_ready()
    assert "6 of 6 points" in lab.output(f"{EXERCISE}-check")
    lab.shot("11-solution")


def test_the_classic_notebook_works_as_well(tmp_path, work, browser, shots, lesson, right):
    with serving(work, tmp_path, "--notebook") as address:
        notebook = NotebookPage(browser.new_page(), shots)
        notebook.open(address)
        assert "/notebooks/" in notebook.page.url
        notebook.run("setup")
        assert "6 of 6 points" in notebook.answer(EXERCISE, right)
        notebook.shot("12-classic")
        assert notebook.page.get_by_role("button", name="Validate", exact=True).first.is_visible()
