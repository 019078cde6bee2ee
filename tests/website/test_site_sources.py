"""The website's sources are made from the repository as they should be; `test_site_in_browser.py` looks at pages."""

import json
import re
import subprocess
import sys

import pytest
from docutils import nodes

from repository import ROOT
from website.check_links import broken_links
from website.docstrings import readable
from website.lessons import folded, lesson_page
from website.links import rewrite
from website.mathml import mathml
from website.slides import sections, shortened, slides
from website.sources import guides, lesson_names, packages, page_of


def test_every_package_of_the_library_has_a_page():
    library = ROOT / "shared" / "storyteller"
    there = {path.parent.name for path in library.glob("*/__init__.py")} | {path.stem for path in library.glob("*.py")}
    assert set(packages()) == there - {"cli", "__init__", "__main__"}


def test_every_guide_is_a_page_and_the_instructor_s_too():
    pages = guides()
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} | {"grading/README.md"} <= set(pages)
    assert len(set(pages.values())) == len(pages)


@pytest.mark.parametrize(
    ("file", "page"),
    [
        ("solutions/02_understanding_transformers.ipynb", "lessons/02_understanding_transformers"),
        ("lessons/02_understanding_transformers", "lessons/02_understanding_transformers"),
        ("shared/storyteller/moe/router.py", "reference/moe"),
        ("shared/storyteller/config.py", "reference/config"),
        ("docs/glossary.md", "guides/glossary"),
        ("grading/README.md", "guides/instructors"),
        ("README.md", "index"),
        ("LICENSE", None),
        ("lessons/02_understanding_transformers/reference.py", None),
    ],
)
def test_a_file_has_the_page_that_shows_it(file, page):
    assert page_of(file) == page


def test_links_lead_to_pages_and_what_no_page_shows_keeps_its_words(tmp_path):
    text = (
        "[words](glossary.md#words), [layer](../shared/storyteller/moe/layer.py), [law](../LICENSE), [web](https://a.b)\n"
        "[![Open](https://a.b/badge.svg)](https://a.b)\n"
        "```\n[left](alone.md)\n```\n![a card](pictures/card.png)"
    )
    found = rewrite(text, "docs/architecture.md", "guides/architecture", tmp_path)
    assert "[words](glossary.md#words), [layer](../reference/moe.rst)" in found
    assert "[law]" not in found or "(https://" in found.split("[law]")[1][:20]
    assert "[web](https://a.b)" in found
    assert "\n[Open](https://a.b)\n" in found
    assert "[left](alone.md)" in found
    assert "![a card](../pictures/card.png)" in found
    assert (tmp_path / "pictures" / "card.png").is_file()


def test_a_link_to_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"docs/design.md links to nowhere.md"):
        rewrite("[x](nowhere.md)", "docs/design.md", "guides/design", tmp_path)


@pytest.mark.parametrize("name", lesson_names())
def test_a_lesson_s_page_has_folded_answers_and_one_figure_to_play_with(name, tmp_path):
    lesson_page(name, tmp_path)
    cells = json.loads((tmp_path / "lessons" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    answers = [cell for cell in cells if cell["metadata"].get("storyteller", {}).get("role") == "answer"]
    assert len(answers) >= 8
    assert all("hide-input" in cell["metadata"]["tags"] for cell in answers)
    assert not any("### BEGIN SOLUTION" in "".join(cell["source"]) for cell in cells)
    assert "**The solution:**" not in "".join(cells[0]["source"])
    assert not any("bring_course" in "".join(cell["source"]) for cell in cells)
    assert sum('class="play"' in "".join(cell["source"]) for cell in cells) == 1
    level = 0  # no heading is two levels below the one before it
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for heading in re.findall(r"^(#{1,6}) ", "".join(cell["source"]), re.MULTILINE):
                assert len(heading) <= level + 1, cell["source"][:80]
                level = len(heading)


def test_a_written_answer_is_folded_as_text():
    cell = {"cell_type": "markdown", "metadata": {"storyteller": {"role": "written"}}, "source": ["Because."]}
    assert (
        folded(cell)["source"] == '<details class="answer"><summary>Show an answer</summary>\n\nBecause.\n\n</details>'
    )


def test_what_leads_nowhere_or_is_fetched_from_elsewhere_is_named(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x">b</a><a href="c.html">c</a><p id="y">', encoding="utf-8")
    (tmp_path / "b.html").write_text(
        '<a href="a.html#y">a</a><a href="https://a.b">out</a><script src="https://a.b/c.js"></script>',
        encoding="utf-8",
    )
    assert broken_links(tmp_path) == [
        "a.html links to b.html#x: that page has no such anchor",
        "a.html links to c.html: there is no such file",
        "b.html fetches https://a.b/c.js",
    ]


def test_a_slide_has_the_beginning_of_a_text_and_its_formulas():
    long = " ".join(["word"] * 80)
    assert shortened(f"{long}\n\nleft out\n\n$$x$$\n\n<details>\n\nhidden") == f"{long}\n\n$$x$$"
    assert sections("one\n## A\ntwo\n### B\n") == [("", "one\n"), ("## A", "\ntwo\n"), ("### B", "\n")]


@pytest.mark.parametrize("name", lesson_names())
def test_slides_show_no_answer(name, tmp_path):
    notebook = json.loads((ROOT / "solutions" / f"{name}.ipynb").read_text(encoding="utf-8"))
    made = slides(notebook["cells"], f"lessons/{name}/lesson.md", tmp_path)
    assert made[0]["source"].startswith("# ")
    assert sum(cell["cell_type"] == "code" for cell in made) >= 5
    assert all(cell["metadata"]["tags"] == ["remove-input"] for cell in made if cell["cell_type"] == "code")
    assert not any("<details" in "".join(cell["source"]) for cell in made)


def test_a_lesson_that_is_not_there_is_one_sentence():
    found = subprocess.run(
        [sys.executable, "-m", "website", "--slides", "44"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr.startswith("There is no lesson '44': the lessons are 01_data_preparation")
    assert found.stderr.count("\n") == 1


def test_a_docstring_keeps_its_blocks_and_its_code():
    lines = [
        "Says `x`s.",
        "",
        "a.py    one",
        "        more",
        "b.py    two",
        "",
        "Takes |x|:",
        "    x: `y`",
        "and `p",
        "q`.",
    ]
    readable(None, "module", "m", None, None, lines)
    assert "\n".join(lines) == (
        "Says ``x``\\ s.\n\n.. code-block:: text\n   :class: columns\n\n"
        "   a.py    one\n           more\n   b.py    two\n\n"
        "Takes \\|x\\|:\n\n.. code-block:: text\n\n       x: `y`\n\nand ``p\nq``."
    )


def test_formulas_are_mathml_with_every_command_known():
    texts = [(ROOT / "lessons" / name / "lesson.md").read_text(encoding="utf-8") for name in lesson_names()]
    formulas = [formula for text in texts for formula in re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)]
    assert len(formulas) > 30
    for formula in formulas:
        found = mathml(nodes.math(formula, formula), "block")
        assert found.startswith("<math")
        assert "\\" not in re.sub("<[^>]*>", "", found), formula
