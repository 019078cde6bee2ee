"""Surface realization: turns phrasings into sentences (Reiter and Dale 2000, chapters 5 and 6).

Most of it is the choice of referring expressions: who is named, who is "she", which color the kite has, "a" or "an". A
pronoun is written only where it can mean one person: if somebody with the same pronoun was mentioned more recently, the
name is written instead. Every paragraph names a person before it says "he" or "she".
"""

import re
from collections.abc import Callable

from storyteller.errors import StorytellerError
from storyteller.storyworld.lexicon import Place
from storyteller.storyworld.plot_files import Beat, Plot, parse_condition
from storyteller.storyworld.stable_random import StableRandom
from storyteller.storyworld.templates import Choice, Literal, Phrasing, Pool, Slot
from storyteller.storyworld.world import Item, Person, World

PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
FULL_NOUN_SHARE = 0.45  # share of later mentions that say "the red kite", not "the kite"
FIRST_EPITHET_SHARE = 0.8  # share of later mentions that say "the rabbit", not "Pip", until it has been said once
EPITHET_SHARE = 0.1  # and after that
TRAIT_SHARE = 0.25  # share of these that say "the shy rabbit"

# Mends what no template can know: the first letter of a sentence, "a" before a vowel, spaces left by an empty choice.
_CAPITAL = re.compile(r'(?:^"?|\n"?|(?<!\.\.)[.!?] "?|\." "?|[.!?,]" ")([a-z])')
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou](?!ne\b|nce\b|ni|se|kul|ur))")
_ARTICLE_H = re.compile(r"\b([Aa]) (?=hour|honest)")
# Two choices that met: "some some".
_TWICE = re.compile(r"\b(?!that|very|knock|plink|drip|plop|bump)([A-Za-z]{4,}) (?=\1\b)")
_SPACES = re.compile(r"(?<=\n) +| +(?=[ .,!?;:\n])")


