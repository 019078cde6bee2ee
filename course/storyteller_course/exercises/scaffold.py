"""How much the cell of an exercise tells, and the steps of its answer.

steps   a TODO for each step of the answer: for the first exercise of its kind
goal    one sentence that says what is to be reached, the comment `# Goal: ...` of the answer
blank   signature and docstring, and no formula in either

The steps are the comments `# Step 1: ...` of the answer in `reference.py`. Where the cell does not tell them, they are
the first hint. A class has no `reference.py`; `steps.json` has the steps for it.
"""

import io
import json
import re
import textwrap
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from storyteller.errors import StorytellerError

Scaffold = Literal["steps", "goal", "blank"]
SCAFFOLDS = get_args(Scaffold)
STEP = re.compile(r"#\s*Step (\d+):\s*(.*)")
GOAL = re.compile(r"#\s*Goal:\s*(.*)")


def steps_of(region: str) -> list[tuple[str, int]]:
    """The lines of a region's TODOs, and the number of the step that each belongs to.

    A comment that follows a step's comment at once belongs to it.
    """
    todos: list[tuple[str, int]] = []
    before = -1
    for number, text in sorted(comments_of(textwrap.dedent(region)).items()):
        step = STEP.match(text)
        if step:
            todos.append((f"# TODO {step[1]}: {step[2]}", int(step[1])))
        elif number == before + 1 and not GOAL.match(text):
            todos.append((text, todos[-1][1]))
        else:
            continue
        before = number
    return todos


def goal_of(region: str) -> list[str]:
    """The lines of the TODO that a region's comment `# Goal: ...` becomes; none where it has no such comment."""
    todo: list[str] = []
    before = -1
    for number, text in sorted(comments_of(textwrap.dedent(region)).items()):
        goal = GOAL.match(text)
        if goal:
            todo.append(f"# TODO: {goal[1]}")
        elif todo and number == before + 1 and not STEP.match(text):
            todo.append(text)
        else:
            continue
        before = number
    return todo


def steps_in_words(source: str) -> list[str]:
    """The steps of an answer, each as a text of one line."""
    steps: dict[int, list[str]] = {}
    for line, number in steps_of(source):
        steps.setdefault(number, []).append(re.sub(r"^#\s*(TODO \d+:)?\s*", "", line))
    return [" ".join(lines) for lines in steps.values()]


def steps_hint(steps: Sequence[str]) -> str:
    """The first hint of an exercise whose cell does not tell the steps."""
    return "\n".join(["The steps of the course's answer:", *(f"{n}. {text}" for n, text in enumerate(steps, 1))])


def pack_steps(steps: dict[str, list[str]]) -> bytes:
    """The content of `steps.json`."""
    return (json.dumps(steps, ensure_ascii=False, indent=1) + "\n").encode()


def unpack_steps(path: Path) -> dict[str, list[str]]:
    """The steps in a `steps.json`, by exercise.

    Raises:
        StorytellerError: the file is damaged.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [str(step) for step in steps] for name, steps in read.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise StorytellerError(
            f"{path} is damaged ({error}): take it once more out of the lesson that was handed out to you."
        ) from error


def comments_of(source: str) -> dict[int, str]:
    """Line number and text of each comment that has its line for itself."""
    lines = source.split("\n")
    comments = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source + "\n").readline):
            if token.type == tokenize.COMMENT and lines[token.start[0] - 1].strip() == token.string:
                comments[token.start[0]] = token.string
    except (tokenize.TokenError, SyntaxError, UnicodeError):
        # A region alone may not be a whole program; then lines that begin with # are its comments.
        comments = {number: text.strip() for number, text in enumerate(lines, 1) if text.strip().startswith("#")}
    return comments
