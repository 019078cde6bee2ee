"""What editors, Git, mail programs and hands do to a notebook's file, with what must come of it.

Each damage takes the clean notebook, a dict that it may change, and returns the bytes of the file. `survives` says that
every answer is still there, so that the grade is the clean copy's; `said` stands in the repair log.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from judge_lesson import REFERENCE, cell_of, code

Document = dict[str, Any]
ANSWERED = ("scale", "words", "Linear")


@dataclass(frozen=True)
class Damage:
    """One way to damage a notebook."""

    make: Callable[[Document], bytes]
    said: str = ""  # in the repair log, or in the fault; empty where there is nothing to say
    lost: tuple[str, ...] = ()  # the exercises whose answers do not survive; all others keep their points
    readable: bool = True


DAMAGES: dict[str, Damage] = {}


def damage(**properties: Any) -> Callable[[Callable[[Document], bytes | None]], None]:
    """Adds a function to the table; one that returns nothing has changed the document."""

    def add(function: Callable[[Document], bytes | None]) -> None:
        def make(document: Document) -> bytes:
            document = copy.deepcopy(document)
            made = function(document)
            return written(document) if made is None else made

        DAMAGES[function.__name__.strip("_")] = Damage(make, **properties)

    return add


def written(document: Document) -> bytes:
    """A notebook's file as Jupyter writes it."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _place(document: Document, name: str) -> int:
    return next(index for index, cell in enumerate(document["cells"]) if cell.get("id") == name)


# --- Cells


@damage(said="have the same id")
def duplicated(document):
    index = _place(document, "words")
    document["cells"].insert(index, copy.deepcopy(document["cells"][index]))


@damage(said="No cell defines words", lost=("words",))
def deleted(document):
    document["cells"].remove(cell_of(document, "words"))


@damage(said="is not the one that was handed out for words; it was taken for words")
def split(document):
    cell = cell_of(document, "words")
    index = _place(document, "words")
    head, tail = "def is_text(value):\n    return isinstance(value, str)", cell["source"]
    cell["source"] = head
    document["cells"].insert(index + 1, code(tail.replace("isinstance(text, str)", "is_text(text)"), "after-split"))


@damage(said="does not define words", lost=("words",))
def split_in_the_middle(document):
    cell, index = cell_of(document, "words"), _place(document, "words")
    head, tail = cell["source"].split("    counts = {}", 1)
    cell["source"] = head.replace("def words(text):\n", "")
    document["cells"].insert(index + 1, code("    counts = {}" + tail, "after-split"))


@damage(said="was taken for")
def merged(document):
    first = cell_of(document, "scale")
    for name in ("total", "words"):
        first["source"] += "\n\n" + cell_of(document, name)["source"]
        document["cells"].remove(cell_of(document, name))


@damage(said="marked as text")
def answer_as_markdown(document):
    cell_of(document, "words")["cell_type"] = "markdown"


@damage(said="marked as text")
def answer_as_raw_without_ids(document):
    cell_of(document, "words")["cell_type"] = "raw"
    for cell in document["cells"]:
        cell.pop("id", None)


@damage(said="is not Python")
def prose_as_code(document):
    head = document["cells"][0]
    head["cell_type"], head["source"] = "code", "A lesson, and what it is about"


@damage()
def all_prose_as_code(document):
    for cell in document["cells"]:
        cell["cell_type"] = "code"


@damage()
def reordered(document):
    document["cells"].reverse()


@damage(said="one of the course's")
def checks_changed(document):
    for cell in document["cells"]:
        if str(cell.get("id", "")).endswith("-check"):
            cell["source"] += "  # passed"


@damage()
def checks_and_setup_deleted(document):
    document["cells"] = [cell for cell in document["cells"] if cell.get("id") in REFERENCE]


# --- Ids and metadata


@damage(said="lost its id")
def lost_ids(document):
    for cell in document["cells"]:
        cell.pop("id", None)
    document["nbformat_minor"] = 4


@damage(said="is not the one that was handed out for words")
def new_ids(document):
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"new-{number}"


@damage(said="have the same id")
def one_id_for_all(document):
    for cell in document["cells"]:
        cell["id"] = "same"


@damage(said="have the same id")
def ids_exchanged_and_repeated(document):
    for cell in document["cells"]:
        cell["id"] = "words" if cell["id"] == "scale" else cell["id"]


