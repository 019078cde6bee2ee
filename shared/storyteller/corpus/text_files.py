"""Plain text files of stories: where a story ends, read from the file's own layout.

    <|endoftext|> in the file        it closes each story, or opens each
    lines such as *** between        where most of what follows them begins like a story
    two blank lines, or one          likewise, or where a long file has nothing else
    a story a line                   likewise
    "Once upon a time"               where nothing parts the stories, but such openings begin lines
    none of these                    the file is one story

The first lines of a file decide. What was decided, and how many stories came of it, stands in the report.
"""

import itertools
import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storyteller.corpus.clean import CleaningReport, n_words
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError

SEPARATOR = "<|endoftext|>"
MAX_STORY_CHARS = 4_000_000  # in one story or line of a file; what is longer is not a file of stories
SNIFFED_LINES = 2_000  # that are looked at to learn how a file tells its stories apart
SHORT_FILE = 3_000  # words; without a sign of several stories it is one
MIN_WORDS = 20  # of a piece that may be a story
LONG_PARAGRAPH = 100  # words; few paragraphs of a story have more
WAY_OUT = f"if that is wrong, put a line {SEPARATOR} behind each story"

# The breaks between two lines of text, the weakest first.
LINE_END, BLANK, WIDE, RULER = range(4)
_BY = {
    LINE_END: "taken for one a line",
    BLANK: "told apart by blank lines",
    WIDE: "told apart by two blank lines or more",
    RULER: "told apart by lines such as ***",
}
_RULER = re.compile(r"\s*([-*=_~#+•])\s*(?:\1\s*){2,}")

# How a story begins, whatever stands before it ...
_SURE_OPENING = re.compile(
    r"(?:Once (?:upon a time|there (?:was|were|lived))|There once (?:was|were|lived)|Long,? long ago|A long time ago"
    r"|Es war einmal|Il était une fois|Había una vez|Érase una vez|C'era una volta|Era uma vez|Er was eens"
    r"|Жил|从前|昔々)"
)
# ... and how it may begin, though a paragraph inside may do so too.
_OPENING = re.compile(
    rf"{_SURE_OPENING.pattern}|Once\b"
    r"|(?:One|It was an?|On an?) (?:\w+,? ){0,3}(?:day|morning|night|afternoon|evening)\b"
    r"|There (?:once )?(?:was|were|lived)\b"
    r"|[A-Z]\w+(?: and [A-Z]?\w+)? (?:was|were) \w+ "
)


def read_txt(path: Path, report: CleaningReport) -> Iterator[Story]:
    """The stories of a text file; the report learns by what they were told apart.

    Raises:
        StorytellerError: a line or a story is longer than stories are.
    """
    # newline="" keeps CRLF, so that the report can say that it was there.
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = bounded_lines(file, path)
        sniffed = list(itertools.islice(lines, SNIFFED_LINES))
        unwrap = is_wrapped(sniffed)
        everything = itertools.chain(sniffed, lines)
        if any(SEPARATOR in line for line in sniffed):
            by, stories = f"told apart by {SEPARATOR}", _closed_by_separator(everything, path, report, unwrap=unwrap)
        else:
            layout = find_layout(sniffed, is_whole=len(sniffed) < SNIFFED_LINES, wrapped=unwrap)
            by, stories = f"{layout.by}; {WAY_OUT}", _by_layout(everything, layout, path, unwrap=unwrap)
        for text in stories:
            if text.strip():
                report.told_apart[path.name, by] += 1
                yield Story(text=text)


def bounded_lines(file: IO[str], path: Path) -> Iterator[str]:
    """Lines with their ends; a line without end in sight does not fill the memory."""
    while line := file.readline(MAX_STORY_CHARS + 1):
        if len(line) > MAX_STORY_CHARS:
            raise StorytellerError(
                f"{path} has a line of more than {MAX_STORY_CHARS:,} characters; it is no file of stories."
            )
        yield line


@dataclass(frozen=True)
class Layout:
    """Where in a text a new story begins."""

    by: str  # in words
    weakest: int | None  # break before a story, or a stronger one; None where no break alone is enough
    opening: re.Pattern[str] | None = None  # that must follow it
    wrapped: bool = False  # lines end where the page did

    def begins_story(self, line: str, *, before: str, after_break: int) -> bool:
        """Whether a line begins a story: `before` is the line of text before it, `after_break` what lies between."""
        if after_break == LINE_END and (self.wrapped or before != before.rstrip(" \t")):
            return False  # a space at the end of a line: its story goes on
        if self.weakest is not None and after_break >= self.weakest and self.opening is None:
            return True
        if self.opening is not None and after_break == self.weakest and self.opening.match(line):
            return True
        return _SURE_OPENING.match(line) is not None


