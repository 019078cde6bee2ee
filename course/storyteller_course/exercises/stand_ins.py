"""What stands in for an exercise that is not solved yet: the library's function, or the reference's plain answer.

An exercise may name the library's function with its very signature (`Exercise(stand_in=...)`). For the others the plain
answers of the lesson's `reference.py` stand in, cut into pieces, so that any of them can be taken without another:

    answers = PlainAnswers.read(text)  # of reference.py; in a class release, `unpack_answers` of stand_ins.zip
    answers.source(["encode_word"], without="merge_pair")

A class has no `reference.py`; `stand_ins.zip` has the pieces, compressed: a member for each.
"""

import ast
import hashlib
import importlib
import sys
import types
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import zipped

STAND_INS = "storyteller_course.stand_ins"  # how the names of their modules begin; no file has such a name
IMPORTS = "(imports)"  # the member of stand_ins.zip that all others need
STUDENT = "_student"  # what a stand-in calls the names of the student's code by


def resolve(name: str) -> Any:
    """What a dotted name stands for.

    Raises:
        StorytellerError: it stands for nothing.
    """
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        try:
            for part in parts[cut:]:
                value = getattr(value, part)
        except AttributeError:
            break
        return value
    raise StorytellerError(f"{name!r}, which an exercise names, stands for nothing; mend its file in checks/.")


@dataclass(frozen=True)
class PlainAnswers:
    """A reference module, cut into the pieces at its top level."""

    imports: str = ""
    pieces: Mapping[str, str] = field(default_factory=dict)  # what defines a name, in the module's order

    @classmethod
    def read(cls, source: str) -> "PlainAnswers":
        """Cut the text of a `reference.py`."""
        imports, pieces, lines = [], {}, source.splitlines(keepends=True)
        for node in ast.parse(source).body:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            text = "".join(lines[first - 1 : node.end_lineno])
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports.append(text)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                pieces[node.name] = text
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                pieces[ast.unparse(target)] = text
        return cls("".join(imports), pieces)

    @property
    def digest(self) -> str:
        """It changes when any piece does."""
        parts = [self.imports, *(part for piece in self.pieces.items() for part in piece)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def without(self, names: Iterable[str]) -> "PlainAnswers":
        """The same, but for some pieces."""
        left_out = set(names)
        return PlainAnswers(self.imports, {name: one for name, one in self.pieces.items() if name not in left_out})

    def needed(self, names: Iterable[str], *, without: str = "") -> list[str]:
        """These pieces and all that they use, in the module's order; a piece that is left out is not looked into."""
        found: set[str] = set()
        waiting = [name for name in names if name in self.pieces]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                if name != without:
                    used = {node.id for node in ast.walk(ast.parse(self.pieces[name])) if isinstance(node, ast.Name)}
                    waiting += sorted((used & self.pieces.keys()) - found)
        return [name for name in self.pieces if name in found]

    def source(self, names: Iterable[str], *, without: str = "") -> str:
        """The text of a module that defines these names.

        Args:
            names: of the pieces to have.
            without: a piece that must not stand in it; whoever calls it gets the student's own function of that name.
        """
        own = f"def {without}(*args, **options):\n    return {STUDENT}[{without!r}](*args, **options)\n"
        wanted = self.needed((name for name in names if name != without), without=without)
        return "\n".join([self.imports, *(own if name == without else self.pieces[name] for name in wanted)])


def define(module: str, source: str, library: Mapping[str, str], student: Mapping[str, Any]) -> dict[str, Any]:
    """The names of a module of stand-ins.

    Args:
        module: its name.
        source: from `PlainAnswers.source`.
        library: dotted names of the library's functions, by exercise.
        student: the names of the student's code.
    """
    namespace = {"__name__": module, STUDENT: student, **{name: resolve(dotted) for name, dotted in library.items()}}
    # Its lines are not kept: they are answers, which no traceback need show.
    exec(compile(source, f"<{module}>", "exec"), namespace)
    return namespace


def load(module: str, answers: PlainAnswers, library: Mapping[str, str]) -> types.ModuleType:
    """The module of all stand-ins of a lesson, which stays the same as long as they do."""
    if module not in sys.modules:
        made = types.ModuleType(module)
        vars(made).update(define(module, answers.source(answers.pieces), library, {}))
        sys.modules[module] = made  # where the names of forbidden calls are looked up
    return sys.modules[module]


def pack_answers(answers: PlainAnswers) -> bytes:
    """The content of `stand_ins.zip`; the same for the same pieces."""
    numbered = {f"{number:03d} {name}": text for number, (name, text) in enumerate(answers.pieces.items())}
    return zipped({name: text.encode() for name, text in {IMPORTS: answers.imports, **numbered}.items()})


def unpack_answers(path: Path) -> PlainAnswers:
    """The pieces in a `stand_ins.zip`.

    Raises:
        StorytellerError: the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name).decode() for name in sorted(archive.namelist())}
        return PlainAnswers(texts.pop(IMPORTS), {name.partition(" ")[2]: text for name, text in texts.items()})
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, KeyError) as error:
        raise StorytellerError(
            f"{path} is damaged ({error}): take it once more out of the lesson that was handed out to you."
        ) from error
