"""Stories from a seed.

    >>> story = next(generate(1, seed=7))
    >>> story.facts["people"][0]["role"]
    'hero'

A story is cast (a plot, its characters, objects and places), simulated beat by beat, and told. Same seed, same bytes,
on every platform.

Splits: a story's hero, object and plot decide by a stable hash whether it belongs to train (about 90 %), validation
or test (5 % each), whatever the seed. So no story is in two splits, and every combination of name, object and plot in
validation or test is unseen in training.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.storyworld.facts import facts_of
from storyteller.storyworld.lexicon import Kind, Lexicon, Place, lexicon
from storyteller.storyworld.plot_files import Plot, genres
from storyteller.storyworld.realizer import Teller
from storyteller.storyworld.stable_random import Dice
from storyteller.storyworld.world import Item, Person, World

WORDS = (100, 250)  # the least and the most words of a story
SPLITS = ("train", "validation", "test")


def split_of(hero: str, thing: str, plot: str) -> str:
    """The split that stories of this hero's name, object (a noun) and plot belong to."""
    number = int.from_bytes(sha256(f"{hero}|{thing}|{plot}".encode()).digest()[:8], "big") % 100
    return "train" if number < 90 else "validation" if number < 95 else "test"


def generate(
    count: int,
    *,
    seed: int,
    split: str = "train",
    only: Sequence[str] = (),
    small: bool = False,
    any_length: bool = False,
) -> Iterator[Story]:
    """Tell `count` different stories.

    Story i is the same whatever `count` is. No text comes twice in one call.

    Args:
        count: how many.
        seed: another seed, other stories.
        split: "train", "validation" or "test".
        only: names of genre files, such as `("fairy_tale",)`; all genres when empty.
        small: tell of a small world, as a series of picture books does. A few kinds of characters, each with one name
            and one pronoun, and a few objects come again and again; a plot has one relative, and the hero's kinds are
            not the friend's. A model that has minutes to learn keeps them apart.
        any_length: give the stories outside 100 to 250 words too, to see what a plot really makes.

    Raises:
        StorytellerError: an unknown split or genre, or a negative count.
    """
    if split not in SPLITS:
        raise StorytellerError(f"There is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    if count < 0:
        raise StorytellerError(f"The count of stories is {count}; it must be 0 or more.")
    if unknown := sorted(set(only) - set(genres())):
        raise StorytellerError(f"There is no genre {unknown[0]!r}; choose from {', '.join(genres())}.")
    plots = [plots for name, plots in genres().items() if not only or name in only]
    return _generate(count, seed, split, plots, small, (0, 10_000) if any_length else WORDS)


def _generate(
    count: int, seed: int, split: str, plots: list[list[Plot]], small: bool, words: tuple[int, int]
) -> Iterator[Story]:
    told: set[bytes] = set()
    for number in range(count):
        attempt = 0
        while True:
            story = _story(Dice(seed, split, number, attempt), split, plots, small)
            mark = sha256(story.text.encode()).digest()
            if mark not in told and words[0] <= len(story.text.split()) <= words[1]:
                break
            attempt += 1
        told.add(mark)
        yield story


def _story(dice: Dice, split: str, plots: list[list[Plot]], small: bool) -> Story:
    words = lexicon()
    while True:
        plot = dice.pick(dice.pick(plots))
        people = _cast(plot, dice, words, small=small)
        items = _items(plot, dice, SMALL_THINGS if small else None)
        if split_of(people["hero"].name, items["thing"].thing.noun, plot.name) == split:
            break
    places: dict[str, Place] = {}
    for role, options in plot.places.items():
        left = [place for place in options if place not in places.values()]
        places[role] = dice.pick(left or options)
    world = World(people, items, places)
    teller = Teller(plot, world, dice, words.phrases)
    prompt = teller.prompt()
    for step in plot.beats:
        possible = [beat for beat in step if all(world.holds(condition) for condition in beat.conditions)]
        if not possible:
            if len(step) == 1:  # a single beat whose condition fails is left out
                continue
            raise StorytellerError(f"{plot.where}: none of {', '.join(b.name for b in step)} has conditions that hold.")
        beat = dice.pick(possible)
        before = len(world.events)
        for effect in beat.effects:
            world.apply(effect, beat.where)
        if beat.steps:
            teller.tell(beat)
        for event in world.events[before:]:
            event.paragraph = teller.paragraph
        world.ending = beat.ending or world.ending
        if beat.ending:
            break
    return Story(text=teller.text(), prompt=prompt, genre=plot.genre, facts=facts_of(plot, world))


# The small world: kinds that a role may be, objects that a role may be, and marks of an object.
SMALL_KINDS, SMALL_THINGS, SMALL_MARKS = 3, 4, 3


def _cast(plot: Plot, dice: Dice, words: Lexicon, *, small: bool) -> dict[str, Person]:
    people: dict[str, Person] = {}
    played: list[Kind] = []  # kinds that a role before may be, in the small world
    for role, wanted in plot.people.items():
        if isinstance(wanted, str):
            relatives = [part.strip() for part in wanted.split("|")]
            name = relatives[0] if small else dice.pick(relatives)
            people[role] = Person(role, name, words.kin[name], _KIN, "", kin=True)
            continue
        taken = [person.kind for person in people.values()]
        open_to_role = _small_choice(wanted, played) if small else wanted
        played += open_to_role
        kind = dice.pick([kind for kind in open_to_role if kind not in taken] or wanted)  # "the rabbit" shall mean one
        named = role not in plot.unnamed
        if small:
            pronoun, name = _usual_name(kind, words, named=named)
        else:
            pronoun = _pronoun(kind, people, dice)
            name = _new_name(words.names[kind.names][pronoun], people, dice) if named else ""
        people[role] = Person(role, name, pronoun, kind, _trait(dice, words))
    return people


def _small_choice(wanted: Sequence[Kind], played: Sequence[Kind]) -> Sequence[Kind]:
    """The kinds that a role may be in the small world: few, and where possible none that another role may be.

    So in one plot the hero is Pip or Hazel and the friend never is, as in a series of picture books: a small model need
    not find out anew in each story which of the two is meant.
    """
    return [kind for kind in wanted if kind not in played][:SMALL_KINDS] or wanted[:SMALL_KINDS]


def _usual_name(kind: Kind, words: Lexicon, *, named: bool) -> tuple[str, str]:
    """The pronoun and the name that this kind has in every story of the small world.

    The kinds that share a list of names take them in turn.
    """
    number = [other.name for other in words.kinds.values() if other.names == kind.names].index(kind.name)
    pronoun = kind.pronoun or ("he", "she")[number % 2]
    if not named:
        return pronoun, ""
    names = words.names[kind.names][pronoun]
    return pronoun, names[number // 2 % len(names)]


# How often a companion is simply given the hero's pronoun. Two heroes with one pronoun are told apart by name, which a
# small model finds easier than by "he" and "she"; and a wrong pronoun can then mean nobody.
ALIKE = 0.4


def _pronoun(kind: Kind, people: dict[str, Person], dice: Dice) -> str:
    pronoun = kind.pronoun or ("he" if dice.chance(0.5) else "she")
    if not kind.pronoun and "hero" in people and dice.chance(ALIKE):
        return people["hero"].pronoun
    return pronoun


def _new_name(names: Sequence[str], people: dict[str, Person], dice: Dice) -> str:
    initials = {person.name[0] for person in people.values() if person.name and not person.kin}
    name = dice.pick(names)
    while name[0] in initials and len(initials) < 8:  # two names with one initial are hard to keep apart
        name = dice.pick(names)
    return name


_KIN = Kind("relative", "grown-up", "", "", {})


def _trait(dice: Dice, words: Lexicon) -> str:
    phrasing = dice.pick(words.phrases["trait"].phrasings)
    return "".join(part.text for part in phrasing)  # type: ignore[union-attr]


def _items(plot: Plot, dice: Dice, most: int | None) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for role, options in plot.things.items():
        taken = [item.thing for item in items.values()]
        thing = dice.pick([option for option in options[:most] if option not in taken] or options)
        items[role] = Item(role, thing, dice.pick(thing.marks if most is None else thing.marks[:SMALL_MARKS]))
    return items
