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
from dataclasses import dataclass
from hashlib import sha256

from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.storyworld.facts import facts_of
from storyteller.storyworld.lexicon import Kind, Place, lexicon
from storyteller.storyworld.plot_files import Plot, genres
from storyteller.storyworld.realizer import FULL_NOUN_SHARE, Realizer
from storyteller.storyworld.stable_random import StableRandom
from storyteller.storyworld.templates import Literal
from storyteller.storyworld.world import Item, Person, World

MIN_WORDS, MAX_WORDS = 100, 250  # of a story
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Size:
    """How rich a world is; None takes all that there is. The fewer, the sooner a model knows them."""

    folder: str = "genres"  # where its plots are, in `data`
    plots: int | None = None  # of each genre, the first of its file
    kinds: int | None = None  # that a role may be
    names: int | None = None  # that a kind may have; where this is set, a kind has one pronoun
    things: int | None = None  # that a role may be
    marks: int | None = None  # of an object
    full_noun_share: float = FULL_NOUN_SHARE  # of the later mentions of an object, those that say its mark again

    @property
    def is_small(self) -> bool:
        """Whether each kind has names and a pronoun of its own."""
        return self.names is not None


WORLDS: dict[str, Size] = {
    "storyworld": Size(),
    "storyworld-small": Size(kinds=3, names=1, things=4, marks=3),
    "storyworld-tales": Size(folder="tales", plots=10, kinds=8, names=4, things=8, marks=6),
    # As much as a million parameters learn in three minutes: all thirty plots, and a name for each kind. With two names
    # they put the wrong one into the middle of nearly every story. Of kinds, objects and marks many are as easy as few:
    # what cannot be guessed has to be looked up in the story, and is learnt sooner (bench/story.py). That "red" comes
    # back before "kite" is learnt late and at once, or not in three minutes: so it comes back often.
    "storyworld-tales-small": Size(
        folder="tales", plots=10, kinds=8, names=1, things=16, marks=10, full_noun_share=0.75
    ),
}


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
    world: str = "storyworld",
    any_length: bool = False,
) -> Iterator[Story]:
    """Generate `count` different stories.

    Story i is the same whatever `count` is. No text comes twice in one call.

    Args:
        count: how many.
        seed: another seed, other stories.
        split: "train", "validation" or "test".
        only: names of genre files of this world, such as `("fairy_tale",)`; all its genres when empty.
        world: one of `WORLDS`. In all but `"storyworld"`, as in a series of picture books, a few
            kinds of characters, each with few names and one pronoun, and a few objects come again and again; a plot has
            one relative, and the hero's kinds are not the friend's. A model that has minutes to learn keeps them apart.
        any_length: give the stories outside 100 to 250 words too, to see what a plot really makes.

    Raises:
        StorytellerError: an unknown split, world or genre, or a negative count.
    """
    if split not in SPLITS:
        raise StorytellerError(f"There is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    if count < 0:
        raise StorytellerError(f"The count of stories is {count}; it must be 0 or more.")
    plots = plots_of(world, only)
    lengths = range(10_000) if any_length else range(MIN_WORDS, MAX_WORDS + 1)  # in words
    return _distinct_stories(count, seed, split, plots, WORLDS[world], lengths)


def plots_of(world: str, only: Sequence[str] = ()) -> list[list[Plot]]:
    """The plots of a world, by genre, those of the genres in `only` where it names some.

    Raises:
        StorytellerError: an unknown world or genre.
    """
    if world not in WORLDS:
        raise StorytellerError(f"There is no world {world!r}; choose from {', '.join(WORLDS)}.")
    all_plots = genres(WORLDS[world].folder)
    if unknown := sorted(set(only) - set(all_plots)):
        raise StorytellerError(f"There is no genre {unknown[0]!r}; choose from {', '.join(all_plots)}.")
    return [plots[: WORLDS[world].plots] for genre, plots in all_plots.items() if not only or genre in only]


def _distinct_stories(
    count: int, seed: int, split: str, plots: list[list[Plot]], size: Size, lengths: range
) -> Iterator[Story]:
    seen: set[bytes] = set()
    for number in range(count):
        attempt = 0
        while True:
            story = _story(StableRandom(seed, split, number, attempt), split, plots, size)
            digest = sha256(story.text.encode()).digest()
            if digest not in seen and len(story.text.split()) in lengths:
                break
            attempt += 1
        seen.add(digest)
        yield story


def _story(random: StableRandom, split: str, plots: list[list[Plot]], size: Size) -> Story:
    while True:
        plot = random.choice(random.choice(plots))
        people = cast_people(plot, random, size)
        items = cast_items(plot, random, size)
        if split_of(people["hero"].name, items["thing"].thing.noun, plot.name) == split:
            break
    places: dict[str, Place] = {}
    for role, options in plot.places.items():
        unused = [place for place in options if place not in places.values()]
        places[role] = random.choice(unused or options)
    world = World(people, items, places)
    realizer = Realizer(plot, world, random, lexicon().phrases, full_noun_share=size.full_noun_share)
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


# How often a companion is simply given the hero's pronoun. Two heroes with one pronoun are told apart by name, which a
# small model finds easier than by "he" and "she"; and a wrong pronoun can then mean nobody.
SAME_PRONOUN_SHARE = 0.4
RELATIVE = Kind("relative", "grown-up", "", "", {})  # of Grandma, Dad, ...


def cast_people(plot: Plot, random: StableRandom, size: Size) -> dict[str, Person]:
    """A character for each role of the plot."""
    words = lexicon()
    people: dict[str, Person] = {}
    played: list[Kind] = []  # kinds that a role before may be, in the small world
    for role, options in plot.people.items():
        if isinstance(options, str):
            relatives = [name.strip() for name in options.split("|")]
            name = relatives[0] if size.is_small else random.choice(relatives)
            people[role] = Person(role, name, words.kin[name], RELATIVE, "", kin=True)
            continue
        kinds: Sequence[Kind] = options
        if size.is_small:
            # Few kinds, and where possible none that another role may be: in one plot the hero is Pip or Hazel and the
            # friend never is, so a small model need not find out anew in each story which of the two is meant.
            kinds = [kind for kind in options if kind not in played][: size.kinds] or options[: size.kinds]
            played += kinds
        taken = [person.kind for person in people.values()]
        kind = random.choice([kind for kind in kinds if kind not in taken] or options)  # "the rabbit" shall mean one
        named = role not in plot.unnamed
        if size.names is None:
            pronoun, name = new_identity(kind, named, people, random)
        else:
            pronoun, names = usual_identity(kind, named, size.names)
            known = {person.name for person in people.values()}
            free = [name for name in names if name not in known] or names
            # One name needs no choice: the stories of a world with one for each kind stay what they were.
            name = random.choice(free) if len(names) > 1 else "".join(names)
        trait = random.choice(words.phrases["trait"].phrasings)
        people[role] = Person(
            role, name, pronoun, kind, "".join(part.text for part in trait if isinstance(part, Literal))
        )
    return people


def usual_identity(kind: Kind, named: bool, count: int) -> tuple[str, list[str]]:
    """The pronoun and the names, `count` at most, that this kind has in every story of a small world.

    The kinds that share a list of names take them in turn.
    """
    words = lexicon()
    number = [other.name for other in words.kinds.values() if other.names == kind.names].index(kind.name)
    pronoun = kind.pronoun or ("he", "she")[number % 2]
    names = words.names[kind.names][pronoun] if named else []
    start = number // 2 * count
    return pronoun, list(dict.fromkeys(names[(start + i) % len(names)] for i in range(count))) if names else []


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


def cast_items(plot: Plot, random: StableRandom, size: Size) -> dict[str, Item]:
    """An object, with a mark such as its color, for each role of the plot."""
    items: dict[str, Item] = {}
    for role, options in plot.things.items():
        taken = [item.thing for item in items.values()]
        things = options[: size.things]
        thing = random.choice([option for option in things if option not in taken] or options)
        items[role] = Item(role, thing, random.choice(thing.marks[: size.marks]))
    return items
