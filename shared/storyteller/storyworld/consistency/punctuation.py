"""Rules about how a story is written down: paragraphs, quotation marks, and the capital after a full stop."""

import re
from collections.abc import Iterator

from storyteller.storyworld.consistency.parser import Sentence

Finding = tuple[str, Sentence, str]  # kind, sentence, explanation

_EMPTY_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*\n")  # more than the one empty line between two paragraphs
_SMALL_LETTER = re.compile(r'(?<=[A-Za-z]{2}\.)(?<!\betc\.)(?<!\bvs\.)"?\s+"?(?=[a-z])')
_BEFORE_SPEECH = " \t([-–—'"  # what may stand before the mark that opens a speech


def empty_paragraphs(text: str) -> Iterator[Finding]:
    """Paragraphs in which nothing stands; the empty lines take the place of a sentence."""
    for lines in _EMPTY_PARAGRAPH.finditer(text):
        yield "empty paragraph", Sentence(lines[0], 0, begins=lines.start(), ends=lines.end()), "A paragraph is empty."


def small_letters(text: str, story: list[Sentence]) -> Iterator[Finding]:
    """Sentences that begin with a small letter behind a full stop."""
    for gap in _SMALL_LETTER.finditer(text):
        yield "no sentence", sentence_at(story, gap.end()), "It begins with a small letter."


def quotation_marks(text: str, story: list[Sentence]) -> Iterator[Finding]:
    """Marks that neither open a speech nor close one, at most one in a paragraph, and speeches without an end.

    A last paragraph may be cut in mid-speech. And a speech of several paragraphs is closed in its last alone.
    """
    paragraphs = [line for line in re.finditer(r"[^\n]+", text) if line[0].strip()]
    for number, paragraph in enumerate(paragraphs):
        marks = [mark.start() for mark in re.finditer('"', paragraph[0])]
        for count, at in enumerate(marks):
            before, after = paragraph[0][:at][-1:], paragraph[0][at + 1 :][:1]
            if count % 2 == 0:
                fits = (not before or before in _BEFORE_SPEECH) and (not after or not after.isspace())
            else:
                fits = not before.isspace() and not after.isalnum()
            if not fits:
                explanation = f"A quotation mark {'opens' if count % 2 == 0 else 'closes'} no speech."
                yield "quotation marks", sentence_at(story, paragraph.start() + at), explanation
                break
        else:
            is_last = number == len(paragraphs) - 1
            if len(marks) % 2 and not is_last and not paragraphs[number + 1][0].lstrip().startswith('"'):
                yield "quotation marks", sentence_at(story, paragraph.start() + marks[-1]), "The speech is not closed."


def ends_mid_sentence(text: str) -> bool:
    """Whether the text breaks off: its last sign ends no sentence, or its last paragraph leaves a speech open."""
    last = text.rstrip().rpartition("\n")[2]
    return not last.rstrip("\"'").endswith((".", "!", "?")) or last.count('"') % 2 == 1


def sentence_at(story: list[Sentence], at: int) -> Sentence:
    """The sentence in which this character stands; the last one if it stands behind all."""
    return next((sentence for sentence in story if sentence.begins <= at < sentence.ends), story[-1])
