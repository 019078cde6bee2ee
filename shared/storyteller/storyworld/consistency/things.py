"""Rules about objects and places: marks, owners, objects used while lost or broken, jumps, endings."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from storyteller.storyworld.consistency.parser import Sentence, known, name_of, words

Rule = Callable[[Sentence], Iterator[tuple[str, str]]]


def rules() -> tuple[Rule, ...]:
    """The rules, each with a fresh memory, to be called sentence by sentence."""
    return Marks(), Owners(), Lost(), Places()


def marked(text: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The objects in a text of words: noun, mark or "", and the word before them."""
    lexis = known()
    for at, word in enumerate(text):
        noun = word[:-2] if word.endswith("'s") else word
        if noun not in lexis.nouns:
            continue
        mark = text[at - 1] if at and text[at - 1] in lexis.marks else ""
        first = at - 2 if mark else at - 1
        yield noun, mark, text[first] if first >= 0 else ""


class Marks:
    """A red kite stays red."""

    def __init__(self) -> None:
        self.marks: dict[str, set[str]] = {}

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Compare each marked object with what it was before."""
        for text in (sentence.lower, [word.lower() for word in sentence.speech]):
            for noun, mark, before in marked(text):
                if not mark:
                    continue
                old = self.marks.setdefault(noun, set())
                definite = before in words("definite") or before.endswith("'s")
                if old and mark not in old and definite:
                    yield "mark", f"The {noun} was {' or '.join(sorted(old))} before and is {mark} here."
                old.add(mark)


class Owners:
    """What is Mia's becomes Tom's only by giving, taking or finding."""

    def __init__(self) -> None:
        self.owner: dict[str, str] = {}

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow "Mia's kite"."""
        everything = {*sentence.lower, *(word.lower() for word in sentence.speech)}
        if not words("giving").isdisjoint(everything):
            self.owner.clear()
        names = known().names
        for at, word in enumerate(sentence.words):
            if not word.endswith("'s") or name_of(word) not in names:
                continue
            for noun, _, before in marked(sentence.lower[at : at + 4]):
                if before != word.lower():
                    continue
                old = self.owner.setdefault(noun, name_of(word))
                if old != name_of(word):
                    yield "owner", f"The {noun} was {old}'s and is {name_of(word)}'s here, but nobody gave it away."
                    self.owner[noun] = name_of(word)


class Lost:
    """What is lost or broken is not used until it is back."""

    def __init__(self) -> None:
        self.state: dict[str, str] = {}
        self.latest = ""  # the object mentioned last: what "It sank" is about

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow each object's state; any word that may mean it is back makes it unknown."""
        lower = sentence.lower
        if not words("dreaming").isdisjoint(lower):
            return
        named = [noun for noun, _, _ in marked(lower)]
        nouns = set(named)
        states = {noun: _state(lower, noun) for noun in nouns}
        if self.latest and lower[:1] == ["it"] and not nouns and not words("lost").isdisjoint(lower[:4]):
            states[self.latest] = "lost"
        self.latest = named[-1] if named else self.latest
        if self.state and not any(states.values()) and self._maybe_back(sentence, nouns):
            self.state.clear()
        for noun, bad in sorted(states.items()):
            verbs = {"lost": words("use"), "broken": words("use_broken")}.get(self.state.get(noun, ""))
            where = lower.index(noun) if noun in lower else 0
            if verbs and not bad and not verbs.isdisjoint(lower[max(0, where - 5) : where]):
                yield "lost object", f"The {noun} is {self.state[noun]}, yet it is used here."
            if bad and words("not_really").isdisjoint(set(lower[max(0, where - 5) : where + 3]) - {"had"}):
                self.state[noun] = bad

    def _maybe_back(self, sentence: Sentence, nouns: set[str]) -> bool:
        lower = sentence.lower
        if "never" in lower:
            return False
        about = "it" in lower or not nouns.isdisjoint(self.state)
        return (
            not words("back").isdisjoint(lower)
            or (about and not words("maybe_back").isdisjoint(lower))
            or (about and "there" in lower and not {"was", "is"}.isdisjoint(lower))
            or not words("back_in_speech").isdisjoint(map(str.lower, sentence.speech))
        )


def _state(lower: list[str], noun: str) -> str:
    """Whether a sentence says that this object is lost or broken: "lost her red kite", "the kite was gone"."""
    if noun not in lower:
        return ""
    at = lower.index(noun)
    before, after, later = lower[max(0, at - 4) : at], lower[at + 1 : at + 6], lower[at + 1 :]
    # "The lamp slid over the side, and it sank."
    it = later[later.index("it") : later.index("it") + 8] if "it" in later else []
    # "was gone", and "had gone", but not "had gone as dull as mud".
    gone = any(pair in (("was", "gone"), ("is", "gone")) for pair in pairwise(after)) or after[-1:] == ["gone"]
    away = "away" in after and not words("away").isdisjoint(after)
    if gone or away or _lost_it(before) or not words("lost").isdisjoint((*after, *it)):
        return "lost"
    return "" if words("broken").isdisjoint((*before, *after)) else "broken"


def _lost_it(before: list[str]) -> bool:
    """Whether "lost" stands before the object as its verb: "lost her red", not "got lost with a"."""
    if "lost" not in before:
        return False
    following = before[before.index("lost") + 1 :]
    return not following or following[0] in words("definite") or following[0].endswith("'s") or following[0] == "a"


class Places:
    """Nobody is by the pond and then in the kitchen without going there."""

    def __init__(self) -> None:
        self.place = ""

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow "at the pond" of sentences about a character."""
        lexis = known()
        lower = sentence.lower
        if not words("moving").isdisjoint(lower) or not words("moving").isdisjoint(map(str.lower, sentence.speech)):
            self.place = ""
        subject = sentence.subject
        verb = lower[subject.at + 1] if subject and subject.at + 1 < len(lower) else ""
        if verb not in ("was", "sat", "stood", "played", "waited", "lay", "slept", "rested", "worked"):
            return
        for at, word in enumerate(lower):
            if word not in lexis.first_place_words:
                continue
            place = lexis.places.get(tuple(lower[at : at + 3]))
            if place:
                if self.place and place != self.place:
                    yield "place", f"The last place was {self.place}, and nobody has gone to {place}."
                self.place = place


def ending(story: list[Sentence]) -> Iterator[tuple[str, Sentence, str]]:
    """What was found in the story is not "never found" at its end."""
    if len(story) < 3:
        return
    last_paragraph = story[-1].paragraph
    for sentence in story:
        if sentence.paragraph != last_paragraph:
            continue
        for verb in ("found", "got", "saw"):
            if f"never {verb}" not in " ".join(sentence.lower):
                continue
            for noun, _, _ in marked(sentence.lower):
                earlier = _obtained(story, sentence, noun, verb)
                if earlier:
                    yield "ending", sentence, f"The {noun} was {verb} before: {earlier.text!r}."


def _obtained(story: list[Sentence], until: Sentence, noun: str, verb: str) -> Sentence | None:
    """The last sentence in which somebody got the object, unless it was lost again after."""
    got = None
    for sentence in story:
        if sentence is until:
            break
        lower = sentence.lower
        near = noun in lower and verb in lower and 0 < lower.index(noun) - lower.index(verb) <= 4
        if near and words("not_really").isdisjoint(lower):
            got = sentence
        if (
            not words("lost").isdisjoint(lower)
            or not words("broken").isdisjoint(lower)
            or not words("away").isdisjoint(lower)
        ):
            got = None
    return got
