"""Rewards: how good a story is, by program.

A reward is a function of all the stories of a step, since some compare a story with the others of its group; it gives
one number for each. `REWARDS` has those that a command can name, and any other function with this signature is as good.

    >>> stories = [
    ...     Told(opening="", text="A fox named Pip had a red kite. He flew the red kite.", ended=True, group=0),
    ...     Told(opening="", text="A fox named Pip had a red kite. He flew the blue kite.", ended=True, group=0),
    ... ]
    >>> consistency(stories)
    [1.0, 0.0]
    >>> total_rewards(stories, {"consistency": (consistency, 1.0), "distinctness": (distinctness, 0.5)})
    [1.5, 0.5]

What a reward does not see may be given up for it. A model that is paid for consistency alone tells one flawless story
for ever: hence `novelty` and `distinctness`, and `length`. Two more know the training stories: `known_pairs` is against
babble, which no checker can fault and which is always new, `not_copied` against stories that are learned by heart.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.evaluation.text_metrics import CopyFinder, known_share, ngrams, repetition, word_pairs
from storyteller.storyworld import contradictions
from storyteller.storyworld.generate import MAX_WORDS, MIN_WORDS

N = 4  # of the n-grams by which stories are compared, as in distinct-4


@dataclass(frozen=True, kw_only=True)
class Told:
    """A story that the model told."""

    opening: str  # what it was given: a story's beginning or a wish; it may be empty
    text: str  # the story: with its beginning, without the wish
    ended: bool  # the model ended it; otherwise it was cut
    group: int  # the stories of one prompt have the same number
    facts: Mapping[str, Any] | None = None  # what shall be true in it, where its prompt came with facts


Reward = Callable[[Sequence[Told]], list[float]]


def consistency(stories: Sequence[Told]) -> list[float]:
    """1 for a story that comes to its end without a contradiction, as far as a program finds them; otherwise 0."""
    return [float(story.ended and not contradictions(story.text, is_whole=True)) for story in stories]


def first_fault(story: Told) -> tuple[int, int] | None:
    """Where the sentence with the first contradiction begins and ends in the text; None where there is none.

    None as well for a story that did not end: it is wrong as a whole. Were its sentence alone to blame, nothing would
    speak against telling on and on.

    >>> text = "A fox named Pip had a red kite. He flew the blue kite. He ran home."
    >>> begins, ends = first_fault(Told(opening="", text=text, ended=True, group=0))
    >>> text[begins:ends]
    'He flew the blue kite.'
    """
    if not story.ended:
        return None
    for found in contradictions(story.text, is_whole=True):
        if found.kind != "nothing recognised":
            return found.begins, found.begins + len(found.sentence)
    return None


def wish(stories: Sequence[Told]) -> list[float]:
    """The share of what the prompt asks for that is in the story: its characters' kinds, its objects and their marks.

    Raises:
        StorytellerError: a prompt came without facts.
    """
    return [_fulfilled(story) for story in stories]


def _fulfilled(story: Told) -> float:
    if story.facts is None:
        raise StorytellerError("The reward 'wish' needs prompts with facts: name a corpus such as storyworld-tales.")
    asked = list(asked_for(story.opening, story.facts))
    words = f" {_plain(story.text)} "
    return sum(f" {phrase} " in words for phrase in asked) / len(asked) if asked else 1.0


def asked_for(prompt: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts that a prompt names: "fox", "red ribbon", or "ribbon" where it does not say which.

    >>> facts = {"people": [{"kind": "fox"}, {"kind": "frog"}], "things": [{"noun": "ribbon", "mark": "red"}]}
    >>> list(asked_for("A frog is stuck, and a fox has only a red ribbon.", facts))
    ['fox', 'frog', 'red ribbon']
    """
    words = f" {_plain(prompt)} "
    for person in facts["people"]:
        if f" {person['kind']} " in words:
            yield person["kind"]
    for thing in facts["things"]:
        marked = f"{thing['mark']} {thing['noun']}"
        if f" {thing['noun']} " in words:
            yield marked if f" {marked} " in words else thing["noun"]


