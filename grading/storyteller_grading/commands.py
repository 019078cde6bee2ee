"""The commands `build` and `new`; each imports what it needs inside its body."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

_AT_ONCE = 2  # notebooks that run side by side
_AT_MOST = 10  # cells of a lesson that are named


def build(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="Numbers or names, such as 01; all when left out.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what has drifted, write nothing.")] = False,
    sources: Annotated[bool, typer.Option("--sources", help="With --check: do not execute, compare sources.")] = False,
) -> None:
    """Make the lessons' notebooks from their sources, or say which have drifted."""
    from storyteller_grading.paths import find_lessons, lessons_folder

    home = lessons_folder()
    folders, solutions = find_lessons(home, lessons), home.parent / "solutions"
    if not folders:
        print("There are no lessons yet: storyteller-grade new 01_name makes one.")
    elif check or sources:
        raise typer.Exit(_check(folders, solutions, run=not sources))
    else:
        from storyteller_grading.builder.build import build_lesson

        for folder in folders:
            print(build_lesson(folder, solutions), flush=True)


def new(name: Annotated[str, typer.Argument(help="Number and name, such as 06_rhymes.")]) -> None:
    """Make the files of a new lesson from a template that builds and passes."""
    from storyteller_grading.builder.scaffold import new_lesson
    from storyteller_grading.paths import lessons_folder

    folder = new_lesson(name, lessons_folder())
    print(f"Made {folder.parent.name}/{folder.name}. Next: storyteller-grade build {name[:2]}")


def _check(folders: list[Path], solutions: Path, *, run: bool) -> int:
    """Print what has drifted; the exit code."""
    from storyteller_grading.builder.drift import drift_of_outputs, drift_of_sources

    drifted = False
    for folder in folders:
        faults = drift_of_sources(folder, solutions)
        for fault in faults[:_AT_MOST]:
            print(f"drifted: {fault}", file=sys.stderr)
        if len(faults) > _AT_MOST:
            print(f"drifted: {len(faults) - _AT_MOST} more cells of {folder.name}.", file=sys.stderr)
        drifted = drifted or bool(faults)
    if drifted or not run:
        return int(drifted)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # The last lesson trains for the longest: beside it the others have time to finish.
        for cost in pool.map(lambda folder: drift_of_outputs(folder, solutions), reversed(folders)):
            print(cost, flush=True)
            for fault in cost.faults:
                print(fault, file=sys.stderr)
            if cost.too_much:
                print(f"{cost.lesson} takes more than four times its budget.", file=sys.stderr)
            drifted = drifted or bool(cost.faults) or cost.too_much
    return int(drifted)
