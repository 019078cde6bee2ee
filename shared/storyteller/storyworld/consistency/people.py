"""Rules about characters: pronouns, kinds, names from nowhere, who is asleep or has gone away."""

from collections.abc import Callable, Iterator

from storyteller.storyworld.consistency.parser import (
    PRONOUNS,
    Cast,
    Mention,
    Sentence,
    has_any,
    name_of,
    passers_by,
    reading_lexicon,
    word_list,
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
        self.in_last_sentence: list[Mention] = []  # people of the last sentence that had any

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Go through the sentence from left to right."""
        lower = sentence.lower
        names = {mention.at: mention for mention in sentence.people}
        # "When she came home, Mum hugged Pip": somebody named later may be meant.
        named_later = sentence.people if lower and lower[0] in word_list("subordinate") else []
        so_far: list[Mention] = []
        named_so_far = False  # "She laughed and he laughed": here nobody is named, so both may mean anyone before
        for at, word in enumerate(lower):
            if at in names:
                so_far.append(names[at])
                named_so_far = True
            elif word in PRONOUNS:
                within = named_so_far and means_own_sentence(lower, at)
                candidates = so_far if within else [*so_far, *self.in_last_sentence, *named_later]
                who = self.resolve(PRONOUNS[word], candidates)
                if who is not None:
                    so_far.append(Mention(who, PRONOUNS[word], at))
                elif candidates or self.nobody_can_be(PRONOUNS[word]):
                    people = " and ".join(sorted({mention.who for mention in candidates}))
                    yield "pronoun", f'"{word}" fits nobody near: {people or "nobody of this story"}.'
                    so_far.append(Mention("", "", at))  # say it once, not for every pronoun that follows
        if so_far:
            # "He washed Aunt May's hens": the next "she" is hardly Aunt May.
            others = [m for m in so_far if m.at >= len(sentence.words) or not sentence.words[m.at].endswith("'s")]
            people_here = others or so_far
            # "They wrote to a sister": whoever was spoken of before her is not forgotten.
            all_passing = all(mention.who.removeprefix("the ") in passers_by() for mention in people_here)
            self.in_last_sentence = [*self.in_last_sentence, *people_here] if all_passing else people_here

    def nobody_can_be(self, pronoun: str) -> bool:
        """Whether the story has characters, and all of them are known to have the other pronoun."""
        known = self.cast.pronoun_of.values()
        return bool(known) and all(other not in (pronoun, "") for other in known)

    def resolve(self, pronoun: str, candidates: list[Mention]) -> str | None:
        """Whom a pronoun means: of those it fits, the one mentioned last; None where it fits nobody.

        Of a single candidate whose pronoun was open it is known from now on.
        """
        fitting = [m.who for m in candidates if (m.pronoun or self.cast.pronoun_of.get(m.who, "")) in (pronoun, "")]
        if not fitting:
            return None
        if len({mention.who for mention in candidates}) == 1:
            self.cast.pronoun_of[fitting[0]] = pronoun
        return fitting[-1]


def means_own_sentence(lower: list[str], at: int) -> bool:
    """Whether this pronoun means somebody of its own sentence, if that has mentioned anybody."""
    word = lower[at]
    if word in ("he", "she"):
        return at > 0 and lower[at - 1] not in word_list("new_clause")
    return word in ("himself", "herself") or (word in ("his", "her") and has_any("own_body", lower[at + 1 : at + 2]))


class Names:
    """A name must be introduced before it is used as known, and belongs to one; the first of a story is free."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.met: set[str] = set()
        self.given: set[str] = set()  # names that "a fox called ..." has given to somebody
        self.opening = 0  # where the sentence with the first name begins

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Look at the names of the sentence that are new, and at those that are given again."""
        lexis, lower = reading_lexicon(), sentence.lower
        for mention in sentence.people:
            who, at = mention.who, mention.at
            # "a young stoat called Pip"
            if at and lower[at - 1] in ("named", "called") and not {"a", "an"}.isdisjoint(lower[max(0, at - 7) : at]):
                if who in self.given:
                    yield "same name", f"A second {who} is introduced."
                self.given.add(who)
            if who in self.met or who not in lexis.names:
                continue
            first = not self.met or sentence.begins == self.opening
            if not self.met:
                self.opening = sentence.begins
            self.met.add(who)
            if not (first or who in lexis.kin or is_introduced(sentence, at)):
                yield "unknown name", f"{who} is named as if known, but nobody has introduced {who}."
        # Names introduced in speech: "I am Rusty", "my friend Hazel".
        for at, word in enumerate(sentence.speech):
            before = sentence.speech_lower[at - 1] if at else ""
            if name_of(word) in lexis.names and (before in word_list("relations") or before in lexis.kinds):
                self.met.add(name_of(word))


def is_introduced(sentence: Sentence, at: int) -> bool:
    """Whether the words beside this name say who it is: "her friend Rusty", "Rusty, a fox", "Rusty was a fox"."""
    lower, kinds = sentence.lower, reading_lexicon().kinds
    before = lower[at - 1] if at and at - 1 not in sentence.commas else ""
    if before in word_list("relations") or before in kinds or before in passers_by():
        return True
    after = lower[at + 1 : at + 3]
    if at in sentence.commas:
        return bool(after) and after[0] in ("who", "the", "his", "her", "a", "an")
    return after in (["was", "a"], ["was", "an"]) or (after[:1] == ["the"] and after[-1] in kinds)


class Kinds:
    """A rabbit stays a rabbit, and no fox comes from nowhere."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.seen: set[str] = set()  # kinds that have been introduced

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Read what kind each name is said to be, and which kinds are spoken of as known."""
        lexis, lower = reading_lexicon(), sentence.lower
        for at, word in enumerate(map(name_of, lower)):
            if word not in lexis.kinds or (at + 1 < len(lower) and lower[at + 1] in lexis.nouns):
                continue
            if name := name_beside(sentence, at):
                kind = self.cast.kind_of.setdefault(name, word)
                if kind != word:
                    yield "kind", f"{name} was a {kind} and is called a {word} here."
            elif self.seen and word not in self.seen and sentence.words[at][0].islower() and is_known_actor(lower, at):
                yield "kind", f"The {word} is spoken of as known, but there was none before."
            self.seen.add(word)
        self.seen.update(word for word in sentence.speech_lower if word in lexis.kinds)


def name_beside(sentence: Sentence, at: int) -> str:
    """The name that this kind is said of: "rabbit named Pip", "Pip the rabbit", "Pip was a shy rabbit"."""
    written, lower = sentence.words, sentence.lower
    names = reading_lexicon().names
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


def is_known_actor(lower: list[str], at: int) -> bool:
    """Whether a character is spoken of as known, "the fox" or "the old fox", and does something or ends the sentence.

    Not "the cook's goose", "the case of the fox" or "the jackdaw in the hedge".
    """
    the = next((i for i in (at - 1, at - 2) if i >= 0 and lower[i] == "the"), -1)
    if the < 0 or lower[at - 1].endswith("'s"):
        return False
    before = lower[the - 1] if the else ""
    if before == "of":
        return False
    if before in word_list("inverted"):  # "said the fox"
        return True
    following = lower[at + 1] if at + 1 < len(lower) else ""
    return not following or lower[at].endswith("'s") or following.endswith("ed") or following in word_list("verbs")


class Asleep:
    """Nobody acts asleep."""

    def __init__(self) -> None:
        self.asleep: set[str] = set()

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow who falls asleep and who acts."""
        lower = sentence.lower
        if has_any("waking", lower):
            self.asleep.clear()
        subject = sentence.subject
        if subject is None:
            return
        verb = lower[subject.at + 1] if subject.at + 1 < len(lower) else ""
        if subject.who in self.asleep and verb.endswith("ed") and verb not in word_list("sleeping_may"):
            yield "asleep", f"{subject.who} is asleep, yet acts."
        elif subject.who in self.asleep and verb in ("ran", "said", "went", "took", "made", "gave", "found"):
            yield "asleep", f"{subject.who} is asleep, yet {verb}."
        if lower[subject.at + 1 : subject.at + 3] == ["fell", "asleep"]:
            self.asleep.add(subject.who)


class Gone:
    """Nobody acts here after going away, unless time passes or they come back."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.first = ""

    def __call__(self, sentence: Sentence) -> Iterator[tuple[str, str]]:
        """Follow who leaves and who acts; the hero, whom the story follows, never leaves it."""
        lower = sentence.lower
        if has_any("returning", lower) or has_any("returning", sentence.speech_lower):
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
