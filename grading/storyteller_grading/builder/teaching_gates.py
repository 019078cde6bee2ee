"""What a lesson may not give away before the student types, and how wide and long its code cells may be.

A lesson whose front matter says `before_teaching_gates: true` is not held to it yet.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from storyteller_course import Exercise, Lesson
from storyteller_course.exercises.lesson import CHECKS
from storyteller_course.exercises.scaffold import steps_in_words
from storyteller_grading.builder.lesson_markdown import BuildError, Piece
from storyteller_grading.builder.nbgrader_release import stub
from storyteller_grading.builder.solution_regions import MarkedAnswer

MAX_DEMO_LINES = 24  # of a cell that shows something
MAX_COLUMNS = 88  # of any code that a student reads: JupyterLab shows no more on a laptop
MIN_TOLD_WORDS = 3  # that a step shares with the explanation of a mistake, and the docstring does not have

# A minus counts beside a number or a bracket only: between words it is a dash.
_OPERATOR = re.compile(
    r"(?<=[\w)\]}]) (?:[+*/@%]|//|[<>]=|==|!=|[<>]) (?=[\w(\[{-])|\*\*"
    r"|(?<=[\d)\]}]) - (?=\w)|(?<=\w) - (?=[\d(\[{])"
)
_CALL = re.compile(r"[A-Za-z_]\w*\(\w")
_SHAPE = re.compile(r"\([A-Z]\w*(?: ?[,*·] ?\w+)*,?\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_SMALL = frozenset(
    [
        "a",
        "an",
        "all",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "each",
        "every",
        "for",
        "from",
        "has",
        "have",
        "in",
        "into",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "one",
        "only",
        "or",
        "so",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "they",
        "this",
        "to",
        "what",
        "when",
        "where",
        "which",
        "with",
        "you",
        "your",
    ]
)
_THINK = re.compile(r"questions? to think about", re.IGNORECASE)

Answers = Mapping[str, tuple[Exercise, MarkedAnswer]]


def check_teaching(pieces: Sequence[Piece], answers: Answers, lesson: Lesson, path: Path) -> None:
    """Raise a BuildError where the lesson gives an answer away, or shows code that is too long or too wide to read."""
    _check_code_cells(pieces, path)
    prose: list[str] = []
    for piece in pieces:
        if piece.kind == "text":
            prose.append(piece.source)
        elif piece.kind == "exercise":
            exercise, answer = answers[piece.name]
            if not exercise.questions:
                check_scaffold(exercise, answer, "\n".join(prose), lesson)
            prose = []
    text = "\n".join(piece.source for piece in pieces if piece.kind == "text")
    if thinking := _THINK.search(text):
        below = text[thinking.end() :].split("\n**Further reading**")[0]
        asked = len(re.findall(r"^\d+\. ", re.sub(r"<details>.*?</details>", "", below, flags=re.DOTALL), re.MULTILINE))
        if below.count("<details>") < asked:
            line = next((one.line for one in pieces if _THINK.search(one.source)), 1)
            raise BuildError(path, line, f"of {asked} questions to think about each has its answer in <details>.")


def _check_code_cells(pieces: Sequence[Piece], path: Path) -> None:
    for piece in pieces:
        if piece.kind != "code":
            continue
        lines = piece.source.split("\n")
        if len(lines) > MAX_DEMO_LINES and "setup" not in piece.tags:
            raise BuildError(path, piece.line, f"a cell of {len(lines)} lines; at most {MAX_DEMO_LINES} are read.")
        for number, line in enumerate(lines):
            if len(line) > MAX_COLUMNS:
                raise BuildError(path, piece.line + number, f"{len(line)} columns; at most {MAX_COLUMNS} are seen.")


def check_scaffold(exercise: Exercise, answer: MarkedAnswer, prose: str, lesson: Lesson) -> None:
    """The same for one exercise.

    Args:
        exercise: any but a recall.
        answer: its answer.
        prose: the texts between the exercise before it and this one.
        lesson: whose exercise it is.
    """
    place = answer.path, answer.line
    lines = answer.source.split("\n")
    for start, stop in reversed(answer.regions):  # what the student finds in the places of the answer
        margin = " " * (len(lines[start]) - len(lines[start].lstrip()))
        told = stub(exercise.name, "\n".join(lines[start:stop]), margin, exercise.scaffold).split("\n")[:-1]
        lines[start:stop] = [] if exercise.bug_hunt else told
    for number, line in enumerate(lines):
        if len(line) > MAX_COLUMNS:
            raise BuildError(answer.path, answer.line + number, f"{len(line)} columns; at most {MAX_COLUMNS} are seen.")
    if exercise.bug_hunt:
        return
    if exercise.scaffold == "steps" and exercise.stars > 1:
        where = lesson.folder / CHECKS / f"{exercise.name}.py"
        raise BuildError(where, 1, f'{exercise.name!r} has {exercise.stars} stars: scaffold="goal" or "blank".')
    if exercise.scaffold == "blank":
        given = [line.strip() for line in lines if not line.lstrip().startswith(("def ", "class ", "#", "@"))]
        shown = [*given, *_INLINE.findall(_BLOCK.sub("", prose)), *(code for code in _BLOCK.findall(prose))]
        if formula := formula_in(shown):
            raise BuildError(*place, f"{exercise.name!r} is blank, and its docstring or prose has code: {formula!r}.")
    if exercise.scaffold == "steps":
        known = " ".join(line for line in lines if not line.lstrip().startswith("#"))
        for step in steps_in_words(answer.source):
            for wrong in lesson.mistakes(exercise.name):
                shared = words_in_common(step, wrong.explanation, known=known)
                if len(shared) >= MIN_TOLD_WORDS:
                    text = f"the step {step!r} tells what the mistake {wrong.name!r} explains: {', '.join(shared)}."
                    raise BuildError(*place, text)


def formula_in(lines: Iterable[str]) -> str:
    """The first of these lines that computes something in code: two operators, or one beside a call; "" if none.

    >>> formula_in(["Gives x / sqrt(mean) back.", "The id 256 + r, of shape (B, T * H)."])
    'Gives x / sqrt(mean) back.'
    """
    for line in lines:
        text = _SHAPE.sub("", line.replace("->", "→"))
        operators = len(_OPERATOR.findall(text))
        if operators > 1 or (operators and _CALL.search(text)):
            return line
    return ""


def words_in_common(step: str, explanation: str, *, known: str) -> list[str]:
    """The words that a step and the explanation of a mistake share, but for small ones and those of a known text.

    >>> words_in_common("Replace the longest keys first.", "Replaced first, it eats others.", known="keys")
    ['first', 'replac']
    """
    shared = _stems(step) & _stems(explanation) - _stems(known)
    return sorted(shared)


def _stems(text: str) -> set[str]:
    words = set(re.findall(r"[a-z]\w+", text.lower())) - _SMALL
    return {re.sub(r"(?:es|ed|e|s)$", "", word) if len(word) > 3 else word for word in words}
