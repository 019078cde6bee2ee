"""Rules about characters: pronouns, kinds, names from nowhere, who is asleep or has gone away."""

from collections.abc import Callable, Iterator

from storyteller.storyworld.consistency.parser import (
    PRONOUNS,
    Cast,
    Mention,
    Sentence,
    known,
    name_of,
    passers_by,
    words,
)

Rule = Callable[[Sentence], Iterator[tuple[str, str]]]

LEAVING = frozenset((verb, "away") for verb in ("went", "ran", "sailed", "flew", "walked", "drove"))


def rules(cast: Cast) -> tuple[Rule, ...]:
    """The rules, each with a fresh memory, to be called sentence by sentence."""
    return Names(cast), Kinds(cast), Pronouns(cast), Asleep(), Gone()


class Pronouns:
    """A pronoun must fit somebody it can mean."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.before: list[Mention] = []  # people of the last sentence that had any

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Go through the sentence from left to right."""
        here: list[Mention] = []
        named_here = False  # "She laughed and he laughed": here nobody is named, so both may stand for anyone before
        named = {mention.at: mention for mention in sentence.people}
        late = sentence.people if sentence.lower and sentence.lower[0] in words("subordinate") else []
        for at, word in enumerate(sentence.lower):
            if at in named:
                here.append(named[at])
                named_here = True
                continue
            pronoun = PRONOUNS.get(word)
            if pronoun is None:
                continue
            window = here if named_here and _own(sentence.lower, at) else [*here, *self.before, *late]
            fitting = [mention for mention in window if self._pronoun(mention) in (pronoun, "")]
            if fitting:
                here.append(Mention(fitting[-1].who, pronoun, at))
                if len({mention.who for mention in window}) == 1:
                    self.cast.pronoun_of[fitting[0].who] = pronoun  # now we know
            elif window:
                people = " and ".join(sorted({mention.who for mention in window}))
                yield "pronoun", f'"{word}" fits nobody near: {people}.'
                here.append(Mention("", "", at))  # say it once, not for every pronoun that follows
        if here:
            # "He washed Aunt May's hens": the next "she" is hardly Aunt May.
            owners = [m for m in here if m.at < len(sentence.words) and sentence.words[m.at].endswith("'s")]
            now = [mention for mention in here if mention not in owners] or here
            # "They wrote to a sister": whoever was spoken of before her is not forgotten.
            passing = all(mention.who.removeprefix("the ") in passers_by() for mention in now)
            self.before = [*self.before, *now] if passing else now

    def _pronoun(self, mention: Mention) -> str:
        return mention.pronoun or self.cast.pronoun_of.get(mention.who, "")


def _own(lower: list[str], at: int) -> bool:
    """Whether this pronoun means somebody of its own sentence, if that has mentioned anybody."""
    word = lower[at]
    if word in ("he", "she"):
        return at > 0 and lower[at - 1] not in words("new_clause")
    return word in ("himself", "herself") or (
        word in ("his", "her") and at + 1 < len(lower) and lower[at + 1] in words("own_body")
    )


def _is_given(lower: list[str], at: int) -> bool:
    """Whether a newcomer gets this name: "a young stoat called Pip"."""
    return at > 0 and lower[at - 1] in ("named", "called") and not {"a", "an"}.isdisjoint(lower[max(0, at - 7) : at])


class Names:
    """A name must be introduced before it is used as known, and belongs to one; the first of a story is free."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.met: set[str] = set()
        self.given: set[str] = set()  # names that "a fox called ..." has given to somebody
        self.opening = 0

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Look at the names of the sentence that are new, and at those that are given again."""
        lexis = known()
        for mention in sentence.people:
            who = mention.who
            if _is_given(sentence.lower, mention.at):
                if who in self.given:
                    yield "same name", f"A second {who} is introduced."
                self.given.add(who)
            if who in self.met or who not in lexis.names:
                continue
            first = not self.met or sentence.begins == self.opening
            if not self.met:
                self.opening = sentence.begins
            self.met.add(who)
            if not (first or who in lexis.kin or self._introduced(sentence, mention)):
                yield "unknown name", f"{who} is named as if known, but nobody has introduced {who}."
        self._hear(sentence.speech)

    def _introduced(self, sentence: Sentence, mention: Mention) -> bool:
        lower, at = sentence.lower, mention.at
        before = lower[at - 1] if at else ""
        if at - 1 in sentence.commas:
            before = ""
        if before in words("relations") or before in known().kinds or before in passers_by():
            return True
        after = lower[at + 1 : at + 3]
        if at in sentence.commas:  # "Rusty, a fox"
            return bool(after) and after[0] in ("who", "the", "his", "her", "a", "an")
        return after in (["was", "a"], ["was", "an"]) or (after[:1] == ["the"] and after[-1] in known().kinds)

    def _hear(self, speech: list[str]) -> None:
        """Names introduced in speech: "I am Rusty", "my friend Hazel"."""
        for at, word in enumerate(speech):
            bare = name_of(word)
            if bare in known().names and at and speech[at - 1].lower() in words("relations") | set(known().kinds):
                self.met.add(bare)


