r"""Cleaning: what real files of stories need before a tokenizer sees them, and a report of what was done.

    >>> fixed, changes = clean_text("`` I ca n't , '' said Tom .\r\n")
    >>> fixed, sorted(changes)
    ('"I can\'t," said Tom.', ['layout', 'line ends', 'spaced punctuation'])

What comes out is always the same form: paragraphs separated by one blank line, straight quotes, no spaces at the ends
of a line. Curly quotes are made straight on purpose: the corpora mix both, and a small vocabulary should not spend
tokens, nor a small model its attention, on two spellings of one mark. Dashes, accents and emoji stay.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import regex

from storyteller.corpus.dedupe import NEAR, Duplicates, Fingerprint, fingerprint
from storyteller.corpus.rules import ALWAYS, TAG, is_tokenized, leave_out_forum, undo_tokenization
from storyteller.corpus.story import Story
from storyteller.errors import optional_import

SHOWN_CHARS = 200  # of a story that was dropped, from which the report takes its example
SPECIAL_TOKEN = re.compile(r"<\|[a-z_]+\|>")  # what tokenizers reserve, `<|endoftext|>` above all

# The closing quote ” is E2 80 9D in UTF-8. Read as Windows-1252 the first two become â€, but 9D is no character there
# and many tools dropped it. Put it back, or ftfy would read "â€ " as a dagger and swallow the space.
_LOST_BYTE = re.compile("â€(?![\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ])")

# Signs that are neither ASCII nor half of some mojibake: read as any other encoding, they begin no character of UTF-8.
_SUSPICIOUS = re.compile(r"[^\n\t -~“”‘’–—…]|&")

_SENTENCE_END = regex.compile(r"(?:[.!?…][\"'”’)\]*_~]*(?=\s|$)|[\p{STerm}--[.!?]][\"'”’」』)]*)", regex.V1)
_ENDS_WELL = re.compile(r"[^\w\s,;(\[]|_")  # the last sign of a text
_FAREWELL = re.compile(r"end\W*$", re.IGNORECASE)
# With these a sentence goes on: articles, conjunctions, prepositions, pronouns before a noun or verb, auxiliaries.
_GOES_ON = re.compile(
    r"(?:^|\s)(?:a|an|the|and|or|but|nor|so|if|as|than|because|while|when|which|who|whose|that|this|these|those|each|"
    r"every|to|of|for|with|from|into|onto|at|by|about|between|among|their|my|your|his|its|our|he|she|they|we|i|"
    r"is|was|are|were|am|be|been|had|has|have|will|would|could|should|can|may|might|must|got|put|let|very)\s*$|[,;]\s*$",
    re.IGNORECASE,
)
# A word: letters between spaces; where a script writes without spaces, two signs (Chinese, Japanese) or five letters.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}]{1,2}|[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{1,5}"
    r"|[^\s\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+"
)
_FULL_WIDTH = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")  # scripts whose commas and stops are full-width
_LETTER = regex.compile(r"[\p{L}\p{M}]")
_ASCII_SPACES = bytes(code for code in range(128) if chr(code).isspace())
_NO_ASCII_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"})


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """The settings of cleaning. They are written into the index of the shards."""

    min_words: int = 20  # shorter stories are dropped
    min_letters: float = 0.6  # share of the characters (spaces aside) that must be letters
    max_chars: int = 200_000  # longer is a book or a mistake, not a story
    near_duplicates: bool = True  # also drop stories that share most of their word 5-grams with an earlier one
    similarity: float = NEAR  # Jaccard similarity of the word 5-grams from which two stories count as one


@dataclass
class CleaningReport:
    """What was read, kept, changed and dropped, and why. `print(report)` shows a table."""

    read: int = 0  # stories that came in
    kept: int = 0  # stories that went on
    dropped: Counter[str] = field(default_factory=Counter)  # reason -> stories
    changed: Counter[str] = field(default_factory=Counter)  # what was mended -> stories (one may count under several)
    examples: dict[str, list[str]] = field(default_factory=dict)  # reason -> the first few, in short
    notes: list[str] = field(default_factory=list)  # what was left out or cut off
    told_apart: Counter[tuple[str, str]] = field(default_factory=Counter)  # (text file, how) -> stories

    def drop(self, reason: str, text: str) -> None:
        """Count a story as dropped and keep its beginning (of the first three) as an example."""
        self.dropped[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < 3:
            shown.append(" ".join(text[:SHOWN_CHARS].split())[:60])

    def note(self, sentence: str) -> None:
        """Remember a sentence about the corpus, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def add(self, other: "CleaningReport") -> None:
        """Take in what another report counted after this one."""
        self.read += other.read
        self.kept += other.kept
        self.dropped.update(other.dropped)
        self.changed.update(other.changed)
        self.told_apart.update(other.told_apart)
        for reason, shown in other.examples.items():
            self.examples[reason] = [*self.examples.get(reason, []), *shown][:3]
        for sentence in other.notes:
            self.note(sentence)

    @property
    def sentences(self) -> list[str]:
        """The notes, and of text files how their stories were told apart and how many came of it."""
        files: dict[str, list[tuple[str, int]]] = {}
        for (file, by), stories in self.told_apart.items():
            files.setdefault(by, []).append((file, stories))
        said = []
        for by, found in files.items():
            names = found[0][0] if len(found) == 1 else f"{found[0][0]} and {len(found) - 1:,} more"
            count = sum(stories for _, stories in found)
            said.append(f"{names}: {count:,} {'story' if count == 1 else 'stories'} read, {by}.")
        return [*said, *self.notes]

    def __str__(self) -> str:
        rows = [("read", self.read, ""), ("kept", self.kept, "")]
        rows += [(f"dropped: {why}", n, "; ".join(self.examples.get(why, [])[:1])) for why, n in self.dropped.items()]
        rows += [(f"changed: {what}", n, "") for what, n in sorted(self.changed.items())]
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{name:<{width}}  {n:>9,}  {example}".rstrip() for name, n, example in rows]
        return "\n".join([*lines, *(f"note: {sentence}" for sentence in self.sentences)])


