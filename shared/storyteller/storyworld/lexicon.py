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
        matches = [k for k in self.kinds.values() if k.name in keys or k.group in keys]
        self._all_known(keys, {k.name for k in matches} | {k.group for k in matches}, "kind", where)
        return matches

    def things_of(self, wanted: str, where: str) -> list[Thing]:
        """The things named in `"kite|drum|treasure"`."""
        keys = _choices(wanted)
        matches = [t for t in self.things.values() if t.noun in keys or keys & set(t.groups)]
        self._all_known(keys, {t.noun for t in matches} | {g for t in matches for g in t.groups}, "object", where)
        return matches

    def places_of(self, wanted: str, where: str) -> list[Place]:
        """The places named in `"pond|outdoors"`."""
        keys = _choices(wanted)
        matches = [p for p in self.places.values() if p.key in keys or keys & set(p.groups)]
        self._all_known(keys, {p.key for p in matches} | {g for p in matches for g in p.groups}, "place", where)
        return matches

    @staticmethod
    def _all_known(keys: set[str], known: set[str], what: str, where: str) -> None:
        if missing := sorted(keys - known):
            raise StorytellerError(f"{where}: there is no {what} or group of that name in data/words: {missing[0]!r}.")

    # --- what each table of a file adds: [names.GROUP], [kin], [kinds.NAME], [marks], [objects.GROUP], ... ----------

    def add_names(self, group: str, table: Any, where: str) -> None:
        """A group of names, by pronoun."""
        for pronoun in ("he", "she"):
            for name in table.get(pronoun, "").split():
                if self.pronouns.setdefault(name, pronoun) != pronoun:
                    raise StorytellerError(f"{where}: {name} is {pronoun!r} here and another pronoun elsewhere.")
                if name.endswith("s"):
                    raise StorytellerError(f'{where}: {name} ends in s, so "{name}\'s" would read badly.')
                self.names.setdefault(group, {}).setdefault(pronoun, []).append(name)

    def add_kin(self, pronoun: str, text: Any, where: str) -> None:
        """The relatives with one pronoun."""
        for name in text.split("|"):
            self.kin[name.strip()] = self.pronouns[name.strip()] = pronoun

    def add_kind(self, name: str, table: Any, where: str) -> None:
        """A kind of character, with its own phrases."""
        group = _text_of(table, "group", where)
        if name in self.kinds:
            raise StorytellerError(f"{where}: this kind is there already.")
        own = {k: parse_pool(v, f"{where}.{k}") for k, v in table.items() if k not in ("group", "pronoun", "names")}
        self.kinds[name] = Kind(name, group, table.get("pronoun", ""), table.get("names", group), own)

    def add_marks(self, group: str, text: Any, where: str) -> None:
        """A class of adjectives."""
        self.marks.setdefault(group, []).extend(mark.strip() for mark in text.split("|"))

    def add_objects(self, group: str, table: Any, where: str) -> None:
        """A group of objects; one may be in several groups, in several files."""
        for noun, classes in table.items():
            marks: list[str] = []
            for name in classes.split():
                if name not in self.marks:
                    raise StorytellerError(f"{where}.{noun}: there is no [marks] class {name!r}.")
                marks += self.marks[name]
            known = self.things.get(noun, Thing(noun, (), ()))
            self.things[noun] = Thing(noun, (*known.groups, group), tuple(dict.fromkeys((*known.marks, *marks))))

    def add_place(self, key: str, table: Any, where: str) -> None:
        """A place."""
        if key in self.places:
            raise StorytellerError(f"{where}: this place is there already.")
        self.places[key] = Place(
            name=table.get("name", f"the {key}"),
            key=key,
            groups=tuple(_text_of(table, "group", where).split()),
            at=_text_of(table, "at", where),
            to=_text_of(table, "to", where),
            details=parse_pool(_text_of(table, "details", where), f"{where}.details"),
        )

    def add_phrase(self, key: str, text: Any, where: str) -> None:
        """A phrase that every genre may use."""
        if key in self.phrases:
            raise StorytellerError(f"{where}: this phrase is there already.")
        self.phrases[key] = parse_pool(text, where)


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
    files = [(path.name, read_toml(path)) for path in sorted(folder.glob("*.toml"), key=lambda path: path.name)]
    tables = {
        "names": words.add_names,
        "kin": words.add_kin,
        "kinds": words.add_kind,
        "marks": words.add_marks,
        "objects": words.add_objects,
        "places": words.add_place,
        "phrases": words.add_phrase,
    }
    for file, data in files:
        if unknown := [key for key in data if key not in tables]:
            raise StorytellerError(f"{file}: unknown table [{unknown[0]}]; known are {', '.join(tables)}.")
    for table, add in tables.items():  # objects need every file's marks, so table by table
        for file, data in files:
            for key, value in data.get(table, {}).items():
                add(key, value, f"{file}, {table}.{key}")
    return words


def read_toml(path: Path) -> dict[str, Any]:
    """Read one TOML file, with a clear error where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StorytellerError(f"{path.name} is not valid TOML: {error}.") from None


def _choices(text: str) -> set[str]:
    return {part.strip() for part in text.split("|")}


def _text_of(table: Mapping[str, Any], key: str, where: str) -> str:
    if not isinstance(table.get(key), str):
        raise StorytellerError(f"{where} needs the key {key!r} with a text.")
    return str(table[key])