def _plain(text: str) -> str:
    """The words in small letters, without their punctuation."""
    return " ".join(word.strip(".,;:!?\"“”'’()").removesuffix("'s") for word in text.lower().split())


def length(stories: Sequence[Told], *, low: int = MIN_WORDS, high: int = MAX_WORDS) -> list[float]:
    """1 for a story of `low` to `high` words; the less, the further it is from that."""
    counts = [max(1, len(story.text.split())) for story in stories]
    return [min(1.0, count / low, high / count) for count in counts]


def distinctness(stories: Sequence[Told]) -> list[float]:
    """The share of a story's word 4-grams that did not occur earlier in it; near 0 for one that is stuck."""
    return [1 - repetition(story.text, N) for story in stories]


def novelty(stories: Sequence[Told]) -> list[float]:
    """How little a story shares with the others of its group.

    The mean of 1/n over its word 4-grams, where n stories have the 4-gram: 1 for a story that has nothing in common
    with them, 1/G where all G are the same. Over a group of stories of one length the mean is its distinct-4: each
    gets the part of that figure that it brings in.
    """
    grams = [set(ngrams(story.text.split(), N)) for story in stories]
    counts: dict[int, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for story, own in zip(stories, grams, strict=True):
        counts[story.group].update(own)
    return [
        sum(1 / counts[story.group][gram] for gram in own) / len(own) if own else 0.0
        for story, own in zip(stories, grams, strict=True)
    ]


def not_copied(finder: CopyFinder) -> Reward:
    """1 less the share of a story that is its longest run of words out of the training stories.

    Args:
        finder: of the training stories.
    """

    def reward(stories: Sequence[Told]) -> list[float]:
        return [1 - finder.longest(story.text).words / max(1, len(story.text.split())) for story in stories]

    return reward


def known_pairs(known: Collection[tuple[str, str]]) -> Reward:
    """The share of a story's pairs of neighboring words that the training stories have too.

    Args:
        known: the pairs of the training stories, as a set.
    """
    return lambda stories: [known_share([story.text], known) for story in stories]


REWARDS: Mapping[str, Reward] = {
    "consistency": consistency,
    "wish": wish,
    "length": length,
    "distinctness": distinctness,
    "novelty": novelty,
}
# Those that are made of the training stories.
OF_TRAINING: Mapping[str, Callable[[Iterable[str]], Reward]] = {
    "known_pairs": lambda texts: known_pairs(set(word_pairs(texts))),
    "not_copied": lambda texts: not_copied(CopyFinder(texts)),
}


def total_rewards(
    stories: Sequence[Told],
    terms: Mapping[str, tuple[Reward, float]],
    *,
    novelty_weight: float = 0.0,
    min_words: int = 0,
) -> list[float]:
    """The weighted sum of the terms, times 1 + `novelty_weight` * novelty, times the share of `min_words` that is told.

    Both are factors and not terms of the sum: added, novelty would pay for gibberish, which is always new, and length
    for any long story.

    Args:
        stories: those of a step.
        terms: name -> (reward, its weight).
        novelty_weight: how much more a story earns that is like no other of its group.
        min_words: a shorter story earns less, in proportion. 0: its length does not matter.

    Raises:
        StorytellerError: a term does not give one finite number a story.
    """
    totals = [0.0] * len(stories)
    for name, (reward, weight) in terms.items():
        values = reward(stories)
        if len(values) != len(stories) or not all(abs(value) < float("inf") for value in values):
            raise StorytellerError(
                f"The reward {name!r} must give one finite number for each of {len(stories)} stories."
            )
        totals = [total + weight * value for total, value in zip(totals, values, strict=True)]
    if min_words:
        told = (min(1.0, len(story.text.split()) / min_words) for story in stories)
        totals = [total * share for total, share in zip(totals, told, strict=True)]
    if novelty_weight:
        totals = [total * (1 + novelty_weight * new) for total, new in zip(totals, novelty(stories), strict=True)]
    return totals
