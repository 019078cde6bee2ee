"""The command `build`: makes the lessons' notebooks, or says which have drifted."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

PARALLEL_NOTEBOOKS = 2
MAX_CELLS_NAMED = 10  # of a lesson


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
        raise typer.Exit(report_drift(folders, solutions, run=not sources))
    else:
        from storyteller_grading.builder.build import build_lesson

        for folder in folders:
            print(build_lesson(folder, solutions), flush=True)


def report_drift(folders: list[Path], solutions: Path, *, run: bool) -> int:
    """Print what has drifted; the exit code.

    Args:
        folders: the lessons'.
        solutions: the folder with their solved notebooks.
        run: execute the notebooks too, where all sources agree.
    """
    from storyteller_grading.builder.drift import drift_of_outputs, drift_of_sources

    drifted = False
    for folder in folders:
        faults = drift_of_sources(folder, solutions)
        for fault in faults[:MAX_CELLS_NAMED]:
            print(f"drifted: {fault}", file=sys.stderr)
        if len(faults) > MAX_CELLS_NAMED:
            print(f"drifted: {len(faults) - MAX_CELLS_NAMED} more cells of {folder.name}.", file=sys.stderr)
        drifted = drifted or bool(faults)
    if drifted or not run:
        return int(drifted)
    with ThreadPoolExecutor(PARALLEL_NOTEBOOKS) as pool:
        # The last lesson trains for the longest: beside it the others have time to finish.
        for cost in pool.map(lambda folder: drift_of_outputs(folder, solutions), reversed(folders)):
            print(cost, flush=True)
            for fault in cost.faults:
                print(fault, file=sys.stderr)
            if cost.too_much:
                print(f"{cost.lesson} takes more than four times its budget.", file=sys.stderr)
            drifted = drifted or bool(cost.faults) or cost.too_much
    return int(drifted)
