"""Reads a story back: sentences, speech apart from narration, and who and what each sentence mentions.

Only the lexicon is needed, so any text in its words can be read, such as a sample of a small model.
"""

import re
from dataclasses import dataclass, field
from functools import cache

from storyteller.storyworld.lexicon import DATA, lexicon, read_toml

PRONOUNS = dict.fromkeys(("he", "him", "his", "himself"), "he") | dict.fromkeys(
    ("she", "her", "hers", "herself"), "she"
)
_TOKEN = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*|[\"\n.!?,;:]")
_CURLY = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'"})


@cache
def words(name: str) -> frozenset[str]:
    """A list of words of `data/reading.toml`."""
    return frozenset(read_toml(DATA / "reading.toml")[name].split())


@cache
def passers_by() -> dict[str, str]:
    """People who are no kinds of the lexicon, and their pronouns, "" where it is open."""
    lists = {"he": "passers_by_he", "she": "passers_by_she", "": "passers_by"}
    return {word: pronoun for pronoun, name in lists.items() for word in sorted(words(name))}


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
    lower: list[str] = field(default_factory=list)
    speech: list[str] = field(default_factory=list)
    people: list[Mention] = field(default_factory=list)  # by name or kind, in narration
    begins: int = 0  # where it stands in the text
    ends: int = 0

    @property
    def subject(self) -> Mention | None:
        """The character that the sentence is about: the first it mentions, if that comes early."""
        return self.people[0] if self.people and self.people[0].at <= 3 else None


def sentences(text: str) -> list[Sentence]:
    """Split a text into sentences; a question or exclamation in speech ends one only after its speaker is named."""
    text = text.translate(_CURLY)
    found: list[Sentence] = []
    now = Sentence("", 0)
    paragraph, in_speech, before = 0, False, ""

    def finish(at: int) -> None:
        nonlocal now
        if now.words or now.speech:
            now.ends = at
            now.text = text[now.begins : at].strip()
            found.append(now)
        now = Sentence("", paragraph, begins=at)

    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            if now.words or now.speech:
                finish(match.start())
            if before != "\n":
                paragraph += 1
            in_speech = False
            now.paragraph, now.begins = paragraph, match.end()
        elif token == '"':
            in_speech = not in_speech
            # '"Stop!" Mia said' goes on; 'Mia said, "Stop!"' has ended.
            if not in_speech and (before == "." or (before in ("!", "?") and now.words)):
                finish(match.end())
        elif in_speech:
            now.speech.append(token)
        elif token in ".!?":
            finish(match.end())
        elif token in ",;:":
            now.commas.append(len(now.words) - 1)
        else:
            now.words.append(token)
            now.lower.append(token.lower())
        before = token
    finish(len(text))
    return found


@dataclass(slots=True)
class Known:
    """What the lexicon says, in the shape that reading needs."""

    names: dict[str, str]  # name -> pronoun
    kin: frozenset[str]
    kinds: dict[str, str]  # kind -> pronoun or ""
    nouns: frozenset[str]  # objects
    marks: frozenset[str]
    places: dict[tuple[str, ...], str]  # ("by", "the", "pond") -> the pond
    first_place_words: frozenset[str]


@cache
def known() -> Known:
    """The lexicon, prepared once."""
    lexis = lexicon()
    places = {tuple(place.at.lower().split()): place.name for place in lexis.places.values()}
    return Known(
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
        lexis = known()
        skip = -1
        for at, word in enumerate(sentence.words):
            if at <= skip:
                continue
            bare = name_of(word)
            if bare in ("Uncle", "Aunt") and at + 1 < len(sentence.words):
                whole = f"{bare} {name_of(sentence.words[at + 1])}"
                if whole in lexis.names:
                    self._add(sentence, whole, lexis.names[whole], at)
                    skip = at + 1
                    continue
            if bare in lexis.names and not (at == 0 and _common_word(sentence)):
                self._add(sentence, bare, lexis.names[bare], at)
                continue
            low = bare.lower()
            if low in lexis.kinds:
                self._find_kind(sentence, low, at)
            elif low in passers_by() and not bare[0].isupper():
                self._add(sentence, f"the {low}", passers_by()[low], at)

    def _find_kind(self, sentence: Sentence, kind: str, at: int) -> None:
        lexis = known()
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


def _common_word(sentence: Sentence) -> bool:
    """Whether the first word, though it looks like a name, is only a capitalised word."""
    return len(sentence.lower) > 1 and sentence.lower[1] in words("not_after_name")
