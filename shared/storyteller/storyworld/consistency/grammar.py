"""Rules about single sentences: words that cannot follow each other, a word twice, no verb, an end in mid-phrase, "a"
for "an", and what has just been said.

They read words only, by the lists of `data/reading.toml`, so they find what is certainly no sentence and pass the rest.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from storyteller.storyworld.consistency.parser import Sentence, has_any, name_of, passers_by, reading_lexicon, word_list

_WORD_OR_SIGN = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*|[^\sA-Za-z]+")

# No word of the second list follows one of the first within a clause; the names are lists of `data/reading.toml`.
NEVER_FOLLOWS = (
    ("articles", "after_no_article"),
    ("possessives", "after_no_possessive"),
    ("subject_pronouns", "after_no_subject"),
    ("prepositions", "after_no_preposition"),
    ("infinitive_to", "after_no_to"),
)


def sentence_structure(sentence: Sentence) -> Iterator[tuple[str, str]]:
    """What makes this no sentence; at most one finding, the first."""
    tokens = _WORD_OR_SIGN.findall(sentence.text)
    for number, (first, second) in enumerate(pairwise(tokens)):
        a, b = first.lower(), second.lower()
        if first in (second, second.capitalize()) and a.isalpha() and a not in word_list("may_come_twice"):
            yield "no sentence", f'"{first}" comes twice in a row.'
            return
        if first in word_list("articles") and (b[0] in ",;:" or (b[0] in ".!?" and b[:2] != "..")):
            yield "no sentence", f'Nothing follows "{first}".'
            return
        begins = number == 0 or not tokens[number - 1][0].isalpha()
        if is_wrong_article(a if begins else first, second):
            yield "no sentence", f'"{first}" stands before "{second}" in the place of "{"a" if a == "an" else "an"}".'
            return
        before = tokens[number - 1].lower() if number else ""
        # "The two of them" and "a he" apart; a name such as "May" is no word of these lists.
        if any(a in word_list(one) and b in word_list(other) for one, other in NEVER_FOLLOWS) and (
            (before, a) not in (("what", "the"),) and not (second[0].isupper() and b != "i")
        ):
            yield "no sentence", f'"{second}" cannot follow "{first}".'
            return
    words = [token for token in tokens if token[0].isalpha()]
    if words and words[-1].lower() in word_list("ends_no_sentence") and tokens[-1][0] in ".!?":
        yield "no sentence", f'It ends in "{words[-1]}".'
    elif lacks_verb(sentence):
        yield "no sentence", "It has no verb."


def is_wrong_article(article: str, word: str) -> bool:
    """Whether "a" stands before a vowel or "an" before a consonant; where spelling does not decide, neither is wrong.

    >>> [is_wrong_article(*pair.split()) for pair in ("a kite", "a orange", "an kite", "an hour", "a unicorn")]
    [False, True, True, False, False]
    """
    lower = word.lower()
    if article not in ("a", "an") or not lower.isalpha() or len(word) == 1 or word.isupper():
        return False
    if lower.startswith(tuple(word_list("a_or_an"))):
        return False
    return (lower[0] in "aeiou") == (article == "a")


class SaidBefore:
    """A paragraph does not say the same of somebody twice. Descriptions, and what characters say, may come again."""

    def __init__(self) -> None:
        self.told: set[tuple[int, str]] = set()  # paragraph, sentence

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Whether this sentence stands in its paragraph a second time."""
        if sentence.speech or len(sentence.lower) < 5:
            return
        if not sentence.people and sentence.lower[0] not in ("he", "she", "they"):
            return
        key = (sentence.paragraph, " ".join(sentence.lower))
        if key in self.told:
            yield "said before", "Its paragraph has the same sentence before it."
        self.told.add(key)


def is_verb(word: str) -> bool:
    """Whether a word in lower case may be a finite verb."""
    return word in word_list("verbs") or word in word_list("more_verbs") or (word.endswith("ed") and len(word) > 3)


def lacks_verb(sentence: Sentence) -> bool:
    """Whether a sentence of narration says nothing of anybody or anything: no verb where one must be.

    Exclamations ("What a day!") and sentences of few words ("Not a sign of it.") need none.
    """
    lower = sentence.lower
    if sentence.speech or not lower or lower[0] in word_list("may_lack_verb") or has_any("noises", lower):
        return False
    # "Mia the kite", "The rabbit the kite": who does it is followed by what it is done to.
    kinds = reading_lexicon().kinds
    subject_ends = -1
    if sentence.people and sentence.people[0].at <= 2 and not sentence.words[sentence.people[0].at].endswith("'s"):
        at = sentence.people[0].at
        if lower[0] == "the" or all(word in ("then", "so", "and", "but", "soon") for word in lower[:at]):
            subject_ends = at
    following = lower[subject_ends + 1 : subject_ends + 3]
    if subject_ends >= 0 and subject_ends not in sentence.commas and len(following) == 2:
        is_apposition = following[0] == "the" and (name_of(following[1]) in kinds or following[1] in passers_by())
        if following[0] in word_list("never_a_verb") and not is_apposition:
            return True
    # "One day, a little girl called Mia, and out came ...": she is introduced, and nothing is said of her.
    for at in range(2, len(lower) - 1):
        introduced = lower[at - 1] in ("called", "named") and at in sentence.commas
        if introduced and lower[at + 1] in ("and", "but", "so") and not any(map(is_verb, lower[: at - 1])):
            return True
    is_about = subject_ends >= 0 or lower[0] in word_list("sole_subjects")
    return len(lower) >= (3 if is_about else 6) and not any(is_verb(name_of(word)) for word in lower)