def clean_text(text: str, *, tokenized: bool | None = None) -> tuple[str, set[str]]:
    """Mend one text; what its story says stays the same.

    Args:
        text: as it stands in a file.
        tokenized: whether its punctuation has spaces of a program's; by default the text itself shows it.

    Returns:
        The text and the names of what was changed, the keys of `CleaningReport.changed`.
    """
    changes: set[str] = set()
    for name, mend in (
        ("line ends", lambda text: text.replace("\r\n", "\n").replace("\r", "\n")),  # of Windows and old Macs
        ("brackets and labels", mend_pieces),
        ("encoding or entities", mend_characters),
        (
            "spaced punctuation",
            lambda text: undo_tokenization(text) if (is_tokenized(text) if tokenized is None else tokenized) else text,
        ),
        ("curly quotes", lambda text: text if text.isascii() else text.translate(_STRAIGHT)),
        ("layout", lay_out),
        ("words to a forum", leave_out_forum),
    ):
        mended = mend(text)
        if mended != text:
            changes.add(name)
        text = mended
    return text, changes


def clean_prompt(prompt: str, *, tokenized: bool = False) -> str:
    """A prompt on one line, without tags such as `[ WP ]`.

    >>> clean_prompt("[ WP ] You ca n't sleep .\\n")
    "You can't sleep."
    """
    tokenized = tokenized or "[ " in prompt or is_tokenized(prompt)
    return " ".join(clean_text(TAG.sub(" ", prompt), tokenized=tokenized)[0].split())


def trim_cut(text: str) -> str:
    """Cut a story that stops in the middle of a sentence back to its last whole one.

    A last sentence without a full stop is no cut by that alone: many a writer leaves it out. It is one where a
    quotation is open, or where the last word cannot be a sentence's last (`the`, `of`, `he`). Only the last paragraph
    is touched.

    >>> trim_cut("Tom ran. He fell into the"), trim_cut("Tom ran. He had the power of magic")
    ('Tom ran.', 'Tom ran. He had the power of magic')
    """
    before, gap, last = text.rpartition("\n\n")
    solid = last.rstrip()
    if _ENDS_WELL.fullmatch(solid[-1:]) and not last.endswith((" -", " –")):
        return text
    if _FAREWELL.search(last):
        return text
    if not _GOES_ON.search(last) and last.count('"') % 2 == 0:
        return text
    ends = list(_SENTENCE_END.finditer(last))
    return before + gap + last[: ends[-1].end()] if ends else before


def clean(
    stories: Iterable[Story], *, settings: Cleaning | None = None, report: CleaningReport | None = None
) -> Iterator[Story]:
    """Mend the stories that can be mended and drop the rest, one by one.

    Of each story that is kept some 50 bytes are remembered, so that its duplicates are found wherever they come: see
    `Duplicates`.

    Args:
        stories: what to clean.
        settings: what counts as too short and so on.
        report: is filled in as the stories pass.

    Raises:
        StorytellerError: the packages that cleaning needs are not installed.
    """
    settings = settings or Cleaning()
    report = report if report is not None else CleaningReport()
    duplicates = Duplicates()
    for story in stories:
        mended = mend_story(story, settings)
        if is_kept(mended, duplicates, report):
            yield Story(text=mended.text, prompt=mended.prompt, genre=story.genre, facts=story.facts)


