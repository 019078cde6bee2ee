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

from storyteller.corpus.dedupe import Duplicates
from storyteller.corpus.story import Story
from storyteller.errors import optional_import

SPECIAL_TOKEN = re.compile(r"<\|[a-z_]+\|>")  # what tokenizers reserve, `<|endoftext|>` above all

# The closing quote ” is E2 80 9D in UTF-8. Read as Windows-1252 the first two become â€, but 9D is no character there
# and many tools dropped it. Put it back, or ftfy would read "â€ " as a dagger and swallow the space.
_LOST_BYTE = re.compile("â€(?![\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ])")

_SUSPICIOUS = re.compile(r"[^\n\t -~]|&")

# WritingPrompts was tokenized by a script for Penn Treebank: spaces around punctuation, `` and '' for quotes.
_SPACED = re.compile(
    r"``|''|\w n't\b|\w ['’] ?(?:s|t|re|ve|ll|d|m)\b|\w [,.;:!?](?=\s|$)|[(\[] [^()\[\]]* [)\]]|[“‘] | [”’](?=\s|$)"
)
_DETOKENIZE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"``[ \t]*", '"'),  # opening quote
        (r"(?:(?<=\S)[ \t]+|)''", '"'),  # closing quote
        (r"([“‘])[ \t]+", r"\1"),
        (r"(\w)[ \t]?n't\b", r"\1n't"),
        (r"\b([Cc]a|[Ww]o|[Ss]ha|[Aa]i)[ \t]n't\b", r"\1n't"),
        (r"(\w)[ \t]+['’][ \t]?(s|t|re|ve|ll|d|m|S|T|RE|VE|LL|D|M)\b", r"\1'\2"),
        (r"\b([Gg]on|[Gg]ot|[Ww]an)[ \t](na|ta)\b", r"\1\2"),
        (r"(?<=\S)[ \t]+(?=[”’](?:[\s,.!?;:]|$))", ""),
        (r"(?<=\.)[ \t](?=\.)", ""),  # . . .
        (r"(?<=\S)[ \t]+(?=[,.;:!?%…)\]]+(?:[\s\"'”’]|$))", ""),
        (r"([(\[])[ \t]+(?=\S)", r"\1"),
        (r"([$#])[ \t]+(?=\d)", r"\1"),
        (r"(https?:) //", r"\1//"),
    )
)
# The forum's own labels: writing prompt, image prompt, constrained writing, ...
_TAG = re.compile(
    r"\[\s*(?:(?:WP|IP|EU|CW|MP|OT|FF|PI|RF|TT|CC|CS|PM|SP|NSFW|NANO|Modpost)(?:\s?/\s?)?)+\s*\]\s*:?", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]*_~]*(?=\s|$)")
_ENDS_WELL = re.compile(r"[.!?…:~\"'”’)\]*—–-]\s*$|[^\w\s]\s*$")
_FAREWELL = re.compile(r"[\W_]*(?:the )?end\W*$", re.IGNORECASE)


_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"})


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """The settings of cleaning. They are written into the index of the shards."""

    min_words: int = 20  # shorter stories are dropped
    min_letters: float = 0.6  # share of the characters (spaces aside) that must be letters
    max_chars: int = 200_000  # longer is a book or a mistake, not a story
    near_duplicates: bool = True  # also drop stories that share most of their word 5-grams with an earlier one
    similarity: float = 0.8  # Jaccard similarity of the word 5-grams from which two stories count as one
    window: int = 50_000  # kept stories in which a near duplicate is looked for
    exact_window: int = 1_000_000  # kept stories in which an exact duplicate is looked for


