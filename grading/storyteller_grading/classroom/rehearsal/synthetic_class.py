"""A class that never was: seeded students whose grades are known before anybody grades them.

    people = plan_class(answers, students=30, seed=1)

Each has a kind (right, half, empty, mistaken, in another style, late, hostile, damaged, slow) and for each exercise one
of the lesson's known answers. What that earns comes from `planted`, so a gradebook can be compared with the plan,
number by number.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from storyteller_grading.classroom.rehearsal.expected_grades import NOTHING, REFERENCE, SLOW, STUB, Answers, Expected
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
FEWEST = len(KINDS)  # students of a class
MOST_MISTAKES = 3  # of one student

FIRST = (
    "Ada",
    "Ben",
    "Chidi",
    "Dana",
    "Emil",
    "Farah",
    "Goran",
    "Hana",
    "Ines",
    "Jun",
    "Kofi",
    "Lena",
    "Mateo",
    "Noor",
)
LAST = ("Abel", "Brandt", "Cruz", "Dahl", "Evans", "Fiore", "Grau", "Haas", "Ito", "Jansen", "Kaya", "Lund", "Moreau")
REASONS = (
    "A larger vocabulary makes the texts shorter, but the table of embeddings grows with it.",
    "I would try two sizes and compare how much text fits into one sequence.",
    "It depends on how much text there is: rare tokens are seen too seldom to be learned.",
    "",
)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One student, and what must come of the submission."""

    id: str
    first_name: str
    last_name: str
    lms_user_id: str
    kind: str
    answers: dict[str, str]  # of each exercise, the name of the answer
    expected: dict[str, Expected]
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
        return sum(one.earned for name, one in self.expected.items() if name not in self.bonus)

    @property
    def extra(self) -> int:
        """Points of extra credit."""
        return sum(one.earned for name, one in self.expected.items() if name in self.bonus)

    @property
    def mistakes(self) -> dict[str, str]:
        """Of each exercise, the known mistake that was planted and the judge can see."""
        wrong = {name: one for name, one in self.answers.items() if self.expected[name].mistake}
        return {name: self.expected[name].mistake for name in wrong}


@dataclass
class _Deck:
    """Deals each known wrong answer once before any comes again."""

    cards: list[tuple[str, str]]  # exercise, name
    dice: random.Random
    left: list[tuple[str, str]] = field(default_factory=list)

    def draw(self, taken: set[str]) -> tuple[str, str] | None:
        """The next one for an exercise that is not taken."""
        if not self.left:
            self.left = self.dice.sample(self.cards, len(self.cards))
        for card in self.left:
            if card[0] not in taken:
                self.left.remove(card)
                return card
        return None


def plan_class(answers: Answers, *, students: int, seed: int) -> list[Planned]:
    """Who is in the class, and what each hands in; the same for the same lesson, secret and seed.

    Args:
        answers: the lesson's, with the seeds of the course's secret.
        students: how many, at least one of a kind.
        seed: of everything that is random here.
    """
    dice = random.Random(f"{seed}\0{answers.lesson.name}")
    deck = _Deck(_mistakes(answers), dice)
    turns: dict[str, Iterator[str]] = {"hostile": _in_turn(HOSTILE, dice), "damaged": _in_turn(DAMAGED, dice)}
    kinds = kinds_of(students)
    dice.shuffle(kinds)
    return [_student(number, kind, answers, deck, dice, turns) for number, kind in enumerate(kinds, 1)]


def kinds_of(students: int) -> list[str]:
    """A kind for each student: one of each, the rest in the shares of `KINDS`."""
    kinds = list(KINDS)
    while len(kinds) < students:
        kinds.append(min(KINDS, key=lambda kind: (kinds.count(kind) + 1) / KINDS[kind]))
    return kinds[:students]


def _in_turn(names: dict[str, Any], dice: random.Random) -> Iterator[str]:
    """All of them once, in an order of the class's own, before any comes again."""
    order = dice.sample(list(names), len(names))
    return itertools.cycle(order)


