"""A class that never was: seeded students whose grades are known before anybody grades them.

    people = plan_class(answers, students=30, seed=1)

Each has a kind (right, half, empty, mistaken, in another style, late, hostile, damaged, slow) and for each exercise one
of the lesson's known answers. What that earns comes from `expected_grades`, so a gradebook can be compared with the
plan, number by number.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from storyteller_grading.classroom.rehearsal.expected_grades import (
    NOTHING,
    REFERENCE,
    SLOW,
    STUB,
    ExpectedGrade,
    KnownAnswers,
)
from storyteller_grading.classroom.rehearsal.mishaps import DAMAGED, EVERYTHING, HOSTILE, UNREADABLE

# Of a hundred students; each kind has one at least.
KINDS = {
    "right": 15,
    "styles": 12,  # right answers in other styles than the reference's
    "mistaken": 33,
    "half": 10,
    "empty": 5,
    "late": 7,
    "hostile": 8,
    "damaged": 8,
    "slow": 2,
}
DUE = datetime(2026, 10, 1, 23, 59, tzinfo=UTC)
MIN_STUDENTS = len(KINDS)  # students of a class
MAX_MISTAKES = 3  # of one student

FIRST_NAMES = (
    *("Ada", "Ben", "Chidi", "Dana", "Emil", "Farah", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena", "Mateo"),
    "Noor",
)
LAST_NAMES = (
    *("Abel", "Brandt", "Cruz", "Dahl", "Evans", "Fiore", "Grau", "Haas", "Ito", "Jansen", "Kaya", "Lund"),
    "Moreau",
)
WRITTEN_ANSWERS = (
    "A larger vocabulary makes the texts shorter, but the table of embeddings grows with it.",
    "I would try two sizes and compare how much text fits into one sequence.",
    "It depends on how much text there is: rare tokens are seen too seldom to be learned.",
    "",
)


@dataclass(frozen=True, kw_only=True)
class PlannedStudent:
    """One student, and what must come of the submission."""

    id: str
    first_name: str
    last_name: str
    lms_user_id: str
    kind: str
    answers: dict[str, str]  # of each exercise, the name of the answer
    expected: dict[str, ExpectedGrade]
    mishap: str = ""
    written: str = ""
    submitted_at: datetime = DUE
    bonus: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        """An address that leads nowhere."""
        return f"{self.id}@example.org"

    @property
    def earned(self) -> int:
        """Points, extra credit not counted."""
        return sum(grade.earned for name, grade in self.expected.items() if name not in self.bonus)

    @property
    def extra(self) -> int:
        """Points of extra credit."""
        return sum(grade.earned for name, grade in self.expected.items() if name in self.bonus)

    @property
    def mistakes(self) -> dict[str, str]:
        """Of each exercise, the known mistake that was planted and the judge can see."""
        return {name: self.expected[name].mistake for name in self.answers if self.expected[name].mistake}


@dataclass
class Deck:
    """Deals each known wrong answer once before any comes again."""

    cards: list[tuple[str, str]]  # exercise, name
    rng: random.Random
    remaining: list[tuple[str, str]] = field(default_factory=list)

    def draw(self, taken: set[str]) -> tuple[str, str] | None:
        """The next one for an exercise that is not taken."""
        if not self.remaining:
            self.remaining = self.rng.sample(self.cards, len(self.cards))
        for card in self.remaining:
            if card[0] not in taken:
                self.remaining.remove(card)
                return card
        return None


def plan_class(answers: KnownAnswers, *, students: int, seed: int) -> list[PlannedStudent]:
    """Who is in the class, and what each hands in; the same for the same lesson, secret and seed.

    Args:
        answers: the lesson's, with the seeds of the course's secret.
        students: how many, at least one of a kind.
        seed: of everything that is random here.
    """
    lesson, rng = answers.lesson, random.Random(f"{seed}\0{answers.lesson.name}")
    # Every known wrong answer, but for those that never end: each would cost its limit again and again.
    known = [(name, wrong.name) for name in lesson.exercises for wrong in lesson.mistakes(name)]
    deck = Deck([card for card in known if not answers.expected(card[0], dict([card])).endless], rng)
    # All mishaps once, in an order of the class's own, before any comes again.
    mishaps = {
        kind: itertools.cycle(rng.sample(list(names), len(names)))
        for kind, names in (("hostile", HOSTILE), ("damaged", DAMAGED))
    }
    kinds = kinds_of(students)
    rng.shuffle(kinds)
    return [plan_student(number, kind, answers, deck, rng, mishaps) for number, kind in enumerate(kinds, 1)]


def kinds_of(students: int) -> list[str]:
    """A kind for each student: one of each, the rest in the shares of `KINDS`."""
    kinds = list(KINDS)
    while len(kinds) < students:
        kinds.append(min(KINDS, key=lambda kind: (kinds.count(kind) + 1) / KINDS[kind]))
    return kinds[:students]


def plan_student(
    number: int,
    kind: str,
    answers: KnownAnswers,
    deck: Deck,
    rng: random.Random,
    mishaps: Mapping[str, Iterator[str]],
) -> PlannedStudent:
    """One student of a kind, with what the submission must earn."""
    lesson = answers.lesson
    chosen = choose_answers(kind, answers, deck, rng)
    mishap = next(mishaps[kind]) if kind in mishaps else ""
    special = EVERYTHING if mishap == EVERYTHING else SLOW if kind == "slow" else ""
    if special and (name := last_function(answers)):
        chosen = {**chosen, name: special}
    late = rng.uniform(1, 60) if kind == "late" else -rng.uniform(0.1, 72)
    return PlannedStudent(
        id=f"r{number:03}",
        first_name=FIRST_NAMES[(number - 1) % len(FIRST_NAMES)],
        last_name=LAST_NAMES[(number - 1) % len(LAST_NAMES)],
        lms_user_id=str(50_000 + number),
        kind=kind,
        answers=chosen,
        expected={name: NOTHING if mishap == UNREADABLE else answers.expected(name, chosen) for name in chosen},
        mishap=mishap,
        written="" if kind == "empty" else rng.choice(WRITTEN_ANSWERS),
        submitted_at=DUE + timedelta(seconds=int(3600 * late)),
        bonus=tuple(name for name, exercise in lesson.exercises.items() if exercise.bonus),
    )


def choose_answers(kind: str, answers: KnownAnswers, deck: Deck, rng: random.Random) -> dict[str, str]:
    """An answer's name for each exercise."""
    lesson = answers.lesson
    names = list(lesson.exercises)
    if kind == "empty":
        return dict.fromkeys(names, STUB)
    if kind == "half":
        solved = names[: max(1, rng.randint(len(names) // 3, 2 * len(names) // 3))]
        return {name: REFERENCE if name in solved else STUB for name in names}
    chosen, styles = {}, {name: [answer.name for answer in lesson.alternatives(name)] for name in names}
    for name in names:  # a right answer, sometimes or always in another style; bonus exercises are not everybody's
        if lesson.exercises[name].bonus and rng.random() < 0.5:
            chosen[name] = STUB
        else:
            other = styles[name] and (kind == "styles" or rng.random() < 0.3)
            chosen[name] = rng.choice(styles[name]) if other else REFERENCE
    if kind == "mistaken" or (kind in ("late", "hostile", "damaged") and rng.random() < 0.5):
        taken: set[str] = set()
        for _ in range(rng.randint(1, min(MAX_MISTAKES, len(names)))):
            if card := deck.draw(taken):
                chosen[card[0]] = card[1]
                taken.add(card[0])
    # What a wrong answer builds on is the reference's: another style may have another order of a dictionary, say. To a
    # right answer that is the same; the grade of a wrong one would depend on it.
    plain = dict(chosen)
    for name, answer in chosen.items():
        if answer != REFERENCE and answer not in styles[name]:
            plain |= {other: REFERENCE for other in lesson.foundations(name) if chosen[other] in styles[other]}
    return plain


def last_function(answers: KnownAnswers) -> str:
    """The last exercise that is a function which is called and not iterated; nothing builds on it as a rule."""
    lesson, needed = answers.lesson, set[str]()
    for exercise in lesson.exercises.values():
        needed |= set(exercise.builds_on)
    for name in reversed(lesson.exercises):
        source = answers.source(name, REFERENCE)
        if name not in needed and source.lstrip().startswith("def ") and "yield" not in source:
            return name
    return ""
