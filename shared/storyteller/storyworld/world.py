"""The world of one story: who there is, who has what, where everybody is, and what happened.

A plot changes the world by effects, short sentences such as `hero loses thing` or `friend gives thing to hero`. Each
effect is checked against the state (nobody gives what they do not have), applied, and written down as an event with
the event that caused it. Conditions such as `hero has thing` ask the state.
"""

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
    introduced: bool = False  # set by the teller
    kind_told: bool = False  # set by the teller: "the rabbit" has stood for the name


@dataclass(slots=True, eq=False)
class Item:
    """An object in the story."""

    role: str
    thing: Thing
    mark: str  # its colour or what it is made of, the same all through the story
    owner: Person | None = None
    holder: Person | None = None  # who has it now: the owner, a borrower, a finder, a thief
    place: str = ""
    state: str = "whole"  # whole, lost, broken
    owners: list[tuple[str, int]] = field(default_factory=list)  # (owner, number of the event)
    told: bool = False  # set by the teller

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
        what = self._happen(person, verb, rest, f"{where}: {' '.join(effect)!r}")
        if verb != "has":
            name = person.name or f"the {person.kind.name}"
            self.events.append(Event(name, verb, what, person.place, self._cause(verb)))

    def _happen(self, person: Person, verb: str, rest: list[str], where: str) -> str:
        """Change the state; return what the event was about, in words."""
        if person.asleep and verb not in ("wakes", "feels"):
            raise StorytellerError(f"{where}: {person.role} is asleep.")
        if person.away and verb != "returns":
            raise StorytellerError(f"{where}: {person.role} has gone away.")
        if verb in ("leaves", "returns"):
            person.away = verb == "leaves"
        elif verb in ("sleeps", "wakes"):
            person.asleep = verb == "sleeps"
        elif verb == "goes":
            person.place = self.places[rest[-1]].name
            for item in self.items.values():
                if item.holder is person:
                    item.place = person.place
            return person.place
        elif verb == "feels":
            person.feeling = rest[0]
        elif rest and rest[0] in self.items:
            return self._change_item(person, verb, self.items[rest[0]], rest, where)
        elif rest and rest[-1] in self.people:
            other = self.people[rest[-1]]
            return other.name or f"the {other.kind.name}"
        return " ".join(rest)

    def _change_item(self, person: Person, verb: str, item: Item, rest: list[str], where: str) -> str:
        if verb in ("gives", "lends", "loses", "breaks") and item.holder is not person:
            raise StorytellerError(f"{where}: {person.role} does not have {item.role}.")
        if verb == "mends" and item.state != "broken":
            raise StorytellerError(f"{where}: {item.role} is not broken.")
        receiver = self.people[rest[-1]] if verb in ("gives", "lends") else person
        if verb in ("has", "gets", "gives") or (verb == "finds" and item.owner is None):
            self._own(item, receiver)
        if verb in ("has", "gets", "gives", "finds", "lends", "takes"):
            item.holder = receiver
            item.place = receiver.place
            item.state = "whole" if item.state == "lost" else item.state
        elif verb == "loses":
            item.state, item.holder = "lost", None
        elif verb in ("breaks", "mends"):
            item.state = "broken" if verb == "breaks" else "whole"
        to = f" to {receiver.name or 'the ' + receiver.kind.name}" if receiver is not person else ""
        return item.full + to

    def _own(self, item: Item, owner: Person) -> None:
        if item.owner is not owner:
            item.owner = owner
            item.owners.append((owner.name or f"the {owner.kind.name}", len(self.events)))

    def _cause(self, verb: str) -> int | None:
        if verb == "feels" and self.events:
            return len(self.events) - 1
        wanted = CAUSES.get(verb, ())
        want = None
        for number in range(len(self.events) - 1, -1, -1):
            if self.events[number].did in wanted:
                return number
            if want is None and self.events[number].did == "wants":
                want = number
        return want

    def holds(self, condition: tuple[str, ...]) -> bool:
        """Whether a condition is true: `("hero", "has", "thing")`, `("not", "thing", "is", "lost")`."""
        if condition[0] == "not":
            return not self.holds(condition[1:])
        who, verb, what = condition
        if who in self.items:
            item = self.items[who]
            return what in (item.state, item.mark, item.thing.noun, *item.thing.groups)
        if who in self.places:
            place = self.places[who]
            return what == place.key or what in place.groups
        person = self.people[who]
        if verb == "has":
            item = self.items[what]
            return item.holder is person
        if verb == "at":
            return person.place == self.places[what].name
        states = {"away": person.away, "asleep": person.asleep}
        if what in states:
            return states[what]
        return what in (person.kind.name, person.kind.group, person.trait, person.feeling, person.pronoun)