class Mended(NamedTuple):
    """A story after cleaning, and what decides whether it is kept."""

    text: str  # without a last sentence that was cut off
    prompt: str
    changes: tuple[str, ...]  # names of what was changed, see `CleaningReport.changed`
    fault: str | None  # why it is no story to learn from
    bad_prompt: bool  # a special token is in its prompt
    fingerprint: Fingerprint  # () where it has a fault
    beginning: str  # of the text as it was mended, for the report


def mend_story(story: Story, settings: Cleaning) -> Mended:
    """Mend one story: all of cleaning that needs no other story, so that many may be mended side by side."""
    text, changes = clean_text(story.text)
    trimmed = trim_cut(text)
    if trimmed != text:
        changes.add("cut sentence at the end")
    fault = _reason_to_drop(text, trimmed, settings)
    if fault:
        return Mended("", "", (), fault, False, (), text[:SHOWN_CHARS])
    prompt = clean_prompt(story.prompt, tokenized="spaced punctuation" in changes) if story.prompt else ""
    if prompt != story.prompt:
        changes.add("prompt")
    marks = fingerprint(trimmed, similarity=settings.similarity if settings.near_duplicates else None)
    bad_prompt = SPECIAL_TOKEN.search(prompt) is not None
    return Mended(trimmed, prompt, tuple(sorted(changes)), None, bad_prompt, marks, text[:SHOWN_CHARS])


def is_kept(mended: Mended, duplicates: Duplicates, report: CleaningReport) -> bool:
    """Whether a story is kept among those before it: it has no fault and is no duplicate. The report learns it."""
    report.read += 1
    if reason := mended.fault or duplicates.seen(mended.fingerprint):
        report.drop(reason, mended.beginning)
    elif mended.bad_prompt:
        report.drop("special token inside the text", mended.prompt)
    else:
        report.changed.update(mended.changes)
        report.kept += 1
        return True
    return False


def n_words(text: str) -> int:
    """How many words a text has, in scripts without spaces about so many.

    >>> n_words("Once upon a time"), n_words("从前有一只小狐狸")
    (4, 4)
    """
    return len(text.split()) if text.isascii() else len(_WORD.findall(text))


def _reason_to_drop(text: str, trimmed: str, settings: Cleaning) -> str | None:
    """Why a cleaned text is no story to learn from, or None."""
    if not text:
        return "empty"
    # After mending: `&lt;|endoftext|&gt;` has become the token by now.
    if SPECIAL_TOKEN.search(text):
        return "special token inside the text"
    if len(text) > settings.max_chars:
        return f"longer than {settings.max_chars:,} characters"
    if text.isascii():
        data = text.encode()
        solid, letters = len(data.translate(None, _ASCII_SPACES)), len(data.translate(None, _NO_ASCII_LETTERS))
    else:
        solid, letters = len("".join(text.split())), len(_LETTER.findall(text))
    if "�" in text or "\0" in text or letters < settings.min_letters * solid:
        return "not text"
    if 2 * len(trimmed) < len(text):
        return "cut off"
    if n_words(trimmed) < settings.min_words:
        return f"fewer than {settings.min_words} words"
    return None


def mend_characters(text: str) -> str:
    """Repair mojibake and HTML entities, drop control characters, compose accents (NFC)."""
    if not _SUSPICIOUS.search(text):
        return text  # nothing of that sort can be in it, and ftfy takes its time
    ftfy = optional_import("ftfy", extra="data")
    text = _LOST_BYTE.sub("â€\x9d", text)
    # Quotes stay curly until the spaces around them are gone; line breaks are laid out last.
    settings = ftfy.TextFixerConfig(
        unescape_html=True,
        uncurl_quotes=False,
        fix_line_breaks=False,
        remove_control_chars=True,
        fix_character_width=not _FULL_WIDTH.search(text),
        explain=False,
    )
    return str(ftfy.fix_text(text, settings))


def mend_pieces(text: str) -> str:
    """Put entities and brackets together again that have spaces within; take a forum's labels away."""
    if "&" in text or "(" in text or "[" in text:  # no rule mends a text without them
        for rule in ALWAYS:
            text = rule.apply(text)
    return text


def lay_out(text: str) -> str:
    """Paragraphs separated by one blank line; no space at a line's ends, one space between words.

    Every line break counts as the end of a paragraph: the corpora write a paragraph as one line, with or without blank
    lines between.
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n\n".join(line for line in lines if line)
