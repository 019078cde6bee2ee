"""Turns phrasings into sentences: who is named, who is "she", which colour the kite has, "a" or "an".

A pronoun is written only where it can mean one person: somebody of the same pronoun who stands nearer takes it away,
and the name is written instead. Every paragraph names a person before it says "he" or "she".
"""

import re
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.storyworld.plot_files import Beat, Plot, condition
from storyteller.storyworld.stable_random import Dice
from storyteller.storyworld.templates import Choice, Literal, Phrasing, Pool, Slot
from storyteller.storyworld.world import Item, Person, World

PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
FULL_AGAIN = 0.45  # share of later mentions that say "the red kite", not "the kite"
EPITHET_FIRST = 0.8  # share of later mentions that say "the rabbit", not "Pip", until it has been said once
EPITHET = 0.1  # and after that

# Mends what no template can know: the first letter of a sentence, "a" before a vowel, spaces left by an empty choice.
_CAPITAL = re.compile(r'(?:^"?|\n"?|(?<!\.\.)[.!?] "?|\." "?|[.!?,]" ")([a-z])')
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou](?!ne\b|nce\b|ni|se|kul|ur))")
_ARTICLE_H = re.compile(r"\b([Aa]) (?=hour|honest)")
_SPACES = re.compile(r"(?<=\n) +| +(?=[ .,!?;:\n])")


