"""Sentences: typography, pronouns, the beginnings of lines."""

import re

from storyteller.corpus import Story
from storyteller.storyworld import generate
from storyteller.storyworld.lexicon import lexicon
from storyteller.storyworld.plot_files import genres
from storyteller.storyworld.templates import Literal, Pool, literals_and_slots


def test_the_typography_is_clean(thousand: list[Story], tales: list[Story]) -> None:
    faults = re.compile(
        r"  | [,.!?;:]|\n{3}|[{}\[\]|<>]|(?<!\.)\.\.(?!\.)|,,"
        r"|\b[Aa] [aeio]|\b(?:the|a|an) (?:the|a|an)\b|\b[Aa]n [^aeiouhAEIOUH]"
    )
    for story in (*thousand, *tales):
        for text in (story.text, story.prompt):
            text = re.sub(r"\b[Aa] (?=one\b|once\b)", "", text)
            fault = faults.search(text)
            assert fault is None, f"{fault and text[max(0, fault.start() - 30) : fault.end() + 30]!r} in {text}"
            assert text.count('"') % 2 == 0
        assert all(re.match(r'"?[A-Z]', paragraph) for paragraph in story.text.split("\n\n")), story.text


# Pronouns of people who only pass by, such as a man in the crowd.
OF_PASSERS_BY = {
    "He whistles too much",
    "He has black thumbs",
    "He who plays with fire",
    "He thought he had the better of me",
    "man with a beard down to his belt",
    "dropped the cannonball on his own toe",
}


def _no_pronoun(pool: Pool, pronoun: re.Pattern[str], where: str) -> None:
    for phrasing in pool.phrasings:
        for part in literals_and_slots(phrasing):
            if isinstance(part, Literal):
                assert part.text in OF_PASSERS_BY or not pronoun.search(part.text), (
                    f"{where}: write a slot, such as {{he}}, in {part.text!r}"
                )


def test_no_phrasing_names_a_pronoun_that_the_realizer_should_choose() -> None:
    pronoun = re.compile(r"\b(he|she|him|her|hers|his|himself|herself)\b", re.IGNORECASE)
    for plots in (*genres().values(), *genres("tales").values()):
        for plot in plots:
            for step in plot.beats:
                for beat in step:
                    for pool in beat.steps:
                        _no_pronoun(pool, pronoun, beat.where)
            for key, pool in plot.phrases.items():
                _no_pronoun(pool, pronoun, f"{plot.where}, phrases.{key}")
    for key, pool in lexicon().phrases.items():
        _no_pronoun(pool, pronoun, f"phrases.{key}")


def test_a_line_begins_with_neither_space_nor_small_letter() -> None:
    texts = [story.text for story in generate(600, seed=1, only=("detective",))]
    assert [text for text in texts if re.search(r"^ |  | $|^[a-z]", text, re.MULTILINE)] == []
