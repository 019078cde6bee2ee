"""Predictions: a student commits to an outcome before a run, and the next cell says what was said and what came.

    predict("first_merge", ["t h", "h e", "space t"], mine=None)  # the student puts a letter in the place of None
    ...
    reveal("first_merge", "space t")                              # at the end of the cell that runs it

A prediction is a letter in a cell and nothing else, so it needs no widget, stays in the saved notebook and runs
anywhere. Nothing waits for it: without one, `reveal` says what came. The first that is made of each counts; `progress`
shows how many came true.
"""

from collections.abc import Sequence
from typing import Any

from storyteller_course.exercises.recall import LETTERS
from storyteller_course.notebook.check import display_card
from storyteller_course.notebook.locate import current_lesson, is_own
from storyteller_course.notebook.progress_store import ProgressStore
from storyteller_course.report import card

_asked: dict[str, tuple[list[str], str]] = {}  # by name: the choices and what was said, "" where nothing was


def predict(name: str, choices: Sequence[Any], mine: str | None = None) -> None:
    """Say what you expect: put the letter of your choice in the place of `None`.

    Args:
        name: of the prediction.
        choices: what may come; the first is a, the second b.
        mine: the letter of yours.
    """
    texts = [str(one) for one in choices]
    letters = LETTERS[: len(texts)]
    letter = mine.strip().lower() if isinstance(mine, str) else ""
    said = texts[letters.index(letter)] if letter and letter in letters else ""
    _asked[name] = texts, said
    listed = " · ".join(f"{one}: {text}" for one, text in zip(letters, texts, strict=False))
    if said:
        line = f"You say {letter}: {said}. Run the next cell."
    elif mine is None:
        line = "What do you expect? Put a letter in the place of None and run this cell again, or go on without."
    else:
        line = f"{mine!r} is none of the letters {', '.join(letters)}."
    _show([listed, line])


def reveal(name: str, came: Any) -> None:
    """Say what was predicted and what came.

    Args:
        name: of the prediction.
        came: the outcome; one of the choices, as a rule.
    """
    texts, said = _asked.get(name, ([], ""))
    outcome = str(came)
    place = f"{LETTERS[texts.index(outcome)]}: " if outcome in texts else ""
    if said:
        yours = f"{LETTERS[texts.index(said)]}: {said}"
        line = f"You said {yours}, and so it is." if said == outcome else f"You said {yours}. It is {place}{outcome}."
        lesson = current_lesson()
        if lesson is not None and is_own(lesson):
            ProgressStore.find(lesson.folder).note_prediction(lesson.name, name, came_true=said == outcome)
    else:
        line = f"It is {place}{outcome}. You have made no prediction."
    _show([line])


def _show(lines: list[str]) -> None:
    body = "".join(f'<div class="sty-say">{card.prose(line)}</div>' for line in lines)
    display_card(card.wrap(body), "\n".join(lines))
