"""Rules about objects and places: marks, owners, objects used while lost or broken, jumps, endings."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from storyteller.storyworld.consistency.parser import Sentence, has_any, name_of, reading_lexicon, word_list
from storyteller.storyworld.lexicon import lexicon

Rule = Callable[[Sentence], Iterator[tuple[str, str]]]


def rules() -> tuple[Rule, ...]:
    """The rules, each with a fresh memory, to be called sentence by sentence."""
    return Marks(), Owners(), LostObjects(), Places()


def positions(text: Sequence[str]) -> list[int]:
    """Where in a text of words the objects are."""
    return [at for at, word in enumerate(text) if name_of(word) in reading_lexicon().nouns]


def marked(text: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The objects in a text of words: noun, mark or "", and the word before them."""
    lexis = reading_lexicon()
    for at in positions(text):
        noun = name_of(text[at])
        mark = text[at - 1] if at and text[at - 1] in lexis.marks else ""
        first = at - 2 if mark else at - 1
        yield noun, mark, text[first] if first >= 0 else ""


def is_definite(before: str) -> bool:
    """Whether the word before an object says that it is a known one: the kite, his kite, Mia's kite."""
    return before in word_list("definite") or before.endswith("'s")


class Marks:
    """A red kite stays red."""

    def __init__(self) -> None:
        self.marks: dict[str, set[str]] = {}

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Compare each marked object with what it was before."""
        for noun, mark, before in (*marked(sentence.lower), *marked(sentence.speech_lower)):
            if not mark:
                continue
            known = self.marks.setdefault(noun, set())
            if known and mark not in known and is_definite(before):
                yield "mark", f"The {noun} was {' or '.join(sorted(known))} before and is {mark} here."
            known.add(mark)
        for noun, mark in said_marks(sentence):
            known = self.marks.get(noun, set())
            if known and mark not in known:
                yield "mark", f"The {noun} was {' or '.join(sorted(known))} before and is said to be {mark} here."


def said_marks(sentence: Sentence) -> Iterator[tuple[str, str]]:
    """The colours and metals said of a known object after it: "the drum was blue", "mended the drum blue."."""
    words, colours = sentence.lower, lexicon().marks
    for at, (noun, _, before) in zip(positions(words), marked(words), strict=True):
        rest = words[at + 1 : at + 3] if at not in sentence.commas else []
        mark_at = at + 2 if rest[:1] in (["was"], ["is"]) else at + 1
        if not rest or not is_definite(before) or mark_at >= len(words):
            continue
        ends = mark_at == len(words) - 1 or mark_at in sentence.commas or words[mark_at + 1] in ("and", "but", "again")
        if ends and words[mark_at] in (*colours["colour"], *colours["metal"]):
            yield noun, words[mark_at]


class Owners:
    """What is Mia's becomes Tom's only by giving, taking or finding."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}  # noun -> name

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow "Mia's kite"."""
        if has_any("giving", sentence.lower) or has_any("giving", sentence.speech_lower):
            self.owners.clear()
        for at, word in enumerate(sentence.words):
            name = name_of(word)
            if name == word or name not in reading_lexicon().names:
                continue
            for noun, _, before in marked(sentence.lower[at : at + 4]):
                if before != word.lower():
                    continue
                owner = self.owners.setdefault(noun, name)
                if owner != name:
                    yield "owner", f"The {noun} was {owner}'s and is {name}'s here, but nobody gave it away."
                    self.owners[noun] = name


USE_VERBS = {"lost": "use", "broken": "use_broken"}  # state -> list of the verbs that it forbids


class LostObjects:
    """What is lost or broken is not used until it is back."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}  # noun -> "lost" or "broken"
        self.last_noun = ""  # the object mentioned last: what "It sank" is about

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow each object's state; any word that may mean it is back makes it unknown."""
        lower = sentence.lower
        if has_any("dreaming", lower):
            return
        nouns = [noun for noun, _, _ in marked(lower)]
        new_states = {noun: state_said_of(noun, lower) for noun in nouns}
        if self.last_noun and not nouns and lower[:1] == ["it"] and has_any("lost", lower[:4]):
            new_states[self.last_noun] = "lost"
        if nouns:
            self.last_noun = nouns[-1]
        if self.states and not any(new_states.values()) and self.may_be_back(sentence, nouns):
            self.states.clear()
        for noun, state in sorted(new_states.items()):
            at = lower.index(noun) if noun in lower else 0
            before = lower[max(0, at - 5) : at]
            state_before = self.states.get(noun)
            if state_before and not state and has_any(USE_VERBS[state_before], before):
                yield "lost object", f"The {noun} is {state_before}, yet it is used here."
            if state and not has_any("not_really", {*before, *lower[at : at + 3]} - {"had"}):
                self.states[noun] = state

    def may_be_back(self, sentence: Sentence, nouns: list[str]) -> bool:
        """Whether a sentence may say that something is found or mended."""
        lower = sentence.lower
        if "never" in lower:
            return False
        if has_any("back", lower) or has_any("back_in_speech", sentence.speech_lower):
            return True
        about_it = "it" in lower or not self.states.keys().isdisjoint(nouns)
        return about_it and (has_any("maybe_back", lower) or ("there" in lower and ("was" in lower or "is" in lower)))


