"""The world of one story: who there is, who has what, where everybody is, and what happened.

A plot changes the world by effects, short sentences such as `hero loses thing` or `friend gives thing to hero`. Each
effect is checked against the state (nobody gives what they do not have), applied, and written down as an event with
the event that caused it. Conditions such as `hero has thing` ask the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storyteller.errors import StorytellerError
from storyteller.storyworld.lexicon import Kind, Place, Thing


@dataclass(slots=True, eq=False)
class Person:
    """A character."""

    role: str
    name: str  # Pip, Grandma, or "" for "the shopkeeper"
    pronoun: str  # he or she
    kind: Kind
    trait: str  # brave, shy
    kin: bool = False  # Grandma, Dad: known without an introduction
    place: str = ""
    feeling: str = ""
    away: bool = False
    asleep: bool = False
    introduced: bool = False  # set by the realizer
    kind_mentioned: bool = False  # set by the realizer: "the rabbit" has been written for the name

    @property
    def designation(self) -> str:
        """The name, or such as "the shopkeeper"."""
        return self.name or f"the {self.kind.name}"


@dataclass(slots=True, eq=False)
class Item:
    """An object in the story."""

    role: str
    thing: Thing
    mark: str  # its color or what it is made of, the same all through the story
    owner: Person | None = None
    holder: Person | None = None  # who has it now: the owner, a borrower, a finder, a thief
    place: str = ""
    state: str = "whole"  # whole, lost, broken
    owners: list[tuple[str, int]] = field(default_factory=list)  # (owner, number of the event)
    mentioned: bool = False  # set by the realizer

    @property
    def full(self) -> str:
        """Such as "red kite"."""
        return f"{self.mark} {self.thing.noun}"


@dataclass(slots=True)
class Event:
    """Something that happened; `because` is the number of the event that caused it."""

    who: str
    did: str
    what: str
    where: str
    because: int | None
    paragraph: int = 0  # where it is told, counted from 0


# What may have caused an event, the latest of these counts; with none of them, the latest want.
CAUSES: dict[str, tuple[str, ...]] = {
    "finds": ("loses", "wants"),
    "mends": ("breaks",),
    "returns": ("leaves",),
    "wakes": ("sleeps",),
    "loses": ("gets", "finds", "goes"),
    "breaks": ("gets", "finds"),
    "gives": ("helps", "wants", "gets", "finds"),
    "thanks": ("helps", "gives", "finds", "mends"),
    "helps": ("loses", "breaks", "wants"),
}
VERBS = (
    *("has", "meets", "wants", "gets", "finds", "loses", "breaks", "mends", "gives", "lends", "takes", "goes"),
    *("leaves", "returns", "sleeps", "wakes", "feels", "helps", "thanks", "tries", "learns"),
)


class World:
    """The state of one story."""

    def __init__(self, people: dict[str, Person], items: dict[str, Item], places: dict[str, Place]) -> None:
        self.people = people
        self.items = items
        self.places = places
        self.roles: Mapping[str, Person | Item | Place] = {**places, **items, **people}
        self.events: list[Event] = []
        self.ending = ""
        first = next(iter(places.values())).name if places else ""
        for person in people.values():
            person.place = first

    def apply(self, effect: tuple[str, ...], where: str) -> None:
        """Let an effect happen: `("hero", "gives", "thing", "to", "friend")`.

        Raises:
            StorytellerError: the state does not allow it; the message starts with `where`.
        """
        who, verb, *rest = effect
        person = self.people[who]
        where = f"{where}: {' '.join(effect)!r}"
        if person.asleep and verb not in ("wakes", "feels"):
            raise StorytellerError(f"{where}: {person.role} is asleep.")
        if person.away and verb != "returns":
            raise StorytellerError(f"{where}: {person.role} has gone away.")
        what = " ".join(rest)  # what the event is about
        if verb in ("leaves", "returns"):
            person.away = verb == "leaves"
        elif verb in ("sleeps", "wakes"):
            person.asleep = verb == "sleeps"
        elif verb == "goes":
            what = person.place = self.places[rest[-1]].name
            for item in self.items.values():
                if item.holder is person:
                    item.place = person.place
        elif verb == "feels":
            person.feeling = rest[0]
        elif rest and rest[0] in self.items:
            receiver = self.people[rest[-1]] if verb in ("gives", "lends") else person
            item = self.items[rest[0]]
            self.apply_to_item(verb, item, person, receiver, where)
            what = item.full if receiver is person else f"{item.full} to {receiver.designation}"
        elif rest and rest[-1] in self.people:
            what = self.people[rest[-1]].designation
        if verb != "has":
            self.events.append(Event(person.designation, verb, what, person.place, self.cause_of(verb)))

    def apply_to_item(self, verb: str, item: Item, person: Person, receiver: Person, where: str) -> None:
        """Let a person do something to an object; the receiver is the person, where it is not given or lent."""
        if verb in ("gives", "lends", "loses", "breaks") and item.holder is not person:
            raise StorytellerError(f"{where}: {person.role} does not have {item.role}.")
        if verb == "mends" and item.state != "broken":
            raise StorytellerError(f"{where}: {item.role} is not broken.")
        is_owned = verb in ("has", "gets", "gives") or (verb == "finds" and item.owner is None)
        if is_owned and item.owner is not receiver:
            item.owner = receiver
            item.owners.append((receiver.designation, len(self.events)))
        if verb in ("has", "gets", "gives", "finds", "lends", "takes"):
            item.holder = receiver
            item.place = receiver.place
            item.state = "whole" if item.state == "lost" else item.state
        elif verb == "loses":
            item.state, item.holder = "lost", None
        elif verb in ("breaks", "mends"):
            item.state = "broken" if verb == "breaks" else "whole"

    def cause_of(self, verb: str) -> int | None:
        """The number of the event that an event of this verb, happening now, was caused by."""
        if verb == "feels" and self.events:
            return len(self.events) - 1
        causes = CAUSES.get(verb, ())
        latest_want = None
        for number in range(len(self.events) - 1, -1, -1):
            if self.events[number].did in causes:
                return number
            if latest_want is None and self.events[number].did == "wants":
                latest_want = number
        return latest_want

    def holds(self, condition: tuple[str, ...]) -> bool:
        """Whether a condition is true: `("hero", "has", "thing")`, `("not", "thing", "is", "lost")`."""
        if condition[0] == "not":
            return not self.holds(condition[1:])
        role, verb, what = condition
        entity = self.items.get(role) or self.places.get(role) or self.people[role]
        if isinstance(entity, Item):
            return what in (entity.state, entity.mark, entity.thing.noun, *entity.thing.groups)
        if isinstance(entity, Place):
            return what == entity.key or what in entity.groups
        if verb == "has":
            return self.items[what].holder is entity
        if verb == "at":
            return entity.place == self.places[what].name
        states = {"away": entity.away, "asleep": entity.asleep}
        if what in states:
            return states[what]
        return what in (entity.kind.name, entity.kind.group, entity.trait, entity.feeling, entity.pronoun)