def find_layout(lines: list[str], *, is_whole: bool, wrapped: bool) -> Layout:
    """How a file without separators tells its stories apart.

    Args:
        lines: its first ones.
        is_whole: these are all.
        wrapped: see `is_wrapped`.
    """
    breaks = [
        (kind, bare)
        for kind, before, bare in _with_breaks(lines)
        if before and (kind > LINE_END or (not wrapped and before == before.rstrip(" \t")))
    ]
    kinds = sorted({kind for kind, _ in breaks}, reverse=True)
    has_sure = any(_SURE_OPENING.match(bare) for _, bare in breaks)
    for kind in kinds:
        follow = [bare for found, bare in breaks if found == kind]
        share = sum(bool(_OPENING.match(bare)) for bare in follow) / len(follow)
        # Paragraphs begin with "One day" too: in a story of three of them, most begin as a story may.
        sizes = _words_of_pieces(lines, kind)
        if share >= 0.75 or (share >= 0.5 and (not has_sure or statistics.median(sizes) >= LONG_PARAGRAPH)):
            # Where paragraphs have blank lines between, the end of a line alone may be one within a paragraph.
            unsure = kind == LINE_END and len(kinds) > 1
            return Layout(_BY[kind], kind, _OPENING if unsure else None, wrapped=wrapped)
    if has_sure:
        return Layout("told apart by how they begin", None, wrapped=wrapped)
    is_short = is_whole and sum(map(n_words, lines)) <= SHORT_FILE
    for kind in kinds:
        sizes = _words_of_pieces(lines, kind)
        if statistics.median(sizes) >= MIN_WORDS and (not is_short or (kind == WIDE and len(sizes) > 2)):
            return Layout(_BY[kind], kind, wrapped=wrapped)
    return Layout("taken for one a file", None, wrapped=wrapped)


def is_wrapped(lines: Iterable[str]) -> bool:
    """Whether lines were broken to fit a page: of about one length, most of them in the middle of a sentence."""
    inner = [before for kind, before, _ in _with_breaks(lines) if before and kind == LINE_END]
    if len(inner) < 3:
        return False
    mid_sentence = sum(not re.search(r"[.!?…:;\"'”’)。！？]\s*$", line) for line in inner)
    return 2 * mid_sentence > len(inner) and statistics.median(map(len, inner)) >= 40 and max(map(len, inner)) <= 132


def _with_breaks(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Each line of text: the break before it, the line of text before that ("" for the first), and it, without ends."""
    before, after_break = "", LINE_END
    for line in lines:
        bare = line.rstrip("\r\n")
        if not bare.strip():
            after_break = max(after_break, min(after_break + 1, WIDE))
        elif _RULER.fullmatch(bare):
            after_break = RULER
        else:
            yield after_break, before, bare
            before, after_break = bare, LINE_END


def _words_of_pieces(lines: list[str], kind: int) -> list[int]:
    """How many words each piece has between two breaks of a kind or a stronger one."""
    pieces = [0]
    for after_break, before, bare in _with_breaks(lines):
        if before and after_break >= kind:
            pieces.append(0)
        pieces[-1] += n_words(bare)
    return pieces


def _by_layout(lines: Iterable[str], layout: Layout, path: Path, *, unwrap: bool) -> Iterator[str]:
    block, waiting = _Block(path, unwrap=unwrap), list[str]()
    before, after_break = "", LINE_END
    for line in lines:
        bare = line.rstrip("\r\n")
        if not bare.strip():
            after_break = max(after_break, min(after_break + 1, WIDE))
            waiting.append(line)
        elif layout.weakest == RULER and _RULER.fullmatch(bare):
            after_break = RULER
        else:
            if before and layout.begins_story(bare, before=before, after_break=after_break):
                yield block.take()
                waiting.clear()
            for blank in waiting:
                block.add(blank)
            waiting.clear()
            block.add(line)
            before, after_break = bare, LINE_END
    yield block.take()


def _closed_by_separator(lines: Iterable[str], path: Path, report: CleaningReport, *, unwrap: bool) -> Iterator[str]:
    block, opens = _Block(path, unwrap=unwrap), None
    for line in lines:
        if opens is None and line.strip():
            opens = line.lstrip().startswith(SEPARATOR)  # the mark stands before each story, not behind it
        *closed, rest = line.split(SEPARATOR)
        for part in closed:
            block.add(part)
            yield block.take()
        if rest.strip() or not closed:
            block.add(rest)
    if opens:
        yield block.take()
    elif last := block.take().strip():
        # Each story is closed by a separator; what follows the last one was cut off, even where the cut falls on
        # a full stop, as at the end of a line.
        report.read += 1
        report.drop("cut off at the end of the file", last)
        report.note(f"The last story of {path.name} was dropped, for no {SEPARATOR} closes it; add one to keep it.")


class _Block:
    """The lines of one story, as long as they may be one.

    Args:
        path: of the file, for the message.
        unwrap: join the lines of a paragraph, which a blank line or an indent ends.
    """

    def __init__(self, path: Path, *, unwrap: bool):
        self._path, self._unwrap, self._lines, self._length = path, unwrap, list[str](), 0

    def add(self, line: str) -> None:
        self._length += len(line)
        if self._length > MAX_STORY_CHARS:
            raise StorytellerError(
                f"{self._path} has a story of more than {MAX_STORY_CHARS:,} characters; "
                f"put a line {SEPARATOR} behind each story."
            )
        joins = self._unwrap and self._lines and self._lines[-1].strip() and line.strip() and line[0] not in " \t"
        if joins:
            self._lines[-1] = self._lines[-1].rstrip("\r\n") + " "
        self._lines.append(line)

    def take(self) -> str:
        text = "".join(self._lines)
        self._lines, self._length = [], 0
        return text
