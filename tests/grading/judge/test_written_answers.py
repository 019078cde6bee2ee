"""The written answer is found, whatever an editor did to its cell."""

import json
from pathlib import Path

import pytest
from toy_class import NAME, notebook

from storyteller_grading.judge.cell_matching import written_answers
from storyteller_grading.judge.notebooks import read_notebook

SAID = "Because a reader would stumble."


def cell_of(document, name):
    return next(cell for cell in document["cells"] if cell.get("id") == name)


def by_id(document):
    document["cells"].insert(0, document["cells"].pop(document["cells"].index(cell_of(document, "why"))))


def below_its_heading(document):
    for cell in document["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {}


def id_of_another(document):
    for cell in document["cells"]:
        cell["id"] = "why"


def marked_as_code(document):
    cell_of(document, "why")["cell_type"] = "code"


def windows_lines(document):
    cell_of(document, "why")["source"] = SAID + "\r\n\r\n"


def in_a_cell_below(document):
    why = cell_of(document, "why")
    place = document["cells"].index(why)
    document["cells"].insert(place + 1, why | {"id": "mine", "metadata": {}})
    why["source"] = "*Write your answer here.*"


def found(home, document):
    read = read_notebook(Path("x.ipynb"), json.dumps(document).encode())
    return written_answers(read, home / f"{NAME}.ipynb")


@pytest.mark.parametrize(
    "change", [by_id, below_its_heading, id_of_another, marked_as_code, windows_lines, in_a_cell_below]
)
def test_it_is_found(home, change):
    document = notebook(home, written=SAID)
    change(document)
    assert found(home, document) == {"why": SAID}


def test_what_was_left_as_it_was_is_no_answer(home):
    assert found(home, notebook(home)) == {"why": ""}
    assert found(home, notebook(home, written="  \n ")) == {"why": ""}


def test_where_its_cell_is_gone_there_is_no_answer(home):
    document = notebook(home, written=SAID)
    document["cells"].remove(cell_of(document, "why"))
    assert found(home, document) == {"why": ""}
    document["cells"] = []
    assert found(home, document) == {"why": ""}