@damage()
def lost_metadata(document):
    document["metadata"] = {}
    for cell in document["cells"]:
        del cell["metadata"]


@damage()
def metadata_of_other_types(document):
    document["metadata"] = []
    for cell in document["cells"]:
        cell["metadata"] = "none"
        cell["outputs"] = None


# --- Formats


@damage()
def nbformat_3(document):
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["prompt_number"] = cell.pop("execution_count")
            cell["language"] = "python"
        del cell["id"]
    document["worksheets"] = [{"cells": document.pop("cells"), "metadata": {}}]
    document["nbformat"], document["nbformat_minor"] = 3, 0


@damage()
def nbformat_3_in_two_worksheets(document):
    for cell in document["cells"]:
        cell["input"] = cell.pop("source")
    cells = document.pop("cells")
    document["worksheets"] = [{"cells": cells[:5]}, {"cells": cells[5:]}]
    document["nbformat"] = 3


def _format_4(minor: int) -> None:
    def change(document: Document) -> None:
        document["nbformat_minor"] = minor
        for cell in document["cells"]:
            cell["source"] = cell["source"].splitlines(keepends=True)
            if minor < 5:
                del cell["id"]

    change.__name__ = f"nbformat_4_{minor}"
    damage()(change)


for minor_version in range(6):
    _format_4(minor_version)


@damage()
def a_format_of_the_future(document):
    document["nbformat"], document["nbformat_minor"] = 5, 7


# --- Bytes


@damage()
def byte_order_mark(document):
    return b"\xef\xbb\xbf" + written(document)


@damage()
def windows_lines(document):
    return written(document).replace(b"\n", b"\r\n")


@damage()
def windows_lines_in_cells(document):
    for cell in document["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n") + "\r\n"


@damage()
def old_macintosh_lines_in_cells(document):
    for cell in document["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r")


@damage(said="UTF-16")
def utf_16(document):
    return written(document).decode().encode("utf-16")


@damage(said="UTF-16")
def utf_16_of_the_other_order(document):
    return b"\xfe\xff" + written(document).decode().encode("utf-16-be")


@damage(said="UTF-32")
def utf_32(document):
    return written(document).decode().encode("utf-32")


@damage(said="not UTF-8")
def latin_1(document):
    cell_of(document, "words")["source"] = "# für Wörter\n" + cell_of(document, "words")["source"]
    return written(document).decode().encode("latin-1")


@damage(said="null bytes")
def null_bytes_at_the_end(document):
    return written(document) + b"\0" * 4096


@damage(said="null bytes")
def null_bytes_between(document):
    return written(document).replace(b"\n", b"\n\0")


@damage()
def null_characters_in_cells(document):
    for cell in document["cells"]:
        cell["source"] = cell["source"].replace("\n", "\0\n")


@damage(said="goes on after the notebook's end")
def trailing_garbage(document):
    return written(document) + b"\n}]\nSent from my telephone\n"


@damage(said="goes on after the notebook's end")
def the_file_twice(document):
    return written(document) * 2


@damage(said="what comes after is lost", lost=("Linear",))
def truncated_in_a_cell(document):
    content = written(document)
    return content[: content.index(b"class Linear(nn.Module)") + 60]


@damage(said="all its cells were read")
def truncated_after_the_cells(document):
    content = written(document)
    return content[: content.rindex(b"]") - 1]


@damage(said="damaged or cut off after cell", lost=("words", "Linear"))
def truncated_in_an_output(document):
    cell_of(document, "words")["outputs"] = [{"output_type": "stream", "text": ["some text\n"] * 100}]
    content = written(document)
    return content[: content.rindex(b"some text") + 4]


@damage(said="damaged or cut off after cell")
def a_comma_missing(document):
    content = written(document)
    place = content.index(b'"id": "words"')
    return content[:place] + content[place:].replace(b"},", b"}", 1)


@damage(said="damaged or cut off after cell", lost=("words", "Linear"))
def a_brace_missing(document):
    content = written(document)
    place = content.index(b'"id": "words"')
    return content[:place] + content[place:].replace(b"},", b",", 1)


