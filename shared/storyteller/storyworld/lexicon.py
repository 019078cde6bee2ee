"""The words of StoryWorld: names, kinds, objects, places and phrases, read from `data/words/*.toml`.

Every file may add to any table; `data/README.md` describes them. The lexicon is all that the checker knows of the
corpus, so it can read any text that is written in these words.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.storyworld.templates import Pool, parse_pool

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a character can be: a rabbit, a girl, a robot."""

    name: str
    group: str  # animal, child, grown-up, robot...
    pronoun: str  # "he" or "she" where the kind decides it, "" where the name does
    names: str  # the group of names it takes
    words: Mapping[str, Pool]  # its own phrases: {hero.moved}, {hero.hands}


@dataclass(frozen=True, slots=True)
class Thing:
    """What a character can want, own, lose: a kite, a bell."""

    noun: str
    groups: tuple[str, ...]  # toy, treasure, tool...
    marks: tuple[str, ...]  # the adjectives that fit: red, striped, silver


@dataclass(frozen=True, slots=True)
class Place:
    """Where a character can be."""

    name: str  # the pond
    key: str
    groups: tuple[str, ...]  # outdoors, water, home...
    at: str  # by the pond
    to: str  # to the pond
    details: Pool  # sentences about what can be seen, heard and smelt there


@dataclass(slots=True)
class Lexicon:
    """Everything in `data/words`."""

    names: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # group -> pronoun -> names
    kin: dict[str, str] = field(default_factory=dict)  # Grandma -> she
    kinds: dict[str, Kind] = field(default_factory=dict)
    marks: dict[str, list[str]] = field(default_factory=dict)  # class -> adjectives
    things: dict[str, Thing] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    phrases: dict[str, Pool] = field(default_factory=dict)
    pronouns: dict[str, str] = field(default_factory=dict)  # every name and kin -> he or she

    def kinds_of(self, wanted: str, where: str) -> list[Kind]:
        """The kinds named in `"fox|owl|animal"`, in the order of the files."""
        keys = _choices(wanted)
        found = [k for k in self.kinds.values() if k.name in keys or k.group in keys]
        self._all_known(keys, {k.name for k in found} | {k.group for k in found}, "kind", where)
        return found

    def things_of(self, wanted: str, where: str) -> list[Thing]:
        """The things named in `"kite|drum|treasure"`."""
        keys = _choices(wanted)
        found = [t for t in self.things.values() if t.noun in keys or keys & set(t.groups)]
        self._all_known(keys, {t.noun for t in found} | {g for t in found for g in t.groups}, "object", where)
        return found

    def places_of(self, wanted: str, where: str) -> list[Place]:
        """The places named in `"pond|outdoors"`."""
        keys = _choices(wanted)
        found = [p for p in self.places.values() if p.key in keys or keys & set(p.groups)]
        self._all_known(keys, {p.key for p in found} | {g for p in found for g in p.groups}, "place", where)
        return found

    @staticmethod
    def _all_known(keys: set[str], known: set[str], what: str, where: str) -> None:
        if missing := sorted(keys - known):
            raise StorytellerError(f"{where}: there is no {what} or group of that name in data/words: {missing[0]!r}.")


@cache
def lexicon() -> Lexicon:
    """The lexicon that ships with the package, read once."""
    return read_lexicon(DATA / "words")


def read_lexicon(folder: Path) -> Lexicon:
    """Read every `*.toml` of a folder.

    Raises:
        StorytellerError: a faulty file; the message names it and the key.
    """
    words = Lexicon()
    tables = [(path.name, read_toml(path)) for path in sorted(folder.glob("*.toml"), key=lambda path: path.name)]
    readers = {
        "names": _read_names,
        "kin": _read_kin,
        "kinds": _read_kinds,
        "marks": _read_marks,
        "objects": _read_objects,
        "places": _read_places,
        "phrases": _read_phrases,
    }
    for file, data in tables:
        if unknown := [key for key in data if key not in readers]:
            raise StorytellerError(f"{file}: unknown table [{unknown[0]}]; known are {', '.join(readers)}.")
    for table, reader in readers.items():  # objects need every file's marks, so table by table
        for file, data in tables:
            for key, value in data.get(table, {}).items():
                reader(words, key, value, f"{file}, {table}.{key}")
    return words


def read_toml(path: Path) -> dict[str, Any]:
    """Read one TOML file, with a clear error where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StorytellerError(f"{path.name} is not valid TOML: {error}.") from None


def _choices(text: str) -> set[str]:
    return {part.strip() for part in text.split("|")}


def _need(value: Mapping[str, Any], key: str, where: str) -> str:
    if not isinstance(value.get(key), str):
        raise StorytellerError(f"{where} needs the key {key!r} with a text.")
    return str(value[key])


def _read_names(words: Lexicon, group: str, value: Any, where: str) -> None:
    for pronoun in ("he", "she"):
        for name in value.get(pronoun, "").split():
            if words.pronouns.setdefault(name, pronoun) != pronoun:
                raise StorytellerError(f"{where}: {name} is {pronoun!r} here and another pronoun elsewhere.")
            if name.endswith("s"):
                raise StorytellerError(f'{where}: {name} ends in s, so "{name}\'s" would read badly.')
            words.names.setdefault(group, {}).setdefault(pronoun, []).append(name)


def _read_kin(words: Lexicon, pronoun: str, value: Any, where: str) -> None:
    for name in value.split("|"):
        words.kin[name.strip()] = words.pronouns[name.strip()] = pronoun


def _read_kinds(words: Lexicon, name: str, value: Any, where: str) -> None:
    group = _need(value, "group", where)
    if name in words.kinds:
        raise StorytellerError(f"{where}: this kind is there already.")
    own = {k: parse_pool(v, f"{where}.{k}") for k, v in value.items() if k not in ("group", "pronoun", "names")}
    words.kinds[name] = Kind(name, group, value.get("pronoun", ""), value.get("names", group), own)


def _read_marks(words: Lexicon, group: str, value: Any, where: str) -> None:
    words.marks.setdefault(group, []).extend(mark.strip() for mark in value.split("|"))


def _read_objects(words: Lexicon, group: str, value: Any, where: str) -> None:
    for noun, classes in value.items():
        marks: list[str] = []
        for name in classes.split():
            if name not in words.marks:
                raise StorytellerError(f"{where}.{noun}: there is no [marks] class {name!r}.")
            marks += words.marks[name]
        old = words.things.get(noun, Thing(noun, (), ()))  # an object may be in several groups, in several files
        words.things[noun] = Thing(noun, (*old.groups, group), tuple(dict.fromkeys((*old.marks, *marks))))


def _read_places(words: Lexicon, key: str, value: Any, where: str) -> None:
    if key in words.places:
        raise StorytellerError(f"{where}: this place is there already.")
    words.places[key] = Place(
        name=value.get("name", f"the {key}"),
        key=key,
        groups=tuple(_need(value, "group", where).split()),
        at=_need(value, "at", where),
        to=_need(value, "to", where),
        details=parse_pool(_need(value, "details", where), f"{where}.details"),
    )


def _read_phrases(words: Lexicon, key: str, value: Any, where: str) -> None:
    if key in words.phrases:
        raise StorytellerError(f"{where}: this phrase is there already.")
    words.phrases[key] = parse_pool(value, where)
