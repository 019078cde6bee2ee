"""Reads a story back: sentences, speech apart from narration, and who and what each sentence mentions.

Only the lexicon is needed, so any text in its words can be read, such as a sample of a small model.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from storyteller.storyworld.lexicon import DATA, lexicon, read_toml

PRONOUNS = dict.fromkeys(("he", "him", "his", "himself"), "he") | dict.fromkeys(
    ("she", "her", "hers", "herself"), "she"
)
_TOKEN = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*|[\"\n.!?,;:]")
STRAIGHT_QUOTES = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'"})


@cache
def word_list(name: str) -> frozenset[str]:
    """A list of words of `data/reading.toml`."""
    return frozenset(read_toml(DATA / "reading.toml")[name].split())


def has_any(name: str, words: Iterable[str]) -> bool:
    """Whether one of the words, in lower case, is in the list of this name."""
    return not word_list(name).isdisjoint(words)


@cache
def passers_by() -> dict[str, str]:
    """People who are no kinds of the lexicon, and their pronouns, "" where it is open."""
    lists = {"he": "passers_by_he", "she": "passers_by_she", "": "passers_by"}
    return {word: pronoun for pronoun, name in lists.items() for word in sorted(word_list(name))}


@dataclass(slots=True)
class Mention:
    """A character in a sentence, by name, by kind or by pronoun."""

    who: str  # Pip, or "the wizard"
    pronoun: str  # he, she, or "" where it is open
    at: int  # index in the sentence's words


@dataclass(slots=True)
class Sentence:
    """One sentence; the words of speech are kept apart."""

    text: str
    paragraph: int
    words: list[str] = field(default_factory=list)  # narration, as written
    commas: list[int] = field(default_factory=list)  # the indices of words before a comma
    lower: list[str] = field(default_factory=list)  # narration, in lower case
    speech: list[str] = field(default_factory=list)  # as written
    speech_lower: list[str] = field(default_factory=list)
    people: list[Mention] = field(default_factory=list)  # by name or kind, in narration
    begins: int = 0  # indices of characters in the text
    ends: int = 0

    @property
    def subject(self) -> Mention | None:
        """The character that the sentence is about: the first it mentions, if that comes early."""
        return self.people[0] if self.people and self.people[0].at <= 3 else None


def sentences(text: str) -> list[Sentence]:
    """Split a text into sentences; a question or exclamation in speech ends one only after its speaker is named."""
    text = text.translate(STRAIGHT_QUOTES)
    finished: list[Sentence] = []
    current = Sentence("", 0)
    paragraph, in_speech, before = 0, False, ""

    def finish(at: int) -> None:
        nonlocal current
        if current.words or current.speech:
            current.ends = at
            current.text = text[current.begins : at].strip()
            finished.append(current)
        current = Sentence("", paragraph, begins=at)

    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            if current.words or current.speech:
                finish(match.start())
            if before != "\n":
                paragraph += 1
            in_speech = False
            current.paragraph, current.begins = paragraph, match.end()
        elif token == '"':
            in_speech = not in_speech
            # '"Stop!" Mia said' goes on; 'Mia said, "Stop!"' has ended.
            if not in_speech and (before == "." or (before in ("!", "?") and current.words)):
                finish(match.end())
        elif in_speech:
            current.speech.append(token)
            current.speech_lower.append(token.lower())
        elif token in ".!?":
            finish(match.end())
        elif token in ",;:":
            current.commas.append(len(current.words) - 1)
        else:
            current.words.append(token)
            current.lower.append(token.lower())
        before = token
    finish(len(text))
    return finished


@dataclass(slots=True)
class ReadingLexicon:
    """What the lexicon says, in the form that the parser needs."""

    names: dict[str, str]  # name -> pronoun
    kin: frozenset[str]
    kinds: dict[str, str]  # kind -> pronoun or ""
    nouns: frozenset[str]  # objects
    marks: frozenset[str]
    places: dict[tuple[str, ...], str]  # ("by", "the", "pond") -> the pond
    first_place_words: frozenset[str]


@cache
def reading_lexicon() -> ReadingLexicon:
    """The lexicon, prepared once."""
    lexis = lexicon()
    places = {tuple(place.at.lower().split()): place.name for place in lexis.places.values()}
    return ReadingLexicon(
        names=dict(lexis.pronouns),
        kin=frozenset(name for kin in lexis.kin for name in (kin, kin.split()[-1], kin.split()[0])),
        kinds={name: kind.pronoun for name, kind in lexis.kinds.items()},
        nouns=frozenset(lexis.things),
        marks=frozenset(mark for marks in lexis.marks.values() for mark in marks),
        places=places,
        first_place_words=frozenset(at[0] for at in places),
    )


def name_of(word: str) -> str:
    """The word without a possessive: Mia's -> Mia."""
    return word[:-2] if word.endswith("'s") else word


class Cast:
    """Who has appeared so far, and what kind each is said to be."""

    def __init__(self) -> None:
        self.kind_of: dict[str, str] = {}  # name -> kind
        self.pronoun_of: dict[str, str] = {}  # who -> pronoun

    def find(self, sentence: Sentence) -> None:
        """Fill in the people of a sentence."""
        names, lower = reading_lexicon().names, sentence.lower
        # A capitalised first word such as "May" is no name where the second says so.
        common_first = len(lower) > 1 and lower[1] in word_list("not_after_name")
        skipped = -1
        for at, word in enumerate(sentence.words):
            if at == skipped:
                continue
            bare = name_of(word)
            if bare in ("Uncle", "Aunt") and at + 1 < len(sentence.words):
                whole = f"{bare} {name_of(sentence.words[at + 1])}"
                if whole in names:
                    self._add(sentence, whole, names[whole], at)
                    skipped = at + 1
                    continue
            kind = bare.lower()
            if bare in names and not (at == 0 and common_first):
                self._add(sentence, bare, names[bare], at)
            elif kind in reading_lexicon().kinds:
                self.find_kind(sentence, kind, at)
            elif kind in passers_by() and not bare[0].isupper():
                self._add(sentence, f"the {kind}", passers_by()[kind], at)

    def find_kind(self, sentence: Sentence, kind: str, at: int) -> None:
        """Add whom the kind at this word means: a name of that kind, or such as "the wizard"."""
        lexis = reading_lexicon()
        following = sentence.lower[at + 1] if at + 1 < len(sentence.lower) else ""
        names_it = following in ("named", "called") and name_of("".join(sentence.words[at + 2 : at + 3])) in lexis.names
        if following in lexis.nouns or names_it:
            return  # "rabbit hutch", or the name says it
        owners = [name for name, own in self.kind_of.items() if own == kind]
        if len(owners) == 1 and "the" in sentence.lower[max(0, at - 3) : at]:
            self._add(sentence, owners[0], self.pronoun_of.get(owners[0], ""), at)
        else:
            self._add(sentence, f"the {kind}", lexis.kinds[kind], at)

    def _add(self, sentence: Sentence, who: str, pronoun: str, at: int) -> None:
        self.pronoun_of.setdefault(who, pronoun)
        sentence.people.append(Mention(who, pronoun, at))
