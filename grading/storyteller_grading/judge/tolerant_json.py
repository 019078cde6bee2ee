"""Reads the JSON of a notebook that may be large, cut off, or mangled on its way.

Outputs are most of a large notebook and no matter of ours, so they are skipped before anything is parsed: memory is
bounded by what is left. Every step is linear in the file's size, for a student may have written it against us.
"""

import codecs
import json
import re
from typing import Any

SKIPPED = frozenset({b'"outputs"', b'"attachments"', b'"widgets"'})  # keys whose lists and objects are not read
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
VALUE = re.compile(rb"\s*:\s*([\[{])")
TOKEN = re.compile(rb"(?:" + STRING.pattern + rb'[\s,:]*+)++|[\[\]{}"]', re.DOTALL)  # strings in a row, or one sign
MAX_TOKENS = 2_000_000  # brackets, and rows of strings between them, in all outputs
CELLS = re.compile(r'(?<!\\)"cells"\s*:\s*\[')
BETWEEN = re.compile(r"[\s,]*")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
DECODER = json.JSONDecoder(parse_constant=lambda name: None, strict=False)
REPLACED = "\ufffd"  # stands for what cannot be read


class TooLarge(Exception):
    """More is left without the outputs than is read, or there are too many of these."""


def load(content: bytes, *, largest: int) -> tuple[Any, list[str]]:
    """The document in a file, and what had to be repaired to read it.

    Args:
        content: the file's bytes.
        largest: bytes that are parsed at most; lists of outputs are not counted.

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
    plain = without_outputs(content, largest=largest)
    text = plain.decode("utf-8", "replace")
    if text.count(REPLACED) > plain.count(REPLACED.encode()):  # an honest notebook may speak of this character
        repairs.append("Some characters of the file are not UTF-8; a question mark stands for each.")
    if "\0" in text:
        repairs.append("The file has null bytes; they were left out.")
        text = text.replace("\0", "")
    text = text.strip()
    try:
        document, end = DECODER.raw_decode(text)
    except ValueError as error:
        cells = whole_cells(text)
        if not cells:
            raise
        repairs.append(f"The file is damaged or cut off after cell {len(cells)} ({error}); what comes after is lost.")
        return {"cells": cells}, repairs
    if end < len(text):
        repairs.append(f"The file goes on after the notebook's end; {len(text) - end:,} characters were passed over.")
    return document, repairs


def without_outputs(content: bytes, *, largest: int) -> bytes:
    """JSON with empty lists in place of outputs, which are neither parsed nor copied."""
    kept: list[bytes] = []
    size = start = position = tokens = 0
    while (quote := content.find(b'"', position)) >= 0 and (string := STRING.match(content, quote)):
        position = string.end()
        if string.group() in SKIPPED and (value := VALUE.match(content, position)):
            kept.append(content[start : value.end()] + (b"]" if value[1] == b"[" else b"}"))
            size += len(kept[-1])
            position, tokens_skipped = end_of_value(content, value.start(1))
            start, tokens = position, tokens + tokens_skipped
        if size + position - start > largest or tokens > MAX_TOKENS:
            raise TooLarge
    if size + len(content) - start > largest:
        raise TooLarge
    return b"".join([*kept, content[start:]])


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


def whole_cells(text: str) -> list[Any]:
    """The elements of the list of cells up to the first that cannot be read."""
    start = CELLS.search(text)
    cells: list[Any] = []
    position = BETWEEN.match(text, start.end()).end() if start else len(text)  # type: ignore[union-attr]
    while position < len(text) and text[position] != "]":
        try:
            cell, position = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        cells.append(cell)
        position = BETWEEN.match(text, position).end()  # type: ignore[union-attr]
    return cells
