"""Reads the JSON of a notebook that may be large, cut off, or mangled on its way.

Outputs are most of a large notebook and no matter of ours, so they are skipped before anything is parsed: memory is
bounded by what is left. In place of a cell's text that is longer than is read, its length is left. Every step is linear
in the file's size, for a student may have written it against us.
"""

import codecs
import json
import re
from typing import Any

SKIPPED = frozenset({b'"outputs"', b'"attachments"', b'"widgets"'})  # keys whose lists and objects are not read
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
TEXTS = frozenset({b'"source"', b'"input"'})  # keys of a cell's text, which is one string or a list of lines
VALUE = re.compile(rb"\s*:\s*([\[{])")
TEXT = re.compile(rb'\s*:\s*(["\[])')
TOKEN = re.compile(rb"(?:" + STRING.pattern + rb'[\s,:]*+)++|[\[\]{}"]', re.DOTALL)  # strings in a row, or one sign
MAX_TOKENS = 2_000_000  # brackets, and rows of strings between them, in all outputs
CELLS = re.compile(r'(?<!\\)"cells"\s*:\s*\[')
BETWEEN = re.compile(r"[\s,]*")
LIST_ENDS = re.compile(r"\s*\]|\s+$")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
DECODER = json.JSONDecoder(parse_constant=lambda name: None, strict=False)
REPLACED = "\ufffd"  # stands for what cannot be read


class TooLarge(Exception):
    """More is left without the outputs than is read, or there are too many of these."""


def load(content: bytes, *, largest: int, longest: int) -> tuple[Any, list[str]]:
    """The document in a file, and what had to be repaired to read it.

    Args:
        content: the file's bytes.
        largest: bytes that are parsed at most; lists of outputs and texts that are too long are not counted.
        longest: characters of a cell's text; in place of a longer one stands how many it has.

    Raises:
        TooLarge: there are more.
        ValueError: it is no JSON, and no whole cell stands before the damage.
        RecursionError: it is nested too deep.
    """
    repairs: list[str] = []
    for marks, name in ((UTF_32, "UTF-32"), (UTF_16, "UTF-16")):  # the marks of the first begin like the second's
        if content.startswith(marks):
            repairs.append(f"The file was saved as {name}; notebooks are UTF-8.")
            content = content.decode(name, "replace").encode("utf-8", "replace")
            break
    else:
        content = content.removeprefix(codecs.BOM_UTF8)
    content = without_conflicts(content, repairs)
    plain = without_outputs(content, largest=largest, longest=longest)
    text = plain.decode("utf-8", "replace")
    if text.count(REPLACED) > plain.count(REPLACED.encode()):  # an honest notebook may speak of this character
        repairs.append("Some characters of the file are not UTF-8; a question mark stands for each.")
    if "\0" in text:
        repairs.append("The file has null bytes; they were left out.")
        text = text.replace("\0", "")
    text = text.lstrip()
    try:
        document, end = DECODER.raw_decode(text)
    except ValueError as error:
        cells, ended = whole_cells(text)
        if not cells:
            raise
        rest = "all its cells were read" if ended else "what comes after is lost"
        repairs.append(f"The file is damaged or cut off after cell {len(cells)} ({error}); {rest}.")
        return {"cells": cells}, repairs
    if behind := len(text[end:].strip()):
        repairs.append(f"The file goes on after the notebook's end; {behind:,} characters were passed over.")
    return document, repairs


def without_outputs(content: bytes, *, largest: int, longest: int) -> bytes:
    """JSON with empty lists in place of outputs, which are neither parsed nor copied, and without too long texts."""
    kept: list[bytes] = []
    size = start = position = tokens = 0
    while (quote := content.find(b'"', position)) >= 0 and (string := STRING.match(content, quote)):
        position = string.end()
        if string.group() in SKIPPED and (value := VALUE.match(content, position)):
            kept.append(content[start : value.end()] + (b"]" if value[1] == b"[" else b"}"))
            size += len(kept[-1])
            position, tokens_skipped = end_of_value(content, value.start(1))
            start, tokens = position, tokens + tokens_skipped
        elif string.group() in TEXTS and (text := TEXT.match(content, position)):
            end = end_of_text(content, text.start(1))
            if end is None:  # nothing behind it can be parsed
                return b"".join([*kept, content[start : text.start(1)]])
            length = characters(content[text.start(1) : end]) if end - text.start(1) > longest else 0
            if length > longest:
                kept.append(content[start : text.start(1)] + str(length).encode())
                size += len(kept[-1])
                start = end
            position = end
        if size + position - start > largest or tokens > MAX_TOKENS:
            raise TooLarge
    if size + len(content) - start > largest:
        raise TooLarge
    return b"".join([*kept, content[start:]])


def end_of_text(content: bytes, opening: int) -> int | None:
    """The place behind a cell's text; None where it does not end."""
    if content[opening : opening + 1] == b'"':
        string = STRING.match(content, opening)
        return string.end() if string else None
    end, _ = end_of_value(content, opening)
    return end if content[end - 1 : end] == b"]" else None


def characters(text: bytes) -> int:
    """How many characters a cell's text has, given its JSON; 0 of what is none."""
    try:
        lines = json.loads(text.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return 0
    lines = [lines] if isinstance(lines, str) else lines
    return sum(len(line) for line in lines) if all(isinstance(line, str) for line in lines) else 0


def end_of_value(content: bytes, opening: int) -> tuple[int, int]:
    """The place behind the list or object that opens here, the end where it is cut off; and the tokens up to it."""
    depth = tokens = 0
    for token in TOKEN.finditer(content, opening):
        first = content[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
        elif token.end() == token.start() + 1:
            break  # a string without an end
        tokens += 1
        if depth == 0:
            return token.end(), tokens
        if tokens > MAX_TOKENS:
            raise TooLarge
    return len(content), tokens


def without_conflicts(content: bytes, repairs: list[str]) -> bytes:
    """Of each conflict that Git left in the file, the first version. JSON itself has no such lines."""
    if not re.search(rb"^<<<<<<< ", content, re.MULTILINE):
        return content
    repairs.append("Git has left merge conflicts in the file; in each place the first version (HEAD) was read.")
    kept, reading = [], True
    for line in content.splitlines(keepends=True):
        if line.startswith(b"<<<<<<< "):
            reading = True
        elif line.startswith((b"||||||| ", b"=======")):
            reading = False
        elif line.startswith(b">>>>>>> "):
            reading = True
        elif reading:
            kept.append(line)
    return b"".join(kept)


def whole_cells(text: str) -> tuple[list[Any], bool]:
    """The elements of the list of cells up to the first that cannot be read; and does the list end there?"""
    start = CELLS.search(text)
    cells: list[Any] = []
    end = 0  # of the last cell
    position = BETWEEN.match(text, start.end()).end() if start else len(text)  # type: ignore[union-attr]
    while position < len(text) and text[position] != "]":
        try:
            cell, end = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        cells.append(cell)
        position = BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    # A comma would follow a cell at once; where the file was cut off within the space before the bracket, it ends too.
    return cells, bool(cells) and LIST_ENDS.match(text, end) is not None