def _mistakes(answers: Answers) -> list[tuple[str, str]]:
    """Every known wrong answer, but for those that never end: each would cost its limit again and again."""
    lesson = answers.lesson
    known = [(name, wrong.name) for name in lesson.exercises for wrong in lesson.mistakes(name)]
    return [one for one in known if not answers.expected(one[0], dict([one])).endless]


def _student(
    number: int,
    kind: str,
    answers: Answers,
    deck: _Deck,
    dice: random.Random,
    turns: dict[str, Iterator[str]],
) -> Planned:
    lesson = answers.lesson
    chosen = _answers(kind, answers, deck, dice)
    mishap = next(turns[kind]) if kind in turns else ""
    if mishap == EVERYTHING:
        chosen = _replaced(chosen, _last_function(answers), EVERYTHING)
    if kind == "slow":
        chosen = _replaced(chosen, _last_function(answers), SLOW)
    late = dice.uniform(1, 60) if kind == "late" else -dice.uniform(0.1, 72)
    return Planned(
        id=f"r{number:03}",
        first_name=FIRST[(number - 1) % len(FIRST)],
        last_name=LAST[(number - 1) % len(LAST)],
        lms_user_id=str(50_000 + number),
        kind=kind,
        answers=chosen,
        expected={name: NOTHING if mishap == UNREADABLE else answers.expected(name, chosen) for name in chosen},
        mishap=mishap,
        written="" if kind == "empty" else dice.choice(REASONS),
        submitted_at=DUE + timedelta(seconds=int(3600 * late)),
        bonus=tuple(name for name, exercise in lesson.exercises.items() if exercise.bonus),
    )


def _answers(kind: str, answers: Answers, deck: _Deck, dice: random.Random) -> dict[str, str]:
    """An answer's name for each exercise."""
    lesson = answers.lesson
    names = list(lesson.exercises)
    if kind == "empty":
        return dict.fromkeys(names, STUB)
    if kind == "half":
        solved = names[: max(1, dice.randint(len(names) // 3, 2 * len(names) // 3))]
        return {name: REFERENCE if name in solved else STUB for name in names}
    chosen = {name: _right(name, answers, dice, always=kind == "styles") for name in names}
    if kind == "mistaken" or (kind in ("late", "hostile", "damaged") and dice.random() < 0.5):
        taken: set[str] = set()
        for _ in range(dice.randint(1, min(MOST_MISTAKES, len(names)))):
            if card := deck.draw(taken):
                chosen[card[0]] = card[1]
                taken.add(card[0])
    return _plain_below(chosen, answers)


def _plain_below(chosen: dict[str, str], answers: Answers) -> dict[str, str]:
    """What a wrong answer builds on is the reference's: another style may have another order of a dictionary, say.

    To a right answer that is the same; what comes of a wrong one would depend on it.
    """
    lesson, plain = answers.lesson, dict(chosen)
    styles = {name: {one.name for one in lesson.alternatives(name)} for name in chosen}
    for name, answer in chosen.items():
        if answer != REFERENCE and answer not in styles[name]:
            plain |= {one: REFERENCE for one in lesson.foundations(name) if chosen[one] in styles[one]}
    return plain


def _right(name: str, answers: Answers, dice: random.Random, *, always: bool) -> str:
    """A right answer, sometimes or always in another style; bonus exercises are not everybody's."""
    styles = [one.name for one in answers.lesson.alternatives(name)]
    if answers.lesson.exercises[name].bonus and dice.random() < 0.5:
        return STUB
    return dice.choice(styles) if styles and (always or dice.random() < 0.3) else REFERENCE


def _replaced(chosen: dict[str, str], name: str, answer: str) -> dict[str, str]:
    return {**chosen, name: answer} if name else chosen


def _last_function(answers: Answers) -> str:
    """The last exercise that is a function which is called and not iterated; nothing builds on it as a rule."""
    lesson, needed = answers.lesson, set[str]()
    for exercise in lesson.exercises.values():
        needed |= set(exercise.builds_on)
    for name in reversed(lesson.exercises):
        source = answers.source(name, REFERENCE)
        if name not in needed and source.lstrip().startswith("def ") and "yield" not in source:
            return name
    return ""
