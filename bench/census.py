"""Counts what the code is like to read: `python -m bench.census`, or `make census`; one table, for this checkout.

    python -m bench.census                 # the table
    python -m bench.census --list grading  # the helpers that are called from one place: file:line and name

How it counts:

- The packages are the folders of `PACKAGES`, and every `*.py` below them but the small lesson in `TEMPLATE`: that is
  data for authors, one file an exercise, as in `lessons`.
- The median file leaves out `__init__.py` and `__main__.py` of fewer than 15 lines: they hold a docstring or a call.
- A helper is a function or method whose name begins with one underscore. It is called from one place where its name is
  used once, as a name or an attribute, outside of its own definition: in its package, or in its own file where other
  files define the same name. Handing it to another function is a use, like calling it.
- A way of calls is measured by running it. It has the frames of the project's own functions that are on the stack;
  those of Python, PyTorch and the student's cell do not count. Python 3.11 gives a comprehension a frame of its own;
  with 3.12 and later a way through one is shorter by that.
- The length of a file or function counts every line, docstrings and empty ones included.
- A line of an answer is secret as `storyteller_grading` has it. It stands in the wheel if a line of a file that the
  wheel is built from has it in it, white space aside.
"""

import argparse
import ast
import contextlib
import io
import os
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

import torch
from rich.console import Console
from torch.overrides import TorchFunctionMode

