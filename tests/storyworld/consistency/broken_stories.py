"""Breaks the sentences of held-out tales by program: what `contradictions` has to refuse, besides planted facts."""

import re
from collections.abc import Callable
from random import Random

from planted_contradictions import kind, mark, name, pronoun

from storyteller.corpus import Story
from storyteller.storyworld.consistency.grammar import is_verb
from storyteller.storyworld.consistency.sums import NUMBERS

Break = Callable[[Story, Random], str | None]


def number(story: Story, random: Random) -> str | None:
    """Pay another price: change one of the numbers of coins, of two at least."""
    spots = list(re.finditer(r"(?<= )(\w+)(?= coins)", story.text))
    spots = [spot for spot in spots if spot[0] in NUMBERS and re.search(r"(paid|for|gave \S+) $", _before(story, spot))]
    if not spots:
        return None
    spot = random.choice(spots)
    others = [word for word, value in NUMBERS.items() if 4 <= value <= 12 and word != spot[0]]
    return story.text[: spot.start()] + random.choice(others) + story.text[spot.end() :]


def verb(story: Story, random: Random) -> str | None:
    """Leave the verb out of a sentence of narration that has one only."""
    spots = []
    for sentence in re.finditer(r'(?<=[.] |\n\n)[A-Z][^".!?\n]*[.]', story.text):
        verbs = [word for word in re.finditer(r"[a-z]+", sentence[0]) if is_verb(word[0])]
        if len(verbs) == 1:
            spots.append((sentence.start() + verbs[0].start(), sentence.start() + verbs[0].end() + 1))
    if not spots:
        return None
    start, end = random.choice(spots)
    return story.text[:start] + story.text[end:]


def double(story: Story, random: Random) -> str | None:
    """Write one word twice."""
    spot = random.choice(list(re.finditer(r"\b[a-z]+\b(?= )", story.text)))
    return story.text[: spot.end()] + " " + spot[0] + story.text[spot.end() :]


def splice(story: Story, random: Random) -> str | None:
    """Go on, from the middle of one sentence, with the middle of another."""
    found = [s for s in re.findall(r'[A-Z][^".!?\n]*[.]', story.text) if len(s.split()) >= 6]
    if len(found) < 2:
        return None
    first, second = random.sample(found, 2)
    words, others = first.split(), second.split()
    spliced = [*words[: random.randint(2, len(words) - 2)], *others[random.randint(2, len(others) - 2) :]]
    return story.text.replace(first, " ".join(spliced), 1)


def swapped_words(story: Story, random: Random) -> str | None:
    """Exchange two neighboring words."""
    spot = random.choice(list(re.finditer(r"\b([a-z]+) ([a-z]+)\b", story.text)))
    if spot[1] == spot[2]:
        return None
    return f"{story.text[: spot.start()]}{spot[2]} {spot[1]}{story.text[spot.end() :]}"


def cut_off(story: Story, random: Random) -> str | None:
    """Stop in mid-sentence."""
    words = story.text.split(" ")
    at = random.choice([i for i in range(8, len(words) - 1) if words[i][-1].isalpha()])
    return " ".join(words[: at + 1])


def _before(story: Story, spot: re.Match[str]) -> str:
    return story.text[max(0, spot.start() - 20) : spot.start()]


# The break, and the least share that must be found. A word left out, moved or joined on often leaves a sentence that
# could stand ("She sang the song" of "She sang and hummed the song"), so these shares are far from 1.
BREAKS: dict[str, tuple[Break, float]] = {
    "pronoun": (pronoun, 0.9),
    "kind": (kind, 0.9),
    "mark": (mark, 0.9),
    "name": (name, 0.9),
    "number": (number, 0.95),
    "verb left out": (verb, 0.5),
    "word twice": (double, 0.95),
    "sentences spliced": (splice, 0.2),
    "words exchanged": (swapped_words, 0.2),
    "cut off": (cut_off, 1.0),
}
