"""The judge inside a Gradescope container: a student's notebook in, `results/results.json` out.

    python -m storyteller_grading.judge.gradescope /autograder

    /autograder/source/        what `release.gradescope` packed: settings.json, the lesson, the secret
    /autograder/submission/    what the student handed in
    /autograder/results/       gets results.json

The form of results.json is Gradescope's "Autograder Specifications"
(https://gradescope-autograders.readthedocs.io/en/latest/specs/). What is printed here, only instructors see there.
Without a results.json Gradescope says that the autograder failed, and nobody gets points: so it is where no sandbox
holds, for there a student's code could write its own points.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import read_json, write_whole
from storyteller_course.exercises.lesson import load_lesson
from storyteller_course.report import card
from storyteller_course.report.safe_repr import clean
from storyteller_grading.judge.judge import SubmissionResult, blank_result, judge_notebook
from storyteller_grading.judge.report import shown

SOURCE, SUBMISSION, RESULTS = "source", "submission", "results/results.json"
SETTINGS, SECRET = "settings.json", "secret"
MAX_OUTPUT_CHARS = 20_000  # of an exercise, or of all notes
MAX_FILES = 2000  # of a submission, among which the notebook is looked for
WAY_OUT = "upload the autograder's zip again"


@dataclass(frozen=True)
class Settings:
    """What `settings.json` of the zip says."""

    lesson: str  # its name, and that of its folder in the zip
    draws: int  # of hidden inputs for each case
    unsafe: bool  # go on where no sandbox holds

    @classmethod
    def read(cls, source: Path) -> "Settings":
        """The settings in a folder.

        Raises:
            StorytellerError: there are none, or others.
        """
        data = read_json(source / SETTINGS, way_out=WAY_OUT)
        try:
            return cls(str(data["lesson"]), int(data["draws"]), bool(data["unsafe"]))
        except (KeyError, TypeError, ValueError):
            raise StorytellerError(f"{source / SETTINGS} has not lesson, draws and unsafe: {WAY_OUT}.") from None


def main(arguments: Sequence[str]) -> int:
    """Grade what lies below a folder; the exit code."""
    root = Path(arguments[0] if arguments else "/autograder")
    try:
        result = grade(root)
    except StorytellerError as error:  # without results.json, so that Gradescope says that the autograder failed
        print(error, file=sys.stderr)
        return 2
    write_whole(root / RESULTS, json.dumps(as_results(result), indent=1) + "\n")
    print(f"{result.earned} of {result.points} points; the sandbox: {', '.join(result.layers) or 'none'}.")
    return 0


def grade(root: Path) -> SubmissionResult:
    """What the judge says of the submission below a folder.

    Raises:
        StorytellerError: the zip is not whole, or no sandbox holds.
    """
    source = root / SOURCE
    settings = Settings.read(source)
    lesson = load_lesson(source / settings.lesson)
    notebook, note = find_notebook(root / SUBMISSION, lesson.name)
    if notebook is None:
        return blank_result(f"{lesson.name}.ipynb", lesson, list(lesson.exercises.values()), fault=note)
    secret = (source / SECRET).read_text(encoding="ascii").strip()
    result = judge_notebook(notebook, lesson, secret=secret, draws=settings.draws, unsafe=settings.unsafe)
    if note:
        result.notes.insert(0, note)
    return result


def find_notebook(folder: Path, lesson: str) -> tuple[Path | None, str]:
    """The notebook that was handed in, and what is to be said of it; links are not followed."""
    found: list[Path] = []
    seen = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(files):
            seen += 1
            path = Path(place) / name
            if name.lower().endswith(".ipynb") and not name.startswith(".") and not path.is_symlink():
                found.append(path)
        if seen > MAX_FILES:
            break
    if not found:
        return None, f"There is no notebook in what was handed in: hand in {lesson}.ipynb."
    best = min(found, key=lambda path: (path.name != f"{lesson}.ipynb", len(path.parts), str(path)))
    if len(found) > 1:
        return best, f"{len(found)} notebooks were handed in; {best.name} was graded."
    return best, "" if best.name == f"{lesson}.ipynb" else f"Your notebook is called {best.name}, not {lesson}.ipynb."


def as_results(result: SubmissionResult) -> dict[str, Any]:
    """The result in the form of Gradescope's results.json: a test for each exercise.

    Students see every test at once: its text tells public inputs only, as their feedback pages do. Extra credit is a
    test of 0 points that can have more.
    """
    said = [clean(text, MAX_OUTPUT_CHARS) for text in (result.fault, *result.notes) if text]
    tests = []
    for number, exercise in enumerate(result.exercises, 1):
        bonus = exercise.name in result.bonus
        tests.append(
            {
                "name": f"{exercise.name} (extra credit)" if bonus else exercise.name,
                "number": str(number),
                "score": float(exercise.earned),
                "max_score": 0.0 if bonus else float(exercise.points),
                "status": "passed" if exercise.solved else "failed",
                "output": clean(card.text(shown(exercise)), MAX_OUTPUT_CHARS),
                "visibility": "visible",
            }
        )
    return {
        "score": float(result.earned + result.extra),
        "execution_time": round(result.seconds, 1),
        "output": "\n".join(said) or f"{result.earned} of {result.points} points by the checks.",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