class Kinds:
    """A rabbit stays a rabbit, and no fox comes from nowhere."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.seen: set[str] = set()  # kinds that have been introduced

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Read what kind each name is said to be, and which kinds are spoken of as known."""
        lexis = known()
        lower = sentence.lower
        for at, word in enumerate(map(name_of, lower)):
            if word not in lexis.kinds or (at + 1 < len(lower) and lower[at + 1] in lexis.nouns):
                continue
            name = self._name_beside(sentence, at)
            if name:
                old = self.cast.kind_of.setdefault(name, word)
                if old != word:
                    yield "kind", f"{name} was a {old} and is called a {word} here."
            definite = _definite(lower, at) and not name and _acts(lower, at) and sentence.words[at][0].islower()
            if definite and word not in self.seen and self.seen:
                yield "kind", f"The {word} is spoken of as known, but there was none before."
            self.seen.add(word)
        for word in sentence.speech:
            if word.lower() in lexis.kinds:
                self.seen.add(word.lower())

    def _name_beside(self, sentence: Sentence, at: int) -> str:
        """The name that this kind is said of: "rabbit named Pip", "Pip the rabbit", "Pip was a shy rabbit"."""
        written, lower = sentence.words, sentence.lower
        names = known().names
        if at + 2 < len(written) and lower[at + 1] in ("named", "called") and name_of(written[at + 2]) in names:
            return name_of(written[at + 2])
        for back in range(at - 1, max(-1, at - 5), -1):
            if written[back] in names:
                between = lower[back + 1 : at]
                claims = between[:2] in (["was", "a"], ["was", "an"], ["is", "a"], ["is", "an"]) or (
                    between == ["the"] and back not in sentence.commas
                )
                return written[back] if claims and "as" not in between and "like" not in between else ""
        return ""


def _definite(lower: list[str], at: int) -> bool:
    """Whether "the" stands before this word or its adjective: not "the cook's goose" nor "the case of the fox"."""
    the = next((i for i in (at - 1, at - 2) if i >= 0 and lower[i] == "the"), -1)
    return the >= 0 and not lower[at - 1].endswith("'s") and (the == 0 or lower[the - 1] != "of")


def _acts(lower: list[str], at: int) -> bool:
    """Whether the character at this word ends the sentence or does something: not "the jackdaw in the hedge"."""
    the = at - 1 if lower[at - 1] == "the" else at - 2
    if the > 0 and lower[the - 1] in words("inverted"):
        return True
    following = lower[at + 1] if at + 1 < len(lower) else ""
    return not following or lower[at].endswith("'s") or following.endswith("ed") or following in words("verbs")


class Asleep:
    """Nobody acts asleep."""

    def __init__(self) -> None:
        self.asleep: set[str] = set()

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow who falls asleep and who acts."""
        lower = sentence.lower
        if not words("waking").isdisjoint(lower):
            self.asleep.clear()
        subject = sentence.subject
        if subject is None:
            return
        verb = lower[subject.at + 1] if subject.at + 1 < len(lower) else ""
        if subject.who in self.asleep and verb.endswith("ed") and verb not in words("sleeping_may"):
            yield "asleep", f"{subject.who} is asleep, yet acts."
        elif subject.who in self.asleep and verb in ("ran", "said", "went", "took", "made", "gave", "found"):
            yield "asleep", f"{subject.who} is asleep, yet {verb}."
        if "asleep" in lower and lower[subject.at + 1 : subject.at + 3] == ["fell", "asleep"]:
            self.asleep.add(subject.who)


class Gone:
    """Nobody acts here after going away, unless time passes or they come back."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.first = ""

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow who leaves and who acts; the hero, whom the story follows, never leaves it."""
        lower = sentence.lower
        if not words("returning").isdisjoint(lower) or not words("returning").isdisjoint(
            map(str.lower, sentence.speech)
        ):
            self.gone.clear()
        if sentence.people and not self.first:
            self.first = sentence.people[0].who
        for mention in sentence.people:
            speaks = mention.at and lower[mention.at - 1] in ("said", "asked", "cried", "called", "whispered")
            if mention.who in self.gone and speaks:
                yield "gone away", f"{mention.who} has gone away, yet speaks here."
        subject = sentence.subject
        if subject and subject.who != self.first and tuple(lower[subject.at + 1 : subject.at + 3]) in LEAVING:
            self.gone.add(subject.who)
