"""Finds contradictions in a story, the corpus's own or a model's.

    >>> text = "A girl named Mia had a red kite. He flew the blue kite on the hill."
    >>> [contradiction.kind for contradiction in contradictions(text)]
    ['pronoun', 'mark']

The facts are read from the text itself with the lexicon, and compared with `facts` too when they are given. A rule
reports only what cannot be meant otherwise: zero contradictions in the corpus come before finding each one.
Kinds: pronoun, kind, unknown name, same name, mark, owner, lost object, asleep, gone away, place, ending, sum,
no sentence, said before, quotation marks, empty paragraph, broken off, facts, and nothing recognised.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from storyteller.storyworld.consistency import people, punctuation, things
from storyteller.storyworld.consistency.grammar import SaidBefore, sentence_structure
from storyteller.storyworld.consistency.parser import STRAIGHT_QUOTES, Cast, Sentence, reading_lexicon, sentences
from storyteller.storyworld.consistency.sums import Sums


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A place where a text contradicts itself, or the facts."""

    kind: str  # such as "pronoun"
    sentence: str  # where it shows; the empty lines of an empty paragraph
    explanation: str  # one sentence
    begins: int = 0  # where the sentence begins in the text, in characters


def contradictions(text: str, facts: dict[str, Any] | None = None, *, is_whole: bool = False) -> list[Contradiction]:
    """What in a text cannot be true together, in the order of the text.

    A text in which no character is recognised gives one contradiction of kind "nothing recognised", so that gibberish
    does not count as consistent. Breaking off is none, unless the text is said to be whole.

    Args:
        text: a story in the manner of the corpus.
        facts: what must be true in it, as `Story.facts`; without them the text is only compared with itself.
        is_whole: the text was not cut, so an end in mid-sentence is its own: of kind "broken off".
    """
    story = sentences(text)
    cast = Cast()
    results: list[tuple[str, Sentence, str]] = []  # kind, sentence, explanation
    rules: tuple[people.Rule, ...] = (*people.rules(cast), *things.rules(), Sums(), SaidBefore(), sentence_structure)
    for sentence in story:
        cast.find(sentence)
        for rule in rules:
            results += [(kind, sentence, explanation) for kind, explanation in rule(sentence)]
    if not cast.pronoun_of:
        return [Contradiction("nothing recognised", text.strip()[:80], "No character of the lexicon is in the text.")]
    results += things.ending(story)
    if facts:
        results += against_facts(facts, story, cast)
    straight = text.translate(STRAIGHT_QUOTES)
    results += punctuation.empty_paragraphs(straight)
    results += punctuation.small_letters(straight, story)
    results += punctuation.quotation_marks(straight, story)
    if is_whole and punctuation.ends_mid_sentence(straight):
        results.append(("broken off", story[-1], "The story ends in mid-sentence, or within a speech."))
    results.sort(key=lambda result: result[1].begins)
    return [
        Contradiction(kind, sentence.text, explanation, straight.find(sentence.text, sentence.begins))
        for kind, sentence, explanation in results
    ]


def against_facts(facts: dict[str, Any], story: list[Sentence], cast: Cast) -> Iterator[tuple[str, Sentence, str]]:
    """Compare with what must be true: names, kinds and marks."""
    kinds = {person["name"]: person["kind"] for person in facts["people"]}
    marks = {thing["noun"]: thing["mark"] for thing in facts["things"]}
    for sentence in story:
        for mention in sentence.people:
            if mention.who in reading_lexicon().names and mention.who not in kinds:
                yield "facts", sentence, f"{mention.who} is nobody of this story."
        for noun, mark, before in things.marked(sentence.lower):
            if mark and things.is_definite(before) and marks.get(noun, mark) != mark:
                yield "facts", sentence, f"The {noun} is {marks[noun]}, not {mark}."
    for name, kind in cast.kind_of.items():
        if kinds.get(name, "relative") not in ("relative", kind):
            first = next(sentence for sentence in story if any(mention.who == name for mention in sentence.people))
            yield "facts", first, f"{name} is a {kinds[name]}, not a {kind}."
