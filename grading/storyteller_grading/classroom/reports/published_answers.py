"""Which answers are one of the course's published ones: the solution, what stands in for it, or a known right answer.

All of these can be found in the course's repository. An answer is compared with those to its own exercise, under other
names, without comments and annotations, and in another order, as far as that leaves most fingerprints. What counts of a
text are the fingerprints that are its own: not those of the given cell, and not those that another right answer of the
course has too, for whoever solves the exercise can hardly do without them. A text with few of its own is too short to
say anything; its exercise is named. It is evidence and no verdict.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from storyteller_course.exercises.known_answers import reference_source
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.classroom.reports.course_text import (
    MIN_FINGERPRINTS,
    CourseText,
    find_course_texts,
    given_texts,
    own_marks,
    plain_form,
    stand_in_text,
)

# Of a text's own fingerprints. Another order of statements costs some of them; a right answer that the course does not
# know has up to 73 % of a class of which the exercise prescribes nearly everything.
MIN_SHARE = 0.75
SOLUTION, STAND_IN = "the solution", "what stands in for it"
AS_IT_IS, RENAMED, CHANGED = "as it is", "with other names", "in another order, or changed in places"


@dataclass(frozen=True)
class PublishedText:
    """One of the course's answers to an exercise."""

    origin: str
    text: str
    own: frozenset[int]  # its fingerprints that no other right answer has, nor the given cell


@dataclass(frozen=True)
class Published:
    """All of them, by exercise; and the exercises whose answers are too short to say anything."""

    texts: Mapping[str, list[PublishedText]]
    too_short: list[str]


def published_answers(lesson: Lesson) -> Published:
    """The course's answers to each exercise, the solution first; none where the lesson has no reference."""
    given, too_short = given_texts(lesson), []
    texts: dict[str, list[PublishedText]] = {}
    for name, exercise in lesson.exercises.items():
        if exercise.questions or lesson.reference is None:
            continue
        reference = reference_source(lesson.reference, name)
        found = {SOLUTION: reference, STAND_IN: stand_in_text(exercise)}
        found |= {f"the known right answer {one.name}": one.source(reference) for one in lesson.alternatives(name)}
        marks = {origin: own_marks(text) for origin, text in found.items() if text}
        if marks.get(STAND_IN) == marks[SOLUTION]:
            del marks[STAND_IN]
        free = frozenset[int]().union(*map(own_marks, given[name]))
        texts[name] = []
        for origin, mine in marks.items():
            family = {SOLUTION, STAND_IN} if origin in (SOLUTION, STAND_IN) else {origin}  # one is made of the other
            others = frozenset[int]().union(*(theirs for other, theirs in marks.items() if other not in family))
            own = mine - free - others
            if len(own) >= MIN_FINGERPRINTS:
                texts[name].append(PublishedText(origin, found[origin], own))
        if not any(one.origin == SOLUTION for one in texts[name]):
            too_short.append(name)
    return Published(texts, too_short)


def find_published(answers: Mapping[str, Mapping[str, str]], lesson: Lesson, published: Published) -> list[CourseText]:
    """The answers that are the course's own text, of each the text that is most like it.

    Args:
        answers: by student and exercise.
        lesson: whose solutions, stand-ins, known right answers, library and checks are looked at.
        published: of this lesson.
    """
    elsewhere = {
        (one.student, one.exercise): one
        for one in find_course_texts(answers, lesson)
        if one.exercise not in published.too_short or one.origin not in _own_origins(lesson, one.exercise)
    }
    found, seen = [], {}
    for student, by_exercise in answers.items():
        for exercise, text in by_exercise.items():
            if (exercise, text) not in seen:
                seen[exercise, text] = closest(text, published.texts.get(exercise, []))
            if best := seen[exercise, text]:
                origin, share, how, theirs = best
                found.append(CourseText(student, exercise, origin, share, how, theirs))
            elif other := elsewhere.get((student, exercise)):
                found.append(other)
    return found


def _own_origins(lesson: Lesson, exercise: str) -> set[str]:
    """Where the course's own answers to an exercise stand, as `find_course_texts` calls these places."""
    about = lesson.exercises[exercise]
    return {f"the course's own {exercise}", about.stand_in, about.in_library}


def closest(text: str, published: list[PublishedText]) -> tuple[str, float, str, str] | None:
    """The published text that an answer is, with the share, how much it was changed, and the text; None for no such."""
    try:
        marks = own_marks(text)
    except Exception:  # noqa: BLE001  `all_fingerprints` names such an answer
        return None
    shares = {one: len(marks & one.own) / len(one.own) for one in published}
    best = max(shares, key=lambda one: shares[one], default=None)
    if best is None or shares[best] < MIN_SHARE:
        return None
    how = CHANGED
    if shares[best] == 1:
        how = AS_IT_IS if _bare(best.text) in _bare(text) else RENAMED
    return best.origin, shares[best], how, best.text


def _bare(text: str) -> str:
    """The program alone: without annotations, comments and docstrings."""
    try:
        tree = ast.parse(plain_form(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