@dataclass
class CleaningReport:
    """What was read, kept, changed and dropped, and why. `print(report)` shows a table."""

    read: int = 0  # stories that came in
    kept: int = 0  # stories that went on
    dropped: Counter[str] = field(default_factory=Counter)  # reason -> stories
    changed: Counter[str] = field(default_factory=Counter)  # what was mended -> stories (one may count under several)
    examples: dict[str, list[str]] = field(default_factory=dict)  # reason -> the first few, in short
    notes: list[str] = field(default_factory=list)  # what was guessed about a file

    def drop(self, reason: str, text: str) -> None:
        """Count a story as dropped and keep its beginning (of the first three) as an example."""
        self.dropped[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < 3:
            shown.append(" ".join(text[:200].split())[:60])

    def note(self, sentence: str) -> None:
        """Remember a sentence about the corpus, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def __str__(self) -> str:
        rows = [("read", self.read, ""), ("kept", self.kept, "")]
        rows += [(f"dropped: {why}", n, "; ".join(self.examples.get(why, [])[:1])) for why, n in self.dropped.items()]
        rows += [(f"changed: {what}", n, "") for what, n in sorted(self.changed.items())]
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{name:<{width}}  {n:>9,}  {example}".rstrip() for name, n, example in rows]
        return "\n".join([*lines, *(f"note: {sentence}" for sentence in self.notes)])


def clean_text(text: str) -> tuple[str, set[str]]:
    """Mend one text; what it says stays the same.

    Returns:
        The text and the names of what was changed, the keys of `CleaningReport.changed`.
    """
    changes: set[str] = set()
    for name, mend in (
        ("line ends", lambda text: text.replace("\r\n", "\n").replace("\r", "\n")),  # of Windows and old Macs
        ("encoding or entities", mend_characters),
        ("spaced punctuation", undo_tokenization),
        ("curly quotes", lambda text: text.translate(_STRAIGHT)),
        ("layout", lay_out),
    ):
        mended = mend(text)
        if mended != text:
            changes.add(name)
        text = mended
    return text, changes


def clean_prompt(prompt: str) -> str:
    """A prompt on one line, without tags such as `[ WP ]`.

    >>> clean_prompt("[ WP ] You ca n't sleep .\\n")
    "You can't sleep."
    """
    return " ".join(clean_text(_TAG.sub(" ", prompt))[0].split())


def trim_cut(text: str) -> str:
    """Cut a story that stops in the middle of a sentence back to its last whole one.

    Only the last paragraph is touched: what follows its last full stop goes. A last paragraph without any is left when
    it is short (`The End`, a signature) and goes otherwise.
    """
    before, gap, last = text.rpartition("\n\n")
    if _ENDS_WELL.search(last) or _FAREWELL.search(last):
        return text
    ends = list(_SENTENCE_END.finditer(last))
    if ends:
        return before + gap + last[: ends[-1].end()]
    return text if len(last.split()) <= 4 and before else before


def clean(
    stories: Iterable[Story], *, settings: Cleaning | None = None, report: CleaningReport | None = None
) -> Iterator[Story]:
    """Mend the stories that can be mended and drop the rest, one by one.

    Memory is bounded whatever the corpus: see `Duplicates`.

    Args:
        stories: what to clean.
        settings: what counts as too short and so on.
        report: is filled in as the stories pass.

    Raises:
        StorytellerError: the packages that cleaning needs are not installed.
    """
    settings = settings or Cleaning()
    report = report if report is not None else CleaningReport()
    duplicates = Duplicates(
        similarity=settings.similarity if settings.near_duplicates else None,
        window=settings.window,
        exact_window=settings.exact_window,
    )
    for story in stories:
        report.read += 1
        text, changes = clean_text(story.text)
        trimmed = trim_cut(text)
        if trimmed != text:
            changes.add("cut sentence at the end")
        reason = _reason_to_drop(text, trimmed, settings) or duplicates.seen(trimmed)
        if reason:
            report.drop(reason, text)
            continue
        prompt = clean_prompt(story.prompt) if story.prompt else ""
        if SPECIAL_TOKEN.search(prompt):
            report.drop("special token inside the text", prompt)
            continue
        if prompt != story.prompt:
            changes.add("prompt")
        report.changed.update(changes)
        report.kept += 1
        yield Story(text=trimmed, prompt=prompt, genre=story.genre, facts=story.facts)


def _reason_to_drop(text: str, trimmed: str, settings: Cleaning) -> str | None:
    """Why a cleaned text is no story to learn from, or None."""
    if not text:
        return "empty"
    # After mending: `&lt;|endoftext|&gt;` has become the token by now.
    if SPECIAL_TOKEN.search(text):
        return "special token inside the text"
    if len(text) > settings.max_chars:
        return f"longer than {settings.max_chars:,} characters"
    solid = len("".join(text.split()))
    if "�" in text or "\0" in text or sum(map(str.isalpha, text)) < settings.min_letters * solid:
        return "not text"
    if 2 * len(trimmed) < len(text):
        return "cut off"
    if len(trimmed.split()) < settings.min_words:
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
        unescape_html=True, uncurl_quotes=False, fix_line_breaks=False, remove_control_chars=True, explain=False
    )
    return str(ftfy.fix_text(text, settings))


def undo_tokenization(text: str) -> str:
    """Undo the tokenization of WritingPrompts: `` I ca n't , '' becomes "I can't,"."""
    if not _SPACED.search(text):
        return text
    for pattern, replacement in _DETOKENIZE:
        text = pattern.sub(replacement, text)
    return text


def lay_out(text: str) -> str:
    """Paragraphs separated by one blank line; no space at a line's ends, one space between words.

    Every line break counts as the end of a paragraph: the corpora write a paragraph as one line, with or without blank
    lines between.
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n\n".join(line for line in lines if line)
