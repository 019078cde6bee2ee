"""The repository's address: one setting, and the links and badges that are made of it."""

import shutil

import nbformat
import pytest
from toy_lesson import write_toy

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_grading.builder.build import draft_lesson, drift_of_sources, keep_outputs
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.repository import address_of, links, set_address

ADDRESS = "https://github.com/someone/storyteller"


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one lesson, not built yet."""
    write_toy(tmp_path)
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_course_has_no_address_until_one_is_given(checkout):
    before = [(checkout / name).read_bytes() for name in ("pyproject.toml", "README.md")]
    assert address_of(checkout) == ""
    assert set_address(checkout, f"{ADDRESS}.git/") == ADDRESS
    assert address_of(checkout) == ADDRESS
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert readme.count("[![Open in ") == 4
    set_address(checkout, "https://gitlab.com/someone/storyteller")
    assert (checkout / "README.md").read_text(encoding="utf-8").count("[![Open in ") == 1
    set_address(checkout, "")
    assert [(checkout / name).read_bytes() for name in ("pyproject.toml", "README.md")] == before


@pytest.mark.parametrize(
    "text", ["storyteller", "https://github.com/someone", "git@github.com:a/b", 'https://a.b/c/"d']
)
def test_what_is_no_address_is_refused(checkout, text):
    with pytest.raises(StorytellerError, match="is no repository's address"):
        set_address(checkout, text)
    assert address_of(checkout) == ""


def test_a_notebook_has_links_in_words_and_fetches_from_there(checkout):
    [folder] = (checkout / "lessons").iterdir()
    without = draft_lesson(folder).notebook()
    set_address(checkout, ADDRESS)
    found = {cell.id: cell for cell in draft_lesson(folder).notebook().cells}
    assert "anywhere" not in {cell.id for cell in without.cells}
    for link in links(ADDRESS, folder.name).values():
        assert link in found["anywhere"].source
    assert "![" not in found["anywhere"].source  # no picture from another machine
    assert f'bring_course("{ADDRESS}")' in found["begin"].source
    assert max(map(len, found["begin"].source.splitlines())) <= 88


def test_texts_change_without_a_run_and_code_does_not(checkout):
    """The solution here was never run: what stands for an output is seen again."""
    [folder] = (checkout / "lessons").iterdir()
    solutions = checkout / "solutions"
    solutions.mkdir()
    with pytest.raises(BuildError, match="no solutions/"):
        keep_outputs(folder, solutions)
    notebook = draft_lesson(folder).notebook()
    shown = nbformat.v4.new_output("execute_result", {"text/plain": "7"}, execution_count=9)
    next(cell for cell in notebook.cells if cell.id == "setup").outputs = [shown]
    (solutions / f"{folder.name}.ipynb").write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    lesson = folder / "lesson.md"
    text = lesson.read_text(encoding="utf-8")
    lesson.write_text(text.replace("Why?", "Why, then?"), encoding="utf-8")
    set_address(checkout, ADDRESS)
    assert drift_of_sources(folder, solutions)
    keep_outputs(folder, solutions)
    assert drift_of_sources(folder, solutions) == []
    made = nbformat.read(solutions / f"{folder.name}.ipynb", as_version=4)
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    [output] = code[1].outputs
    assert (code[1].id, output.data["text/plain"], output.execution_count) == ("setup", "7", 2)
    reference = folder / "reference.py"
    words = reference.read_text(encoding="utf-8").replace('"""Twice the number."""', '"""Two times the number."""')
    reference.write_text(words.replace("# why it is returned", "# the reason"), encoding="utf-8")
    keep_outputs(folder, solutions)  # docstrings and comments do nothing
    assert drift_of_sources(folder, solutions) == []
    changed = words.replace("return doubled", "return doubled + 0")
    reference.write_text(changed, encoding="utf-8")
    with pytest.raises(BuildError, match=r"reference\.py:\d+: this code has changed"):
        keep_outputs(folder, solutions)