import storyteller
from bench.common import Row, show
from storyteller.config import ModelConfig
from storyteller.moe.layer import build_model
from storyteller_course import Lesson, check, load_lesson
from storyteller_course.notebook.shell import CheckFailed
from storyteller_grading.builder.build import answers_of, load_checked, secrets_of, without_open_book
from storyteller_grading.release.wheel import PARTS as WHEEL_SOURCES

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "library": "shared/storyteller",
    "course": "course/storyteller_course",
    "grading": "grading/storyteller_grading",
    "lessons": "lessons",
    "tests": "tests",
}
TEMPLATE = "grading/storyteller_grading/builder/template"  # what a new lesson begins as
WITH_HELPERS = ("library", "course", "grading")
LONG_FILE = 400  # lines: more is too long
SHORT_INIT = 15  # lines: an `__init__.py` or `__main__.py` below that is no file to read
TOP = 10  # how many of the longest
# What PyTorch calls a matrix product.
PRODUCTS = {"linear", "matmul", "__matmul__", "mm", "bmm", "addmm", "einsum", "grouped_mm", "_grouped_mm"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """One Python file: its length, its functions and methods, and how often each name is used in it."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
        self.path, self.n_lines, self.uses = path, len(text.splitlines()), uses_in(tree)
        self.functions = [node for node in ast.walk(tree) if isinstance(node, Function)]


def packages_of(root: Path) -> dict[str, list[Source]]:
    """The Python files of each package, in the order of their paths; none of a package that is not there."""
    template = root / TEMPLATE
    return {
        name: [Source(path) for path in sorted((root / folder).rglob("*.py")) if not path.is_relative_to(template)]
        for name, folder in PACKAGES.items()
    }


def median_lines(sources: Iterable[Source]) -> float:
    """Lines of the median file; 0 where there is none."""
    small = {"__init__.py", "__main__.py"}
    lines = [one.n_lines for one in sources if one.path.name not in small or one.n_lines >= SHORT_INIT]
    return statistics.median(lines) if lines else 0


def uses_in(tree: ast.AST) -> Counter[str]:
    """How often each name is used below a node, as a variable or as an attribute."""
    names: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif isinstance(node, ast.Attribute):
            names[node.attr] += 1
    return names


def called_from_one_place(sources: list[Source]) -> list[tuple[Source, Function]]:
    """The private helpers of a package that are used exactly once, each with its file."""
    homes: defaultdict[str, set[Path]] = defaultdict(set)
    uses: Counter[str] = Counter()
    for source in sources:
        uses += source.uses
        for function in source.functions:
            homes[function.name].add(source.path)
    found = []
    for source in sources:
        for function in source.functions:
            name = function.name
            if name.startswith("_") and not name.startswith("__"):
                within_reach = uses if len(homes[name]) == 1 else source.uses
                if within_reach[name] - uses_in(function)[name] == 1:
                    found.append((source, function))
    return found


def defined_in(path: Path) -> set[str]:
    """The functions and classes that a file defines itself, on its top level."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, Function | ast.ClassDef)}


def standing_in(text: str, lines: Iterable[str]) -> set[str]:
    """Those of some lines without white space that a line of the text has in it."""
    squeezed = "\n".join("".join(line.split()) for line in text.splitlines())
    return {line for line in lines if line in squeezed}


def project_calls() -> list[CodeType]:
    """The functions of the project's packages that are on the stack, the outermost first."""
    folders = [ROOT / folder for name, folder in PACKAGES.items() if name != "tests"]
    calls = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if any(Path(frame.f_code.co_filename).is_relative_to(folder) for folder in folders):
            calls.append(frame.f_code)
        frame = frame.f_back
    return calls[::-1]


class ExpertProduct(TorchFunctionMode):
    """While it is active: notes the way to the first matrix product with the weights of an expert."""

    def __init__(self, weights: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.storages = {weight.untyped_storage().data_ptr() for weight in weights}
        self.way: list[CodeType] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Look at one call of PyTorch, and carry it out."""
        if not self.way and func.__name__ in PRODUCTS:
            tensors = [value for value in (*args, *(kwargs or {}).values()) if isinstance(value, torch.Tensor)]
            if any(tensor.untyped_storage().data_ptr() in self.storages for tensor in tensors):
                self.way = project_calls()
        return func(*args, **(kwargs or {}))


def way_to_an_expert(n_tokens: int, *, training: bool) -> list[CodeType]:
    """The functions from `model(x)` to an expert's product, of a small Mixture of Experts."""
    model = build_model(
        ModelConfig(vocab_size=32, max_seq_len=8, d_model=16, n_layers=1, n_heads=2, n_kv_heads=2, d_ff=16)
    )
    stacked = [weight for weight in model.parameters() if weight.dim() == 3]  # only those of experts: (E, ., .)
    product = ExpertProduct(stacked)
    with torch.set_grad_enabled(training), product:
        model.train(training)(torch.arange(n_tokens)[None])
    if not product.way:
        raise RuntimeError("The model multiplied with no weight of an expert: mend PRODUCTS in bench/census.py.")
    return product.way


def way_to_a_student(lesson: Lesson, exercise: str) -> list[CodeType]:
    """The functions from `check(exercise)` to the student's own, on the longest way of all its calls."""
    ways: list[list[CodeType]] = []
    namespace: dict[str, Any] = {"check": check, "note": lambda: ways.append(project_calls())}
    cell = f"def {exercise}(*args, **kwargs):\n    note()\n\ncheck({exercise!r})"
    off = {"STORYTELLER_LESSON": str(lesson.folder), "STORYTELLER_STATE": "off"}  # no progress of anybody changes
    with patch.dict(os.environ, off), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(CheckFailed):
        exec(compile(cell, "<cell>", "exec"), namespace)
    return max(ways, key=len)


def secret_lines_in_wheel(lessons: list[Lesson]) -> list[tuple[bool, bool]]:
    """For each secret line of an answer: whether the library may not have it, and whether the wheel has it."""
    paths = [path for part in WHEEL_SOURCES for path in (ROOT / part, *(ROOT / part).rglob("*"))]
    files = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    wheel = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    found = []
    for lesson in lessons:
        secret = secrets_of(answers_of(load_checked(lesson.folder)))
        fenced = without_open_book(secret, lesson)
        there = standing_in(wheel, secret)
        found += [(line in fenced, line in there) for line in secret]
    return found


def _named(way: list[CodeType]) -> str:
    return f"{len(way)}: " + " > ".join(code.co_qualname.replace("<locals>.", "") for code in way)


def _sizes(groups: Mapping[str, list[Source]]) -> dict[str, str]:
    return {name: f"{len(group)} files, {sum(one.n_lines for one in group):,} lines" for name, group in groups.items()}


def counted(packages: dict[str, list[Source]], root: Path) -> list[Row]:
    """What can be read from the files alone."""
    library = root / PACKAGES["library"]
    parts: defaultdict[str, list[Source]] = defaultdict(list)
    for source in packages["library"]:
        folder, *below = source.path.relative_to(library).parts
        parts[folder if below else "(top folder)"].append(source)
    medians = {name: median_lines(packages[name]) for name in packages}
    once = {name: len(called_from_one_place(packages[name])) for name in WITH_HELPERS}
    of = {name: max(1, sum(len(one.functions) for one in packages[name])) for name in WITH_HELPERS}
    entries = sorted(library.iterdir())
    modules = [path.stem for path in entries if path.suffix == ".py" and not path.stem.startswith("__")]
    folders = [path.name for path in entries if (path / "__init__.py").is_file()]
    too_long = {name: sum(one.n_lines > LONG_FILE for one in group) for name, group in packages.items()}
    code = [one for name, group in packages.items() if name != "tests" for one in group]
    files = sorted(code, key=lambda source: -source.n_lines)[:TOP]
    functions = sorted(
        ((1 + (f.end_lineno or 0) - f.lineno, f, source) for source in code for f in source.functions),
        key=lambda found: -found[0],
    )[:TOP]
    return [
        Row("files and lines of Python", _sizes(packages)),
        Row("the library's, by what lies in its top folder", _sizes(dict(sorted(parts.items())))),
        Row(
            "lines of the median file",
            {name: f"{median:g}" for name, median in medians.items()},
            "150 to 250",
            all(150 <= medians[name] <= 250 for name in WITH_HELPERS),
        ),
        Row(
            "private helpers called from one place, share of all functions",
            {name: f"{once[name] / of[name]:.0%}, {once[name]} of {of[name]}" for name in WITH_HELPERS},
            "<= 10 % each",
            all(once[name] <= 0.1 * of[name] for name in WITH_HELPERS),
        ),
        Row(
            "entries of the library's top folder",
            {"all": len(modules) + len(folders), "modules": ", ".join(modules), "packages": ", ".join(folders)},
            "each says what it is",
        ),
        Row("longest files, tests aside", {str(one.path.relative_to(root)): one.n_lines for one in files}),
        Row(
            "longest functions, tests aside",
            {f"{f.name}, {one.path.relative_to(root)}:{f.lineno}": n for n, f, one in functions},
        ),
        Row(f"files over {LONG_FILE} lines", too_long, "0, tests aside", sum(too_long.values()) == too_long["tests"]),
    ]


def measured(lessons: list[Lesson]) -> list[Row]:
    """What is found by running the project's own functions."""
    ways = {
        "in training": way_to_an_expert(8, training=True),
        "without gradients": way_to_an_expert(8, training=False),
        "a single token": way_to_an_expert(1, training=False),
    }
    way = way_to_a_student(next(lesson for lesson in lessons if "count_pairs" in lesson.exercises), "count_pairs")
    n_files = len({code.co_filename for code in way})
    # The questions of a recall have no code, so no answer there.
    written = {lesson: {name for name, one in lesson.exercises.items() if not one.questions} for lesson in lessons}
    exercises = sum(map(len, written.values()))
    plain = sum(len(names & defined_in(lesson.folder / "reference.py")) for lesson, names in written.items())
    secret = secret_lines_in_wheel(lessons)
    kept = [pair for pair in secret if pair[0]]
    standing = {"all": secret, "the library's own functions aside": kept}
    return [
        Row(
            "calls from model(x) to an expert's product",
            {when: _named(calls) for when, calls in ways.items()},
            "<= 5",
            all(len(calls) <= 5 for calls in ways.values()),
        ),
        Row(
            'frames from check("count_pairs") to the student\'s function',
            {"files": n_files, "frames": _named(way)},
            "<= 9 in <= 5 files",
            len(way) <= 9 and n_files <= 5,
        ),
        Row(
            "exercises whose plain answer stands in reference.py",
            {"exercises": f"{plain} of {exercises}"},
            "all",
            plain == exercises,
        ),
        Row(
            "secret answer lines that stand verbatim in the wheel",
            {name: f"{sum(there for _, there in lines)} of {len(lines)}" for name, lines in standing.items()},
            "0, the library's own functions aside",
            not any(there for _, there in kept),
        ),
    ]


def main() -> None:
    """Parse the command line and print the table, or a list of helpers."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.census", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--list", choices=WITH_HELPERS, help="list the helpers of a package called from one place")
    package = parser.parse_args().list
    packages = packages_of(ROOT)
    if package:
        for source, function in called_from_one_place(packages[package]):
            print(f"{source.path.relative_to(ROOT)}:{function.lineno} {function.name}")
        return
    if not Path(storyteller.__file__).is_relative_to(ROOT):
        parser.error(f"storyteller is imported from {storyteller.__file__}, not from {ROOT}: install this checkout")
    lessons = [load_lesson(path.parent) for path in sorted((ROOT / "lessons").glob("*/lesson.md"))]
    show(Console(), "The census of this checkout", [*counted(packages, ROOT), *measured(lessons)])


if __name__ == "__main__":
    main()
