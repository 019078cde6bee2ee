"""Plots, read from `data/genres/*.toml`: who takes part, and the beats that change the world and are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.storyworld.lexicon import DATA, Kind, Lexicon, Place, Thing, lexicon, read_toml
from storyteller.storyworld.templates import Literal, Pool, Slot, parse_pool, parse_steps, walk
from storyteller.storyworld.world import VERBS

PLOT_KEYS = ("about", "people", "things", "places", "words", "prompt", "beats")
PRONOUN_FORMS = ("he", "him", "his", "himself")
BEAT_KEYS = ("tell", "do", "if", "ending", "join")


@dataclass(frozen=True, slots=True)
class Beat:
    """One step of a plot: what it does to the world and how it may be told."""

    name: str
    steps: tuple[Pool, ...]  # one phrasing of each is told, in order
    effects: tuple[tuple[str, ...], ...]  # such as ("hero", "loses", "thing")
    conditions: tuple[tuple[str, ...], ...]  # all must hold
    ending: str  # "happy" or "sad" where the beat ends the story
    join: bool  # told in the paragraph of the beat before
    where: str  # file and key, for errors


@dataclass(frozen=True, slots=True)
class Plot:
    """A sequence of beats; where several beats share a step, one whose conditions hold is taken."""

    name: str
    genre: str
    people: Mapping[str, tuple[Kind, ...] | str]  # role -> kinds, or the name of a relative
    unnamed: frozenset[str]  # roles told as "the shopkeeper"
    things: Mapping[str, tuple[Thing, ...]]
    places: Mapping[str, tuple[Place, ...]]
    words: Mapping[str, Pool]  # words chosen once for the story
    phrases: Mapping[str, Pool]  # the genre's own phrases
    prompt: Pool
    beats: tuple[tuple[Beat, ...], ...]
    where: str
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # guards of phrasings, parsed


@cache
def genres() -> dict[str, list[Plot]]:
    """The plots that ship with the package, by genre, read once."""
    paths = sorted((DATA / "genres").glob("*.toml"), key=lambda path: path.name)
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
    shared = data.pop("beats", {})
    plots = []
    for name, table in data.items():
        if not isinstance(table, dict) or "beats" not in table:
            raise StorytellerError(f"{path.name}, {name}: a plot is a table with a list 'beats'.")
        plots.append(_read_plot(name, table, title, phrases, shared, words, f"{path.name}, {name}"))
    if not plots:
        raise StorytellerError(f"{path.name} has no plot.")
    return plots


def _read_plot(
    name: str,
    table: dict[str, Any],
    genre: str,
    phrases: dict[str, Pool],
    shared: dict[str, Any],
    words: Lexicon,
    where: str,
) -> Plot:
    people: dict[str, tuple[Kind, ...] | str] = {}
    unnamed = set()
    for role, wanted in table.get("people", {}).items():
        if wanted.startswith("the "):
            unnamed.add(role)
            wanted = wanted.removeprefix("the ")
        all_kin = all(part.strip() in words.kin for part in wanted.split("|"))
        people[role] = wanted if all_kin else tuple(words.kinds_of(wanted, f"{where}.people.{role}"))
    things = {k: tuple(words.things_of(v, f"{where}.things.{k}")) for k, v in table.get("things", {}).items()}
    places = {k: tuple(words.places_of(v, f"{where}.places.{k}")) for k, v in table.get("places", {}).items()}
    if "hero" not in people or "thing" not in things:
        raise StorytellerError(f"{where} needs a 'hero' in people and a 'thing' in things: they decide the split.")
    roles = {**people, **things, **places}
    fixed = {key: _words(text, phrases, words, f"{where}.words.{key}") for key, text in table.get("words", {}).items()}
    own = {key: value for key, value in table.items() if key not in PLOT_KEYS}
    beats = []
    for entry in table["beats"]:
        names = [entry] if isinstance(entry, str) else entry
        beats.append(tuple(_read_beat(beat, own, shared, roles, where) for beat in names))
    if unused := sorted(set(own) - {beat.name for step in beats for beat in step}):
        raise StorytellerError(f"{where}: {unused[0]!r} is neither a key of a plot nor in its list of beats.")
    if not all(beat.ending for beat in beats[-1]):
        raise StorytellerError(f'{where}: the last beat, {beats[-1][0].name!r}, needs ending = "happy" or "sad".')
    plot = Plot(
        name=name,
        genre=genre,
        people=people,
        unnamed=frozenset(unnamed),
        things=things,
        places=places,
        words=fixed,
        phrases=phrases,
        prompt=parse_pool(str(table.get("prompt", "")), f"{where}.prompt"),
        beats=tuple(beats),
        where=where,
    )
    _check_slots(plot, words)
    return plot


def _check_slots(plot: Plot, words: Lexicon) -> None:
    """Follow every slot of the plot, through phrases too, and refuse those that mean nothing."""
    attributes = {"new", "name", *PRONOUN_FORMS} | {key for kind in words.kinds.values() for key in kind.words}
    attributes |= {"kind", "trait", "detail", "mark", "noun", "full", *words.phrases}
    roles = {*plot.people, *plot.things, *plot.places, "who"}
    seen: set[str] = set()

    def check(pool: Pool, where: str) -> None:
        def visit(part: Literal | Slot) -> None:
            if isinstance(part, Slot):
                name = part.words[0]
                phrase = plot.words.get(name) or plot.phrases.get(name) or words.phrases.get(name)
                role, _, attribute = name.removesuffix("'s").partition(".")
                if phrase:
                    if name not in seen:
                        seen.add(name)
                        check(phrase, f"{where}, {{{name}}}")
                elif len(part.words) == 2:
                    if name not in ("at", "to") or part.words[1] not in plot.places:
                        raise StorytellerError(f"{where}: {{{' '.join(part.words)}}} names no place of this plot.")
                elif role in roles:
                    if attribute and attribute not in attributes:
                        raise StorytellerError(f"{where}: {{{name}}}: nobody has {attribute!r}.")
                elif name not in attributes:
                    raise StorytellerError(f"{where}: {{{name}}} is neither a role nor a phrase.")

        for phrasing in pool.phrasings:
            walk(phrasing, visit)

    check(plot.prompt, f"{plot.where}.prompt")
    for step in plot.beats:
        for beat in step:
            for pool in beat.steps:
                check(pool, f"{beat.where}.tell")


def _words(text: str, phrases: Mapping[str, Pool], words: Lexicon, where: str) -> Pool:
    """A word chosen once: the name of a phrase, or the alternatives themselves."""
    return phrases.get(text) or words.phrases.get(text) or parse_pool(text, where)


def _read_beat(name: str, own: dict[str, Any], shared: dict[str, Any], roles: dict[str, Any], where: str) -> Beat:
    where = f"{where}.{name}"
    table = own.get(name, shared.get(name))
    if not isinstance(table, dict):
        raise StorytellerError(f"{where}: the list of beats names {name!r}, but there is no table of that name.")
    if unknown := [key for key in table if key not in BEAT_KEYS]:
        raise StorytellerError(f"{where}: unknown key {unknown[0]!r}; a beat has {', '.join(BEAT_KEYS)}.")
    if table.get("ending", "") not in ("", "happy", "sad"):
        raise StorytellerError(f'{where}: ending is {table["ending"]!r}; it must be "happy" or "sad".')
    effects = tuple(_effect(text, roles, f"{where}.do") for text in table.get("do", []))
    return Beat(
        name=name,
        steps=tuple(parse_steps(table.get("tell", ""), f"{where}.tell")),
        effects=effects,
        conditions=tuple(condition(text, roles, f"{where}.if") for text in table.get("if", [])),
        ending=table.get("ending", ""),
        join=bool(table.get("join", False)),
        where=where,
    )


def _effect(text: str, roles: Mapping[str, Any], where: str) -> tuple[str, ...]:
    parts = tuple(text.split())
    if len(parts) < 2 or parts[0] not in roles or parts[1] not in VERBS:
        raise StorytellerError(f"{where}: {text!r} is no effect: a role, then one of {', '.join(VERBS)}.")
    objects = {"has", "gets", "finds", "loses", "breaks", "mends", "gives", "lends", "takes"}
    if parts[1] in objects and (len(parts) < 3 or parts[2] not in roles):
        raise StorytellerError(f"{where}: {text!r} needs the role of an object after {parts[1]!r}.")
    if parts[1] in {"goes", "meets"} and parts[-1] not in roles:
        raise StorytellerError(f"{where}: {text!r} ends in {parts[-1]!r}, which is no role of this plot.")
    return parts


def condition(text: str, roles: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Parse a condition: `hero has thing`, `hero is brave`, `not thing is lost`, `hero at place`."""
    parts = tuple(text.split())
    plain = parts[1:] if parts[:1] == ("not",) else parts
    if len(plain) != 3 or plain[0] not in roles or plain[1] not in ("is", "has", "at", "feels"):
        raise StorytellerError(f"{where}: {text!r} is no condition: 'hero is brave', 'not thing is lost' and so on.")
    if plain[1] in ("has", "at") and plain[2] not in roles:
        raise StorytellerError(f"{where}: {text!r}: there is no role {plain[2]!r}.")
    return parts