class Realizer:
    """Writes the text of one story."""

    def __init__(
        self,
        plot: Plot,
        world: World,
        random: StableRandom,
        phrases: dict[str, Pool],
        *,
        full_noun_share: float = FULL_NOUN_SHARE,
    ) -> None:
        self.plot = plot
        self.world = world
        self.random = random
        self.phrases = phrases  # the lexicon's; the plot's own come first
        self.full_noun_share = full_noun_share
        self.pieces: list[str] = []  # what has been written
        self.paragraph = 0  # the one being written
        self.about = world.people["hero"]  # whom {he}, {his} and {who} mean
        self.fixed_words: dict[str, str] = {}  # the words chosen once for the story
        self.in_speech = False
        self.in_prompt = False
        self.in_sentence: list[Person] = []  # mentioned in this sentence, the subject first
        self.in_last_sentence: list[Person] = []  # mentioned in the last sentence that mentions anybody
        self.possessors: list[Person] = []  # those of this sentence that only own something: Mia's
        self.last_mentioned: Person | None = None
        self.where = plot.where  # file and key, for errors
        self._person_slots: dict[str, Callable[[Person], None]] = {
            "": self.refer,
            "new": self.introduce,
            "name": lambda person: self.pieces.append(person.designation),
            "kind": self.kind,
            "trait": lambda person: self.pieces.append(person.trait),
        }

    def realize(self, beat: Beat) -> None:
        """Write one beat."""
        self.where = beat.where
        start, paragraph = len(self.pieces), self.paragraph
        if self.pieces:
            self.pieces.append(" " if beat.join else "\n\n")
            if not beat.join:
                self.paragraph += 1
                self.in_sentence, self.in_last_sentence, self.possessors = [], [], []
        for number, step in enumerate(beat.steps):
            joint = len(self.pieces)
            self.pieces.append(" " if number else "")
            self.about = self.world.people["hero"]
            self.in_speech = False
            self.pick(step)
            self._end_sentence()
            if number:
                before = next(filter(None, reversed(self.pieces[:joint])), "")
                after = next(filter(None, self.pieces[joint + 1 :]), "")
                if before.endswith('"') and after.startswith('"'):  # another speaker begins a new paragraph
                    self.pieces[joint] = "\n\n"
                    self.paragraph += 1
        if not "".join(self.pieces[start:]).strip():  # every step said nothing
            del self.pieces[start:]
            self.paragraph = paragraph

    def realize_prompt(self) -> str:
        """Write the prompt; people in it need no introduction."""
        self.in_prompt = True
        self.where = f"{self.plot.where}.prompt"
        self.pick(self.plot.prompt)
        text = self.text()
        self.pieces, self.in_prompt = [], False
        self.in_sentence, self.in_last_sentence = [], []
        for item in self.world.items.values():
            item.mentioned = False
        return text

    def text(self) -> str:
        """What has been written, with capitals, articles and spaces mended."""
        text = "".join(self.pieces).strip()
        if " " in text:
            text = _SPACES.sub("", text)
        text = _TWICE.sub("", text)
        text = _ARTICLE.sub(r"\1n ", text)
        text = _ARTICLE_H.sub(r"\1n ", text)
        return _CAPITAL.sub(lambda match: match[0][:-1] + match[1].upper(), text)

    # --- phrasings ------------------------------------------------------------------------------------------------

    def pick(self, pool: Pool, *, about: Person | None = None) -> None:
        """Write one phrasing of a pool; `about` is whom {he} and {who} mean in it, where that is somebody else."""
        outer, self.about = self.about, about or self.about
        phrasings = pool.phrasings
        if pool.guards:
            pairs = zip(phrasings, pool.guards, strict=True)
            phrasings = tuple(phrasing for phrasing, guard in pairs if not guard or self.guard_holds(guard))
            if not phrasings:
                raise StorytellerError(f"{self.where}: no phrasing of a step has a condition that holds.")
        self.write(self.random.choice(phrasings))
        self.about = outer

    def guard_holds(self, guard: str) -> bool:
        """Whether a phrasing with this condition may be taken now."""
        roles = {**self.world.roles, "who": self.about}
        words = parse_condition(guard, roles, self.where)
        return self.world.holds(tuple(self.about.role if word == "who" else word for word in words))

    def write(self, phrasing: Phrasing) -> None:
        """Write one phrasing."""
        for part in phrasing:
            if isinstance(part, Literal):
                self.pieces.append(part.text)
                if part.signs:
                    self.follow_signs(part.text, part.signs)
            elif isinstance(part, Choice):
                self.write(self.random.choice(part.options))
            else:
                start = len(self.pieces)
                self.fill(part)
                if part.capital and len(self.pieces) > start:
                    first = self.pieces[start]
                    self.pieces[start] = first[:1].upper() + first[1:]

    def follow_signs(self, text: str, signs: tuple[str, ...]) -> None:
        """Follow where speech and sentences end; the same rules as in `consistency.parser.sentences`."""
        if self.in_speech and text[0] == '"':  # the end of the speech was written by a slot or a choice before
            spoken = next(filter(None, reversed(self.pieces[:-1])), " ")
            signs = (spoken[-1] + '"', *signs[1:]) if spoken[-1] in ".!?" else signs
        for sign in signs:
            if sign[-1] == '"':
                self.in_speech = not self.in_speech
                # '"Stop!" Mia said' goes on; 'Mia said, "Stop!"' has ended.
                if not self.in_speech and sign in ('."', '?"', '!"') and (sign == '."' or self.in_sentence):
                    self._end_sentence()
            elif not self.in_speech:
                self._end_sentence()

    def _end_sentence(self) -> None:
        if self.in_sentence:
            # "He washed Aunt May's hens": the next "she" is hardly Aunt May.
            others = [person for person in self.in_sentence if person not in self.possessors]
            self.in_last_sentence = others or self.in_sentence
            self.in_sentence, self.possessors = [], []

    # --- slots ----------------------------------------------------------------------------------------------------

    def fill(self, slot: Slot) -> None:
        """Write what a slot asks for: a role, an attribute of one, a place to be at or to go to, or a phrase."""
        world, words = self.world, slot.words
        name = words[0]
        if len(words) == 1:
            role, _, attribute = name.partition(".")
            entity = self.about if role == "who" else world.roles.get(role)
            if name in PRONOUNS["he"]:
                self.pronoun(self.about, name)
            elif name.endswith("'s"):
                self.possessive(name[:-2])
            elif isinstance(entity, Person):
                self.person(entity, attribute)
            elif isinstance(entity, Item):
                self.item(entity, attribute)
            elif isinstance(entity, Place):
                self.place(entity, attribute)
            else:
                self.phrase(name, self.about)
        elif len(words) == 2 and name in ("at", "to") and words[1] in world.places:
            self.place(world.places[words[1]], name)
        elif len(words) == 3 and words[1] == "of" and words[2] in world.people:
            self.phrase(name, world.people[words[2]])
        else:
            raise StorytellerError(f"{self.where}: unknown slot {{{' '.join(words)}}}.")

    def phrase(self, name: str, about: Person) -> None:
        """Write a phrase of the story's words, the plot, the lexicon or the kind, about a person."""
        if name in self.fixed_words:
            self.pieces.append(self.fixed_words[name])
        elif name in self.plot.words:
            start = len(self.pieces)
            self.pick(self.plot.words[name])
            self.fixed_words[name] = "".join(self.pieces[start:])
        else:
            pool = self.plot.phrases.get(name) or self.phrases.get(name) or about.kind.words.get(name)
            if pool is None:
                raise StorytellerError(f"{self.where}: {{{name}}} is neither a role nor a phrase.")
            self.pick(pool, about=about)

    def place(self, place: Place, attribute: str) -> None:
        """Write a place: the pond, by the pond, to the pond, or a sentence about it."""
        if attribute == "detail":
            self.pick(place.details)
        else:
            self.pieces.append({"at": place.at, "to": place.to}.get(attribute, place.name))

    def item(self, item: Item, attribute: str) -> None:
        """Write an object: "red kite" at the first mention, then "kite" or "red kite"."""
        if attribute == "mark":
            self.pieces.append(item.mark)
        elif attribute == "noun":
            self.pieces.append(item.thing.noun)
        elif attribute == "full" or not item.mentioned or self.in_prompt or self.random.chance(self.full_noun_share):
            self.pieces.append(item.full)
            item.mentioned = True
        else:
            self.pieces.append(item.thing.noun)

    def person(self, person: Person, attribute: str) -> None:
        """Write a person: a referring expression, a pronoun, the kind, or a phrase such as {hero.moved}."""
        if attribute in PRONOUNS["he"]:
            self.pronoun(person, attribute)
        elif attribute in self._person_slots:
            self._person_slots[attribute](person)
        elif pool := person.kind.words.get(attribute) or self.phrases.get(attribute):
            self.pick(pool, about=person)
        else:
            raise StorytellerError(f"{self.where}: a {person.kind.name} has no {attribute!r} (words/kinds.toml).")

    # --- referring expressions ------------------------------------------------------------------------------------

    def introduce(self, person: Person) -> None:
        """The first mention: "a shy little rabbit named Pip", "a wizard"."""
        person.introduced = True
        phrase = "new_kin" if person.kin else "new_named" if person.name else "new_unnamed"
        self.pick(self.phrases[phrase], about=person)
        self._mention(person)

    def refer(self, person: Person, *, plain: bool = False) -> None:
        """A later mention: Pip, sometimes "the rabbit" (not with `plain`)."""
        if not (person.introduced or person.kin or self.in_prompt):
            raise StorytellerError(
                f"{self.where}: {person.role} is named before {{{person.role}.new}} introduces them."
            )
        text = person.designation
        if person.name and not (plain or person.kin or self.in_speech or self.in_prompt):
            # Early in the story at least once: what somebody is, is worth repeating.
            share = EPITHET_SHARE if person.kind_mentioned else 1.0 if self.paragraph > 1 else FIRST_EPITHET_SHARE
            if self.random.chance(share) and not any(
                other.kind is person.kind for other in self.world.people.values() if other is not person
            ):
                person.kind_mentioned = True
                trait = f"{person.trait} " if self.random.chance(TRAIT_SHARE) else ""
                text = f"the {trait}{person.kind.name}"
        self.pieces.append(text)
        self._mention(person)

    def kind(self, person: Person) -> None:
        """The word for what the person is; after "the" it mentions them."""
        if self.pieces and self.pieces[-1].endswith(("the ", "The ")):
            self._mention(person)
        self.pieces.append(person.kind.name)

    def possessive(self, role: str) -> None:
        """Such as "Pip's"."""
        person = self.about if role == "who" else self.world.people.get(role)
        if person is None:
            raise StorytellerError(f"{self.where}: {{{role}'s}}: there is no person {role!r}.")
        self._refer_as_possessor(person)

    def pronoun(self, person: Person, form: str) -> None:
        """The person's pronoun, or the name where the pronoun could mean somebody else."""
        if form == "himself" or self.in_prompt or self.is_unambiguous(person):
            self.pieces.append(PRONOUNS[person.pronoun][form])
            self._mention(person)
        elif form == "his":
            self._refer_as_possessor(person, plain=person.kind_mentioned)
        else:
            self.refer(person, plain=person.kind_mentioned)

    def is_unambiguous(self, person: Person) -> bool:
        """Whether a pronoun would mean this person, and nobody could think otherwise.

        In a sentence that mentions somebody already, it means one of them: the only one with that pronoun, the subject
        or the latest. At the start of a sentence it means the one person of the sentence before.
        """
        if not self.in_sentence:
            return self.in_last_sentence == [person]
        same = [other for other in self.in_sentence if other.pronoun == person.pronoun]
        return same == [person] or (person in same and person in (self.in_sentence[0], self.last_mentioned))

    def _refer_as_possessor(self, person: Person, *, plain: bool = False) -> None:
        is_new = person not in self.in_sentence
        self.refer(person, plain=plain)
        self.pieces.append("'s")
        if is_new:
            self.possessors.append(person)

    def _mention(self, person: Person) -> None:
        if not self.in_speech:
            self.last_mentioned = person
            if person not in self.in_sentence:
                self.in_sentence.append(person)
            elif person in self.possessors:
                self.possessors.remove(person)