@damage(said="merge conflicts")
def merge_conflict(document):
    ours = written(document).splitlines(keepends=True)
    place = next(index for index, line in enumerate(ours) if b"def words(text)" in line)
    theirs = ours[place].replace(b"counts", b"kept")
    ours[place : place + 1] = [b"<<<<<<< HEAD\n", ours[place], b"=======\n", theirs, b">>>>>>> origin/main\n"]
    return b"".join(ours)


@damage(said="merge conflicts")
def merge_conflict_with_its_base(document):
    lines = written(document).splitlines(keepends=True)
    place = next(index for index, line in enumerate(lines) if b'"id": "words"' in line)
    base, theirs = b'   "id": "old",\n', b'   "id": "new",\n'
    ours = [b"<<<<<<< HEAD\n", lines[place], b"||||||| abc\n", base, b"=======\n", theirs, b">>>>>>> main\n"]
    lines[place : place + 1] = ours
    return b"".join(lines)


@damage(said="is not Python", lost=("words",))
def merge_conflict_in_a_cell(document):
    cell = cell_of(document, "words")
    cell["source"] = f"<<<<<<< HEAD\n{cell['source']}\n=======\nNone\n>>>>>>> main"


# --- Size


@damage()
def fifty_megabytes_of_lines(document):
    lines = ["step 12,345: the loss is 3.21, and it will be better soon\n"] * 850_000
    cell_of(document, "demo")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": lines}]


@damage()
def fifty_megabytes_of_pictures(document):
    for cell in document["cells"][1:11]:
        cell["outputs"] = [{"output_type": "display_data", "data": {"image/png": "iVBORw0K" * 640_000}}]


@damage(said="characters, and at most 100,000 are read; it was left out")
def a_gigantic_cell(document):
    document["cells"].insert(2, code("x = 1\n" * 50_000, "gigantic"))


@damage()
def five_thousand_empty_cells(document):
    document["cells"] += [code("" if number % 2 else "\n  \n", f"empty-{number}") for number in range(5000)]


@damage(said="Cell 3 has 10,000,000 characters, and at most 100,000 are read; it was left out")
def one_line_of_ten_megabytes_in_a_cell_for_trying_out(document):
    document["cells"].insert(2, code("x" * 10_000_000, "scratch"))


@damage(said="characters, and at most 100,000 are read; it was left out")
def ten_megabytes_of_lines_in_a_cell_for_trying_out(document):
    cell = code("", "scratch") | {"source": ["step 12,345: the loss is 3.21\n"] * 340_000}
    document["cells"].insert(2, cell)


@damage(said="characters, and at most 100,000 are read; it was left out", lost=("words",))
def one_line_of_ten_megabytes_in_an_answer(document):
    cell = cell_of(document, "words")
    cell["source"] = "".join(cell["source"]) + "\n# " + "x" * 10_000_000


@damage(said="and all code together more than 500,000; it was left out")
def many_long_cells(document):
    document["cells"] += [code("# " + "x" * 60_000, f"long-{number}") for number in range(20)]


@damage(said="characters, and at most 100,000 are read; it was left out")
def pictures_pasted_into_texts(document):
    picture = "![](data:image/png;base64," + "iVBORw0K" * 120_000 + ")"
    document["cells"] += [
        {"cell_type": "markdown", "id": f"p{n}", "metadata": {}, "source": picture} for n in range(12)
    ]


@damage(said="Cell 3 has no text; it was left out")
def a_number_in_place_of_a_text(document):
    document["cells"].insert(2, code("", "number") | {"source": 5})


# --- No notebook any more

EVERYTHING = tuple(REFERENCE)


@damage(said="is not a notebook: it is empty", lost=EVERYTHING, readable=False)
def empty(document):
    return b""


@damage(said="is not a notebook: it is empty", lost=EVERYTHING, readable=False)
def only_null_bytes(document):
    return b"\0" * 5000


@damage(said="is not a notebook: it is a web page", lost=EVERYTHING, readable=False)
def a_page_of_html(document):
    return b"<!DOCTYPE html><html><body><h1>404</h1></body></html>"


@damage(said="is not a notebook: it is a zip file", lost=EVERYTHING, readable=False)
def a_zip(document):
    return b"PK\x03\x04" + bytes(range(256)) * 20


@damage(said="it is damaged before its first cell ends", lost=EVERYTHING, readable=False)
def truncated_before_the_first_cell(document):
    return written(document)[:30]


@damage(said="No cell defines", lost=EVERYTHING)
def no_cells(document):
    document["cells"] = []