class Teller:
    """Writes the text of one story."""

    def __init__(self, plot: Plot, world: World, dice: Dice, phrases: dict[str, Pool]) -> None:
        self.plot = plot
        self.world = world
        self.dice = dice
        self.phrases = phrases  # the lexicon's; the plot's own come first
        self.out: list[str] = []
        self.paragraph = 0  # the one being written
        self.who = world.people["hero"]  # whom {he}, {his} and {who} mean
        self.fixed: dict[str, str] = {}
        self.in_speech = False
        self.in_prompt = False
        self.here: list[Person] = []  # mentioned in this sentence, the subject first
        self.before: list[Person] = []  # mentioned in the last sentence that mentions anybody
        self.owners: list[Person] = []  # those of them that only own something: Mia's
        self.latest: Person | None = None  # mentioned last
        self.where = plot.where

    def tell(self, beat: Beat) -> None:
        """Write one beat."""
        self.where = beat.where
        length, paragraph = len(self.out), self.paragraph
        if self.out:
            self.out.append(" " if beat.join else "\n\n")
            if not beat.join:
                self.paragraph += 1
                self.here, self.before, self.owners = [], [], []
        for number, step in enumerate(beat.steps):
            joint = len(self.out)
            self.out.append(" " if number else "")
            self.who = self.world.people["hero"]
            self.in_speech = False
            self.pick(step)
            self._end_sentence()
            if number and self._two_speeches(joint):
                self.out[joint] = "\n\n"
                self.paragraph += 1
        if not "".join(self.out[length:]).strip():  # every step said nothing
            del self.out[length:]
            self.paragraph = paragraph

    def _two_speeches(self, joint: int) -> bool:
        """Whether speech meets speech at this piece of the text: another speaker begins a new paragraph."""
        left = next((piece for piece in reversed(self.out[:joint]) if piece), "")
        right = next((piece for piece in self.out[joint + 1 :] if piece), "")
        return left.endswith('"') and right.startswith('"')

    def prompt(self) -> str:
        """Write the prompt; people in it need no introduction."""
        self.in_prompt = True
        self.where = f"{self.plot.where}.prompt"
        self.pick(self.plot.prompt)
        text = self.text()
        self.out, self.in_prompt = [], False
        self.here, self.before = [], []
        for item in self.world.items.values():
            item.told = False
        return text

    def text(self) -> str:
        """What has been written, with capitals, articles and spaces mended."""
        text = "".join(self.out).strip()
        if " " in text:
            text = _SPACES.sub("", text)
        text = _ARTICLE.sub(r"\1n ", text)
        text = _ARTICLE_H.sub(r"\1n ", text)
        return _CAPITAL.sub(lambda match: match[0][:-1] + match[1].upper(), text)

    def pick(self, pool: Pool) -> None:
        """Write one phrasing of a pool."""
        phrasings = pool.phrasings
        if pool.guards:
            holding = [p for p, guard in zip(phrasings, pool.guards, strict=True) if not guard or self._holds(guard)]
            if not holding:
                raise StorytellerError(f"{self.where}: no phrasing of a step has a condition that holds.")
            phrasings = tuple(holding)
        self.write(self.dice.pick(phrasings))

    def write(self, phrasing: Phrasing) -> None:
        """Write one phrasing."""
        for part in phrasing:
            if isinstance(part, Literal):
                self.out.append(part.text)
                if part.signs:
                    self._follow(part.text, part.signs)
            elif isinstance(part, Choice):
                self.write(self.dice.pick(part.options))
            else:
                start = len(self.out)
                self._fill(part)
                if part.capital and len(self.out) > start:
                    first = self.out[start]
                    self.out[start] = first[:1].upper() + first[1:]

    def _holds(self, guard: str) -> bool:
        who = guard.split()[-3]
        if who == "who":
            guard = guard.replace("who", self.who.role, 1)
        world = self.world
        roles: dict[str, Any] = {**world.people, **world.items, **world.places}
        return world.holds(condition(guard, roles, self.where))

    def _follow(self, text: str, signs: tuple[str, ...]) -> None:
        """Follow where speech and sentences end; the same rules as in `read.sentences`."""
        if self.in_speech and text[0] == '"':  # the end of the speech was written by a slot or a choice before
            said = next((piece for piece in reversed(self.out[:-1]) if piece), " ")
            signs = (said[-1] + '"', *signs[1:]) if said[-1] in ".!?" else signs
        for sign in signs:
            if sign[-1] == '"':
                self.in_speech = not self.in_speech
                # '"Stop!" Mia said' goes on; 'Mia said, "Stop!"' has ended.
                if not self.in_speech and sign in ('."', '?"', '!"') and (sign == '."' or self.here):
                    self._end_sentence()
            elif not self.in_speech:
                self._end_sentence()

    def _end_sentence(self) -> None:
        if self.here:
            # "He washed Aunt May's hens": the next "she" is hardly Aunt May.
            self.before = [person for person in self.here if person not in self.owners] or self.here
            self.here, self.owners = [], []

    def _fill(self, slot: Slot) -> None:
        words = slot.words
        world = self.world
        first = words[0]
        if len(words) == 1:
            role, _, attribute = first.partition(".")
            if first in PRONOUNS["he"]:
                self._pronoun(self.who, first)
            elif first == "who":
                self._name(self.who)
            elif first.endswith("'s"):
                self._possessive(first[:-2])
            elif role == "who":
                self._attribute(self.who, attribute)
            elif role in world.people:
                if attribute:
                    self._attribute(world.people[role], attribute)
                else:
                    self._name(world.people[role])
            elif role in world.items:
                self._item(world.items[role], attribute)
            elif role in world.places:
                place = world.places[role]
                if attribute == "detail":
                    self.pick(place.details)
                else:
                    self.out.append(place.name)
            else:
                self._phrase(first, self.who)
        elif first in ("at", "to") and len(words) == 2 and words[1] in world.places:
            place = world.places[words[1]]
            self.out.append(place.at if first == "at" else place.to)
        elif len(words) == 3 and words[1] == "of" and words[2] in world.people:
            self._phrase(first, world.people[words[2]])
        else:
            raise StorytellerError(f"{self.where}: unknown slot {{{' '.join(words)}}}.")

    def _phrase(self, name: str, who: Person) -> None:
        if name in self.fixed:
            self.out.append(self.fixed[name])
            return
        if name in self.plot.words:
            start = len(self.out)
            self.pick(self.plot.words[name])
            self.fixed[name] = "".join(self.out[start:])
            return
        pool = self.plot.phrases.get(name) or self.phrases.get(name) or who.kind.words.get(name)
        if pool is None:
            raise StorytellerError(f"{self.where}: {{{name}}} is neither a role nor a phrase.")
        outer, self.who = self.who, who
        self.pick(pool)
        self.who = outer

    def _attribute(self, person: Person, attribute: str) -> None:
        if attribute in PRONOUNS["he"]:
            self._pronoun(person, attribute)
        elif attribute == "new":
            self._introduce(person)
        elif attribute == "name":
            self.out.append(person.name or f"the {person.kind.name}")
        elif attribute == "kind":
            if self.out and self.out[-1].endswith(("the ", "The ")):
                self._mention(person)
            self.out.append(person.kind.name)
        elif attribute == "trait":
            self.out.append(person.trait)
        elif attribute in person.kind.words or attribute in self.phrases:
            outer, self.who = self.who, person
            self.pick(person.kind.words.get(attribute) or self.phrases[attribute])
            self.who = outer
        else:
            raise StorytellerError(f"{self.where}: a {person.kind.name} has no {attribute!r} (words/kinds.toml).")

    def _introduce(self, person: Person) -> None:
        person.introduced = True
        outer, self.who = self.who, person
        self.pick(self.phrases["new_kin" if person.kin else "new_named" if person.name else "new_unnamed"])
        self.who = outer
        self._mention(person)

    def _mention(self, person: Person) -> None:
        if not self.in_speech:
            self.latest = person
            if person not in self.here:
                self.here.append(person)
            elif person in self.owners:
                self.owners.remove(person)

    def _name(self, person: Person, *, plain: bool = False) -> None:
        if not (person.introduced or person.kin or self.in_prompt):
            raise StorytellerError(
                f"{self.where}: {person.role} is named before {{{person.role}.new}} introduces them."
            )
        text = person.name or f"the {person.kind.name}"
        if person.name and not (plain or person.kin or self.in_speech or self.in_prompt):
            # Early in the story at least once: what somebody is, is worth repeating.
            share = EPITHET if person.kind_told else 1.0 if self.paragraph > 1 else EPITHET_FIRST
            if self.dice.chance(share) and self._only_of_kind(person):
                person.kind_told = True
                text = f"the {person.trait} {person.kind.name}" if self.dice.chance(0.25) else f"the {person.kind.name}"
        self.out.append(text)
        self._mention(person)

    def _only_of_kind(self, person: Person) -> bool:
        return all(other is person or other.kind is not person.kind for other in self.world.people.values())

    def _possessive(self, role: str) -> None:
        person = self.who if role == "who" else self.world.people.get(role)
        if person is None:
            raise StorytellerError(f"{self.where}: {{{role}'s}}: there is no person {role!r}.")
        new = person not in self.here
        self._name(person)
        self.out.append("'s")
        if new:
            self.owners.append(person)

    def _pronoun(self, person: Person, form: str) -> None:
        if form == "himself" or self.in_prompt or self._clear(person):
            self.out.append(PRONOUNS[person.pronoun][form])
            self._mention(person)
        else:
            new = person not in self.here
            self._name(person, plain=person.kind_told)
            if form == "his":
                self.out.append("'s")
                if new:
                    self.owners.append(person)

    def _clear(self, person: Person) -> bool:
        """Whether a pronoun would mean this person, and nobody could think otherwise.

        In a sentence that mentions somebody already, it means one of them: the only one with that pronoun, the subject
        or the latest. At the start of a sentence it means the one person of the sentence before.
        """
        if not self.here:
            return self.before == [person]
        same = [other for other in self.here if other.pronoun == person.pronoun]
        return same == [person] or (person in same and person in (self.here[0], self.latest))

    def _item(self, item: Item, attribute: str) -> None:
        if attribute == "mark":
            self.out.append(item.mark)
        elif attribute == "noun":
            self.out.append(item.thing.noun)
        elif attribute == "full" or not item.told or self.in_prompt or self.dice.chance(FULL_AGAIN):
            self.out.append(item.full)
            item.told = True
        else:
            self.out.append(item.thing.noun)
