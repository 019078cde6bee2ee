"""Which answers hold a text of the course's own: of the library, of what stands in for exercises, or of the checks.

Whoever pastes such a text has the points and not the work, and `similar_pairs` takes it away before it compares two
students. So it is looked for by itself. A text is found under new names, without its annotations, with other comments
and other numbers; it is evidence and no verdict.
"""

import ast
import contextlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from storyteller_course.exercises.exercise import Exercise
from storyteller_course.exercises.lesson import CHECKS, Lesson
from storyteller_course.exercises.stand_ins import PlainAnswers, resolve
from storyteller_grading.classroom.reports.fingerprints import fingerprints, readable
from storyteller_grading.judge.notebooks import read_release

MIN_FINGERPRINTS = 20  # of a text; what is shorter many write in the same way
MIN_SHARE = 0.9  # of a text's fingerprints that an answer has


@dataclass(frozen=True)
class CourseText:
    """An answer that has a text of the course's in it."""

    student: str
    exercise: str
    origin: str  # where the text stands
    share: float  # of its fingerprints that the answer has
    how: str = ""  # how much it was changed, in words, where that is known
    text: str = ""  # the course's, where it shall be shown


def stand_in_text(exercise: Exercise) -> str:
    """The library's function that stands in for an exercise; empty where it has none."""
    value = resolve(exercise.stand_in) if exercise.stand_in else None
    return inspect.getsource(value) if inspect.isfunction(value) or inspect.isclass(value) else ""


def course_texts(lesson: Lesson) -> dict[str, str]:
    """The texts of the course that answer something, by where they stand."""
    texts: dict[str, str] = {}
    for exercise in lesson.exercises.values():
        for dotted in dict.fromkeys(filter(None, (exercise.stand_in, exercise.in_library))):
            value = resolve(dotted)
            if inspect.isfunction(value) or inspect.isclass(value):
                texts[dotted] = inspect.getsource(value)
    texts |= {f"the course's own {name}": text for name, text in lesson.plain.pieces.items()}
    for path in sorted((lesson.folder / CHECKS).glob("*.py")):
        pieces = PlainAnswers.read(path.read_text(encoding="utf-8")).pieces
        texts |= {f"{CHECKS}/{path.name}: {name}": text for name, text in pieces.items()}
    return texts


def given_texts(lesson: Lesson) -> dict[str, list[str]]:
    """Of each exercise the cell that was given."""
    texts: dict[str, list[str]] = {name: [] for name in lesson.exercises}
    for cell in read_release(lesson.notebook).cells:
        if cell.role == "answer" and cell.exercise in texts:
            texts[cell.exercise].append(cell.source)
    return texts


class _WithoutAnnotations(ast.NodeTransformer):
    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return self.generic_visit(ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else node)


def plain_form(text: str) -> str:
    """A text without its annotations; one that Python cannot read as it is."""
    text = readable(text)
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        text = ast.unparse(_WithoutAnnotations().visit(ast.parse(text)))
    return text


def own_marks(text: str) -> frozenset[int]:
    """The fingerprints of a text without its annotations; of one that Python cannot read, of its tokens."""
    return frozenset(fingerprints(plain_form(text)).all)


@lru_cache(maxsize=8)  # lessons
def _marks(lesson: Lesson) -> tuple[dict[str, frozenset[int]], dict[str, frozenset[int]]]:
    """The fingerprints of the course's texts, and by exercise those of what every student was given."""
    course = {origin: own_marks(text) for origin, text in course_texts(lesson).items()}
    given = {
        exercise: frozenset[int]().union(*map(own_marks, texts)) for exercise, texts in given_texts(lesson).items()
    }
    return course, given


def find_course_texts(answers: Mapping[str, Mapping[str, str]], lesson: Lesson) -> list[CourseText]:
    """The answers that have one of the course's texts in them, of each the text that is most like it.

    Args:
        answers: by student and exercise.
        lesson: whose library, stand-ins and checks are looked at; what every student was given counts for nothing.
    """
    marks, given = _marks(lesson)
    found = []
    for student, by_exercise in answers.items():
        for exercise, text in by_exercise.items():
            theirs = given.get(exercise, frozenset())
            try:
                mine = own_marks(text) - theirs
            except Exception:  # noqa: BLE001  `all_fingerprints` names such an answer
                continue
            shares = {
                origin: len(mine & (own - theirs)) / len(own - theirs)
                for origin, own in marks.items()
                if len(own - theirs) >= MIN_FINGERPRINTS
            }
            origin = max(shares, key=lambda name: shares[name], default="")
            if origin and shares[origin] >= MIN_SHARE:
                found.append(CourseText(student, exercise, origin, shares[origin]))
    return found
