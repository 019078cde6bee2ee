"""Phrasings with choices and slots, parsed once and written many times.

A phrasing is text with two kinds of brackets:

    {hero} [ran|hurried|raced] [all the way |]to {place}.

`[a|b|c]` is a choice, one of which is written; `{...}` is a slot that the realizer fills. Brackets may be nested. A
pool is a list of phrasings: one a line, or several on a line with `|` between them. Blank lines divide a text into
steps, each a pool of its own, and a line that starts with a condition in angle brackets, `<hero is child> ...`, is only
taken where that condition holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from storyteller.errors import StorytellerError

NOTHING = "-"  # a line that says nothing


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as it is written."""

    text: str
    signs: tuple[str, ...]  # the quotation marks and sentence ends in it, in order


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several phrasings."""

    options: tuple["Phrasing", ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """A gap for the realizer to fill: `{to place}` has the words `("to", "place")`."""

    words: tuple[str, ...]
    capital: bool  # written with a capital first letter: {Hero}


Phrasing = tuple[Literal | Choice | Slot, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Phrasings to choose from; `guards` holds the condition of each, or "" for none."""

    phrasings: tuple[Phrasing, ...]
    guards: tuple[str, ...] = field(default=())  # empty when no phrasing has a condition


def parse_pool(text: str, where: str) -> Pool:
    """Parse a pool: one phrasing a line, `|` between phrasings of one line.

    Raises:
        StorytellerError: brackets that do not match; the message starts with `where`.
    """
    phrasings, guards = [], []
    for line in text.strip().splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        guard = ""
        if line.startswith("<"):
            guard, closed, line = line[1:].partition(">")
            if not closed:
                raise StorytellerError(f"{where}: the condition {guard!r} has no closing '>'.")
            line = line.strip()
        for part in _split(line, where):
            phrasings.append(() if part.strip() == NOTHING else parse(part, where))
            guards.append(guard.strip())
    if not phrasings:
        raise StorytellerError(f"{where} is empty; it needs at least one phrasing.")
    return Pool(tuple(phrasings), tuple(guards) if any(guards) else ())


def parse_steps(text: str, where: str) -> list[Pool]:
    """Parse a text of several steps, which are divided by blank lines."""
    steps = [block for block in "\n".join(line.strip() for line in text.splitlines()).split("\n\n") if block.strip()]
    return [parse_pool(block, where) for block in steps]


def parse(text: str, where: str) -> Phrasing:
    """Parse one phrasing.

    Raises:
        StorytellerError: brackets that do not match; the message starts with `where`.
    """
    parts: list[Literal | Choice | Slot] = []
    start = 0
    while start < len(text):
        opening = min((i for i in (text.find("[", start), text.find("{", start)) if i >= 0), default=len(text))
        if opening > start:
            parts.append(_literal(text[start:opening], text, where))
        if opening == len(text):
            break
        closing = _closing(text, opening, where)
        inside = text[opening + 1 : closing]
        if text[opening] == "[":
            parts.append(Choice(tuple(parse(option, where) for option in _split(inside, where))))
        else:
            words = inside.split()
            if not words:
                raise StorytellerError(f"{where}: an empty slot {{}}.")
            capital = words[0][0].isupper()
            parts.append(Slot((words[0].lower() if capital else words[0], *words[1:]), capital))
        start = closing + 1
    return tuple(parts)


def literals_and_slots(phrasing: Phrasing) -> Iterator[Literal | Slot]:
    """Every literal and slot of a phrasing, those inside choices too."""
    for part in phrasing:
        if isinstance(part, Choice):
            for option in part.options:
                yield from literals_and_slots(option)
        else:
            yield part


def _literal(text: str, whole: str, where: str) -> Literal:
    if stray := next((sign for sign in "]}|“”’" if sign in text), None):
        raise StorytellerError(f"{where}: stray {stray!r} in {whole!r} (write straight quotation marks).")
    signs = []
    before = " "
    for sign in text:
        if sign == '"' and before in ".?!":
            signs.append(before + '"')
        elif sign in '".!?':
            signs.append(sign)
        before = sign
    return Literal(text, tuple(signs))


def _split(text: str, where: str) -> list[str]:
    """Split at each `|` outside brackets."""
    parts, depth, start = [], 0, 0
    for i, sign in enumerate(text):
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "|" and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if depth:
        raise StorytellerError(f"{where}: the brackets of {text!r} do not match.")
    return [*parts, text[start:]]


def _closing(text: str, opening: int, where: str) -> int:
    """Where the bracket at `opening` is closed."""
    open_brackets = []
    for i in range(opening, len(text)):
        if text[i] in "[{":
            open_brackets.append(text[i])
        elif text[i] in "]}":
            if "[{"["]}".index(text[i])] != open_brackets.pop():
                break
            if not open_brackets:
                return i
    raise StorytellerError(f"{where}: the bracket {text[opening:]!r} is not closed, or by another kind of bracket.")