def state_said_of(noun: str, lower: list[str]) -> str:
    """Whether a sentence says that an object in it is lost or broken: "lost her red kite", "the kite was gone"."""
    if noun not in lower:
        return ""
    at = lower.index(noun)
    before, after, later = lower[max(0, at - 4) : at], lower[at + 1 : at + 6], lower[at + 1 :]
    # "The lamp slid over the side, and it sank."
    it = later[later.index("it") : later.index("it") + 8] if "it" in later else []
    # "was gone", and "had gone", but not "had gone as dull as mud".
    gone = any(pair in (("was", "gone"), ("is", "gone")) for pair in pairwise(after)) or after[-1:] == ["gone"]
    away = "away" in after and has_any("away", after)
    if gone or away or is_lost_by_somebody(before) or has_any("lost", (*after, *it)):
        return "lost"
    return "broken" if has_any("broken", (*before, *after)) else ""


def is_lost_by_somebody(before: list[str]) -> bool:
    """Whether "lost" is the verb before the object: "lost her red", not "got lost with a"."""
    if "lost" not in before:
        return False
    following = before[before.index("lost") + 1 :]
    return not following or is_definite(following[0]) or following[0] == "a"


class Places:
    """Nobody is by the pond and then in the kitchen without going there."""

    def __init__(self) -> None:
        self.place = ""

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow "at the pond" of sentences about a character."""
        lexis, lower = reading_lexicon(), sentence.lower
        if has_any("moving", lower) or has_any("moving", sentence.speech_lower):
            self.place = ""
        subject = sentence.subject
        verb = lower[subject.at + 1] if subject and subject.at + 1 < len(lower) else ""
        if verb not in ("was", "sat", "stood", "played", "waited", "lay", "slept", "rested", "worked"):
            return
        for at, word in enumerate(lower):
            place = lexis.places.get(tuple(lower[at : at + 3])) if word in lexis.first_place_words else None
            if place and self.place and place != self.place:
                yield "place", f"The last place was {self.place}, and nobody has gone to {place}."
            self.place = place or self.place


def ending(story: list[Sentence]) -> Iterator[tuple[str, Sentence, str]]:
    """What was found in the story is not "never found" at its end."""
    if len(story) < 3:
        return
    for number, sentence in enumerate(story):
        if sentence.paragraph != story[-1].paragraph:
            continue
        for verb in ("found", "got", "saw"):
            if f"never {verb}" not in " ".join(sentence.lower):
                continue
            for noun, _, _ in marked(sentence.lower):
                earlier = last_obtained(story[:number], noun, verb)
                if earlier:
                    yield "ending", sentence, f"The {noun} was {verb} before: {earlier.text!r}."


def last_obtained(story: list[Sentence], noun: str, verb: str) -> Sentence | None:
    """The last sentence in which somebody got the object, unless it was lost again after."""
    obtained = None
    for sentence in story:
        lower = sentence.lower
        near = noun in lower and verb in lower and 0 < lower.index(noun) - lower.index(verb) <= 4
        if near and not has_any("not_really", lower):
            obtained = sentence
        if any(has_any(name, lower) for name in ("lost", "broken", "away")):
            obtained = None
    return obtained
