"""Plots, read from `data/genres` and `data/tales`: who takes part, and the beats that change the world and are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.storyworld.lexicon import DATA, Kind, Lexicon, Place, Thing, lexicon, read_toml
from storyteller.storyworld.templates import Pool, Slot, literals_and_slots, parse_pool, parse_steps
from storyteller.storyworld.world import VERBS

PLOT_KEYS = ("about", "people", "things", "places", "words", "prompt", "beats")
PRONOUN_FORMS = ("he", "him", "his", "himself")
BEAT_KEYS = ("tell", "do", "if", "ending", "join")
OBJECT_VERBS = ("has", "gets", "finds", "loses", "breaks", "mends", "gives", "lends", "takes")  # need an object


@dataclass(frozen=True, slots=True)
class Beat:
    """One step of a plot: what it does to the world and how it may be written."""

    name: str
    steps: tuple[Pool, ...]  # one phrasing of each is written, in order
    effects: tuple[tuple[str, ...], ...]  # such as ("hero", "loses", "thing")
    conditions: tuple[tuple[str, ...], ...]  # all must hold
    ending: str  # "happy" or "sad" where the beat ends the story
    join: bool  # written in the paragraph of the beat before
    where: str  # file and key, for errors


@dataclass(frozen=True, slots=True)
class Plot:
    """A sequence of beats; where there are alternatives for one, one whose conditions hold is taken."""

    name: str
    genre: str
    people: Mapping[str, tuple[Kind, ...] | str]  # role -> kinds, or the name of a relative
    unnamed: frozenset[str]  # roles written as "the shopkeeper"
    things: Mapping[str, tuple[Thing, ...]]
    places: Mapping[str, tuple[Place, ...]]
    words: Mapping[str, Pool]  # words chosen once for the story
    phrases: Mapping[str, Pool]  # the genre's own phrases
    prompt: Pool
    beats: tuple[tuple[Beat, ...], ...]  # the alternatives for each
    where: str  # file and key, for errors


@dataclass(frozen=True, slots=True)
class Genre:
    """What the plots of one file share."""

    title: str  # such as "fairy tale"
    phrases: Mapping[str, Pool]
    beats: Mapping[str, Any]  # name -> table, as TOML has it


@cache
def genres(folder: str = "genres") -> dict[str, list[Plot]]:
    """The plots that ship with the package in a folder of `data`, by genre, read once."""
    paths = sorted((DATA / folder).glob("*.toml"), key=lambda path: path.name)
    return {path.stem: read_genre(path, lexicon()) for path in paths}


def read_genre(path: Path, words: Lexicon) -> list[Plot]:
    """Read the plots of one genre file.

    Raises:
        StorytellerError: a faulty file; the message names it and the key.
    """
    data = read_toml(path)
    title = data.pop("genre", None)
    if not isinstance(title, str):
        raise StorytellerError(f"{path.name} needs the key 'genre' with the genre's name, at the top.")
    phrases = {key: parse_pool(text, f"{path.name}, phrases.{key}") for key, text in data.pop("phrases", {}).items()}
    genre = Genre(title, phrases, data.pop("beats", {}))
    plots = []
    for name, table in data.items():
        if not isinstance(table, dict) or "beats" not in table:
            raise StorytellerError(f"{path.name}, {name}: a plot is a table with a list 'beats'.")
        plots.append(read_plot(name, table, genre, words, f"{path.name}, {name}"))
    if not plots:
        raise StorytellerError(f"{path.name} has no plot.")
    return plots


def read_plot(name: str, table: dict[str, Any], genre: Genre, words: Lexicon, where: str) -> Plot:
    """Read one plot from its table and check it whole.

    Raises:
        StorytellerError: a faulty plot; the message starts with `where`.
    """
    people: dict[str, tuple[Kind, ...] | str] = {}
    for role, text in table.get("people", {}).items():
        options = text.removeprefix("the ")
        is_kin = all(relative.strip() in words.kin for relative in options.split("|"))
        people[role] = options if is_kin else tuple(words.kinds_of(options, f"{where}.people.{role}"))
    things = {k: tuple(words.things_of(v, f"{where}.things.{k}")) for k, v in table.get("things", {}).items()}
    places = {k: tuple(words.places_of(v, f"{where}.places.{k}")) for k, v in table.get("places", {}).items()}
    if "hero" not in people or "thing" not in things:
        raise StorytellerError(f"{where} needs a 'hero' in people and a 'thing' in things: they decide the split.")
    # A word chosen once for the story: the name of a phrase, or the alternatives themselves.
    fixed_words = {
        key: genre.phrases.get(text) or words.phrases.get(text) or parse_pool(text, f"{where}.words.{key}")
        for key, text in table.get("words", {}).items()
    }
    own_beats = {key: value for key, value in table.items() if key not in PLOT_KEYS}
    beat_tables, roles = {**genre.beats, **own_beats}, {**people, **things, **places}
    beats = []
    for entry in table["beats"]:
        names = [entry] if isinstance(entry, str) else entry
        beats.append(tuple(read_beat(beat, beat_tables.get(beat), roles, f"{where}.{beat}") for beat in names))
    if unused := sorted(set(own_beats) - {beat.name for alternatives in beats for beat in alternatives}):
        raise StorytellerError(f"{where}: {unused[0]!r} is neither a key of a plot nor in its list of beats.")
    if not all(beat.ending for beat in beats[-1]):
        raise StorytellerError(f'{where}: the last beat, {beats[-1][0].name!r}, needs ending = "happy" or "sad".')
    plot = Plot(
        name=name,
        genre=genre.title,
        people=people,
        unnamed=frozenset(role for role, text in table["people"].items() if text.startswith("the ")),
        things=things,
        places=places,
        words=fixed_words,
        phrases=genre.phrases,
        prompt=parse_pool(str(table.get("prompt", "")), f"{where}.prompt"),
        beats=tuple(beats),
        where=where,
    )
    attributes = {"new", "name", "kind", "trait", "detail", "mark", "noun", "full", *PRONOUN_FORMS, *words.phrases}
    attributes |= {key for kind in words.kinds.values() for key in kind.words}
    seen: set[str] = set()  # phrases that have been checked
    check_slots(plot.prompt, plot, words, attributes, seen, f"{where}.prompt")
    for alternatives in plot.beats:
        for beat in alternatives:
            for step in beat.steps:
                check_slots(step, plot, words, attributes, seen, f"{beat.where}.tell")
    return plot


def check_slots(pool: Pool, plot: Plot, words: Lexicon, attributes: set[str], seen: set[str], where: str) -> None:
    """Refuse slots of a pool that mean nothing in a plot; follow its phrases too, those seen before excepted."""
    slots = (part for phrasing in pool.phrasings for part in literals_and_slots(phrasing) if isinstance(part, Slot))
    for slot in slots:
        name = slot.words[0]
        role, _, attribute = name.removesuffix("'s").partition(".")
        if phrase := plot.words.get(name) or plot.phrases.get(name) or words.phrases.get(name):
            if name not in seen:
                seen.add(name)
                check_slots(phrase, plot, words, attributes, seen, f"{where}, {{{name}}}")
        elif len(slot.words) == 2:
            if name not in ("at", "to") or slot.words[1] not in plot.places:
                raise StorytellerError(f"{where}: {{{' '.join(slot.words)}}} names no place of this plot.")
        elif role == "who" or any(role in roles for roles in (plot.people, plot.things, plot.places)):
            if attribute and attribute not in attributes:
                raise StorytellerError(f"{where}: {{{name}}}: nobody has {attribute!r}.")
        elif name not in attributes:
            raise StorytellerError(f"{where}: {{{name}}} is neither a role nor a phrase.")


def read_beat(name: str, table: Any, roles: Mapping[str, Any], where: str) -> Beat:
    """Read one beat from its table.

    Raises:
        StorytellerError: a faulty beat; the message starts with `where`.
    """
    if not isinstance(table, dict):
        raise StorytellerError(f"{where}: the list of beats names {name!r}, but there is no table of that name.")
    if unknown := [key for key in table if key not in BEAT_KEYS]:
        raise StorytellerError(f"{where}: unknown key {unknown[0]!r}; a beat has {', '.join(BEAT_KEYS)}.")
    if table.get("ending", "") not in ("", "happy", "sad"):
        raise StorytellerError(f'{where}: ending is {table["ending"]!r}; it must be "happy" or "sad".')
    effects = tuple(parse_effect(text, roles, f"{where}.do") for text in table.get("do", []))
    return Beat(
        name=name,
        steps=tuple(parse_steps(table.get("tell", ""), f"{where}.tell")),
        effects=effects,
        conditions=tuple(parse_condition(text, roles, f"{where}.if") for text in table.get("if", [])),
        ending=table.get("ending", ""),
        join=bool(table.get("join", False)),
        where=where,
    )


def parse_effect(text: str, roles: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Parse an effect: `hero loses thing`, `friend gives thing to hero`."""
    parts = tuple(text.split())
    if len(parts) < 2 or parts[0] not in roles or parts[1] not in VERBS:
        raise StorytellerError(f"{where}: {text!r} is no effect: a role, then one of {', '.join(VERBS)}.")
    if parts[1] in OBJECT_VERBS and (len(parts) < 3 or parts[2] not in roles):
        raise StorytellerError(f"{where}: {text!r} needs the role of an object after {parts[1]!r}.")
    if parts[1] in ("goes", "meets") and parts[-1] not in roles:
        raise StorytellerError(f"{where}: {text!r} ends in {parts[-1]!r}, which is no role of this plot.")
    return parts


def parse_condition(text: str, roles: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Parse a condition: `hero has thing`, `hero is brave`, `not thing is lost`, `hero at place`."""
    parts = tuple(text.split())
    plain = parts[1:] if parts[:1] == ("not",) else parts
    if len(plain) != 3 or plain[0] not in roles or plain[1] not in ("is", "has", "at", "feels"):
        raise StorytellerError(f"{where}: {text!r} is no condition: 'hero is brave', 'not thing is lost' and so on.")
    if plain[1] in ("has", "at") and plain[2] not in roles:
        raise StorytellerError(f"{where}: {text!r}: there is no role {plain[2]!r}.")
    return parts
