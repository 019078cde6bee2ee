"""Stories from a seed.

    >>> story = next(generate(1, seed=7))
    >>> story.facts["people"][0]["role"]
    'hero'

A story is cast (a plot, its characters, objects and places), simulated beat by beat, and realized in sentences. Same
seed, same bytes, on every platform.

Splits: a story's hero, object and plot decide by a stable hash whether it belongs to train (about 90 %), validation
or test (5 % each), whatever the seed. So no story is in two splits, and every combination of name, object and plot in
validation or test is unseen in training.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.storyworld.facts import facts_of
from storyteller.storyworld.lexicon import Kind, Place, lexicon
from storyteller.storyworld.plot_files import Plot, genres
from storyteller.storyworld.realizer import Realizer
from storyteller.storyworld.stable_random import StableRandom
from storyteller.storyworld.templates import Literal
from storyteller.storyworld.world import Item, Person, World

MIN_WORDS, MAX_WORDS = 100, 250  # of a story
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
    """Generate `count` different stories.

    Story i is the same whatever `count` is. No text comes twice in one call.

    Args:
        count: how many.
        seed: another seed, other stories.
        split: "train", "validation" or "test".
        only: names of genre files, such as `("fairy_tale",)`; all genres when empty.
        small: take a small world, as a series of picture books does. A few kinds of characters, each with one name and
            one pronoun, and a few objects come again and again; a plot has one relative, and the hero's kinds are not
            the friend's. A model that has minutes to learn keeps them apart.
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
    lengths = range(10_000) if any_length else range(MIN_WORDS, MAX_WORDS + 1)  # in words
    return _distinct_stories(count, seed, split, plots, small, lengths)


def _distinct_stories(
    count: int, seed: int, split: str, plots: list[list[Plot]], small: bool, lengths: range
) -> Iterator[Story]:
    seen: set[bytes] = set()
    for number in range(count):
        attempt = 0
        while True:
            story = _story(StableRandom(seed, split, number, attempt), split, plots, small)
            digest = sha256(story.text.encode()).digest()
            if digest not in seen and len(story.text.split()) in lengths:
                break
            attempt += 1
        seen.add(digest)
        yield story


def _story(random: StableRandom, split: str, plots: list[list[Plot]], small: bool) -> Story:
    while True:
        plot = random.choice(random.choice(plots))
        people = cast_people(plot, random, small=small)
        items = cast_items(plot, random, small=small)
        if split_of(people["hero"].name, items["thing"].thing.noun, plot.name) == split:
            break
    places: dict[str, Place] = {}
    for role, options in plot.places.items():
        unused = [place for place in options if place not in places.values()]
        places[role] = random.choice(unused or options)
    world = World(people, items, places)
    realizer = Realizer(plot, world, random, lexicon().phrases)
    prompt = realizer.realize_prompt()
    for alternatives in plot.beats:
        possible = [beat for beat in alternatives if all(map(world.holds, beat.conditions))]
        if not possible and len(alternatives) == 1:  # a single beat whose condition fails is left out
            continue
        if not possible:
            names = ", ".join(beat.name for beat in alternatives)
            raise StorytellerError(f"{plot.where}: none of {names} has conditions that hold.")
        beat = random.choice(possible)
        n_events = len(world.events)
        for effect in beat.effects:
            world.apply(effect, beat.where)
        if beat.steps:
            realizer.realize(beat)
        for event in world.events[n_events:]:
            event.paragraph = realizer.paragraph
        if beat.ending:
            world.ending = beat.ending
            break
    return Story(text=realizer.text(), prompt=prompt, genre=plot.genre, facts=facts_of(plot, world))


# The small world: kinds that a role may be, objects that a role may be, and marks of an object.
SMALL_KINDS, SMALL_THINGS, SMALL_MARKS = 3, 4, 3
# How often a companion is simply given the hero's pronoun. Two heroes with one pronoun are told apart by name, which a
# small model finds easier than by "he" and "she"; and a wrong pronoun can then mean nobody.
SAME_PRONOUN_SHARE = 0.4
RELATIVE = Kind("relative", "grown-up", "", "", {})  # of Grandma, Dad, ...


def cast_people(plot: Plot, random: StableRandom, *, small: bool) -> dict[str, Person]:
    """A character for each role of the plot."""
    words = lexicon()
    people: dict[str, Person] = {}
    played: list[Kind] = []  # kinds that a role before may be, in the small world
    for role, options in plot.people.items():
        if isinstance(options, str):
            relatives = [name.strip() for name in options.split("|")]
            name = relatives[0] if small else random.choice(relatives)
            people[role] = Person(role, name, words.kin[name], RELATIVE, "", kin=True)
            continue
        kinds: Sequence[Kind] = options
        if small:
            # Few kinds, and where possible none that another role may be: in one plot the hero is Pip or Hazel and the
            # friend never is, so a small model need not find out anew in each story which of the two is meant.
            kinds = [kind for kind in options if kind not in played][:SMALL_KINDS] or options[:SMALL_KINDS]
            played += kinds
        taken = [person.kind for person in people.values()]
        kind = random.choice([kind for kind in kinds if kind not in taken] or options)  # "the rabbit" shall mean one
        named = role not in plot.unnamed
        pronoun, name = usual_identity(kind, named) if small else new_identity(kind, named, people, random)
        trait = random.choice(words.phrases["trait"].phrasings)
        people[role] = Person(
            role, name, pronoun, kind, "".join(part.text for part in trait if isinstance(part, Literal))
        )
    return people


def usual_identity(kind: Kind, named: bool) -> tuple[str, str]:
    """The pronoun and the name that this kind has in every story of the small world.

    The kinds that share a list of names take them in turn.
    """
    words = lexicon()
    number = [other.name for other in words.kinds.values() if other.names == kind.names].index(kind.name)
    pronoun = kind.pronoun or ("he", "she")[number % 2]
    names = words.names[kind.names][pronoun] if named else [""]
    return pronoun, names[number // 2 % len(names)]


def new_identity(kind: Kind, named: bool, people: dict[str, Person], random: StableRandom) -> tuple[str, str]:
    """A pronoun and a name for a character who joins these people."""
    pronoun = kind.pronoun or ("he" if random.chance(0.5) else "she")
    if not kind.pronoun and "hero" in people and random.chance(SAME_PRONOUN_SHARE):
        pronoun = people["hero"].pronoun
    if not named:
        return pronoun, ""
    names = lexicon().names[kind.names][pronoun]
    initials = {person.name[0] for person in people.values() if person.name and not person.kin}
    name = random.choice(names)
    while name[0] in initials and len(initials) < 8:  # two names with one initial are hard to keep apart
        name = random.choice(names)
    return pronoun, name


def cast_items(plot: Plot, random: StableRandom, *, small: bool) -> dict[str, Item]:
    """An object, with a mark such as its color, for each role of the plot."""
    items: dict[str, Item] = {}
    for role, options in plot.things.items():
        taken = [item.thing for item in items.values()]
        things = options[:SMALL_THINGS] if small else options
        thing = random.choice([option for option in things if option not in taken] or options)
        items[role] = Item(role, thing, random.choice(thing.marks[:SMALL_MARKS] if small else thing.marks))
    return items
