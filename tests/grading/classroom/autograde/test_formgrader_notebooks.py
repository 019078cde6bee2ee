"""What formgrader shows has the course's own tags and no others, whatever a student wrote."""

import json
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from toy_class import NAME, make_lesson, outcome

from storyteller_grading.classroom.autograde.formgrader_notebooks import fenced, rebuilt, write_rebuilt

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "$\\href{javascript:alert(1)}{x}$",
    "$$<script>alert(1)</script>$$",
    "\\begin{align}<script>alert(1)</script>\\end{align}",
    "```\n<script>alert(1)</script>\n```",
    "`````\n<img src=x onerror=alert(1)>\n```text\n~~~\n<b>",
    "~~~\n<script>alert(1)</script>",
    "\n    ```\n<svg/onload=alert(1)>",
    "a\u2028```\u2028<script>alert(1)</script>",
    "a\r```\r<script>alert(1)</script>",
    "</code></pre></div><script>alert(1)</script>",
    "# A heading <a onclick=alert(1)>",
    "![x](attachment:x.png)",
    "| a | <i onmouseover=alert(1)> |\n|--|--|",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "---\n<iframe srcdoc='<script>alert(1)</script>'></iframe>",
]


class Tags(HTMLParser):
    """All tags of a page with their attributes, and the text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(attributes)))

    def handle_data(self, data):
        self.text += data


def tags_of(page):
    parser = Tags()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    home = make_lesson(tmp_path_factory.mktemp("lesson"))
    return json.loads((home / f"{NAME}.ipynb").read_text(encoding="utf-8"))


def cell_of(document, name):
    return next(cell for cell in document["cells"] if cell["id"] == name)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_was_written_is_shown_as_it_is(text):
    shown = tags_of(markdown2html(fenced(text)))
    harmless = tags_of(markdown2html(fenced("Because.")))
    without_marks = [tag for tag in shown.tags if tag[0] != "span"]  # of a highlighter, where there is one
    assert without_marks == [tag for tag in harmless.tags if tag[0] != "span"]
    assert "".join(shown.text.split()) == "".join(text.split())


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("`~<>[]()!$\\&;:#*_-|= \n\rab\"'{}\u2028"), max_size=60))
def test_no_text_breaks_out_of_its_fence(text):
    shown = tags_of(markdown2html(fenced(text + "\n<script>")))
    assert {tag for tag, _ in shown.tags} <= {"div", "pre", "code", "span"}


def test_long_lines_are_wrapped_and_nothing_is_lost():
    text = "word " * 100
    lines = fenced(text).split("\n")[1:-1]
    assert max(map(len, lines)) <= 100
    assert "".join(lines) == text


def test_a_whole_page_has_the_same_tags_for_a_hostile_student(release):
    """Code is highlighted, so its spans differ; nothing else does."""

    def tags(found):
        page, _ = HTMLExporter().from_notebook_node(nbformat.from_dict(rebuilt(release, found)))
        return [tag for tag in tags_of(page).tags if tag[0] != "span"]

    code = '"""</pre><script>alert(1)</script>"""\ndef double(number):\n    return "<img src=x onerror=alert(1)>"'
    hostile = outcome("eve", written="\n\n".join(HOSTILE), answers={"double": code})
    hostile.data["exercises"][0]["cases"][0] |= {"passed": False, "message": "<script>alert(1)</script>\x1b[31m"}
    harmless = outcome("ada", answers={"double": "def double(number):\n    return 0"})
    assert tags(hostile) == tags(harmless)


def test_the_notebook_is_the_release_with_the_students_text(release):
    document = rebuilt(release, outcome("ada", {"double": 50}))
    nbformat.validate(nbformat.from_dict(document))
    assert [cell["id"] for cell in document["cells"]] == [cell["id"] for cell in release["cells"]]
    assert "number + number" in cell_of(document, "double")["source"]
    assert cell_of(document, "why")["source"] == "```text\nBecause.\n```"
    assert cell_of(document, "double-check")["source"] == 'check("double")'
    said = cell_of(document, "Adder-check")["outputs"]
    assert [(one["name"], one["text"]) for one in said] == [
        ("stdout", "0 of 30 points\nWRONG 0/30  does it\n    got 1, wanted 2\n")
    ]
    assert all(set(cell["metadata"]) <= {"nbgrader"} for cell in document["cells"])


def test_where_nothing_was_read_the_release_stands_alone(release):
    document = rebuilt(release, outcome("ada", {}, answers={}, written=""))
    assert "NotImplementedError" in cell_of(document, "double")["source"]
    assert cell_of(document, "why")["source"] == "*Nothing was written here.*"


def test_a_right_to_left_mark_in_code_is_made_visible(release):
    """A teacher must read what runs (CVE-2021-42574)."""
    document = rebuilt(release, outcome("eve", answers={"double": "access = 'user\u202e'"}))
    assert cell_of(document, "double")["source"] == "access = 'user\\u202e'"


def test_what_is_written_is_bounded_and_the_same_bytes_again(release, tmp_path):
    found = outcome("eve", answers={"double": "x" * 10_000_000}, written="y" * 10_000_000)
    for name in ("a", "b"):
        write_rebuilt(tmp_path / name, NAME, rebuilt(release, found), None)
    first, second = ((tmp_path / name / f"{NAME}.ipynb").read_bytes() for name in ("a", "b"))
    assert first == second
    assert len(first) < 500_000
