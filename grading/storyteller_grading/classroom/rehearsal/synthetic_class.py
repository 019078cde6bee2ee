"""A class that never was: seeded students whose grades are known before anybody grades them.

    people = plan_class(KnownAnswers(lesson), students=30, seed=1)

Each has a kind (right, half, empty, mistaken, copied, late, hostile, damaged, slow) and for each exercise one of the
lesson's known answers. The copied ones have the published solution, as it is or disguised; the right answers of all
others are the lesson's right answers in other styles, where it has any.

`write_class` puts it into a course folder: the roster, what everybody handed in, and the plan of the grades,
`plan.json`, which says what each student must get. That comes from `expected_grades`, with the hidden inputs that each
hand-in gets, so a gradebook can be compared with the plan, number by number. It is for the instructor who rehearses,
and for the test that compares it with the gradebook.
"""

import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.classroom.autograde.gradebook import open_gradebook
from storyteller_grading.classroom.course import SAMPLE, Course, nbgrader_time
from storyteller_grading.classroom.rehearsal.copied_solutions import COPIES
from storyteller_grading.classroom.rehearsal.expected_grades import (
    NOTHING,
    REFERENCE,
    SLOW,
    STUB,
    ExpectedGrade,
    KnownAnswers,
)
from storyteller_grading.classroom.rehearsal.mishaps import DAMAGED, EVERYTHING, HOSTILE, UNREADABLE, written
from storyteller_grading.classroom.roster import COLUMNS, roster_text
from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds

# Of a hundred students; each kind has one at least.
KINDS = {
    "right": 21,
    "copied": 6,  # the published solution: as it is, with other names, or in another order
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
PLAN = "plan.json"

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
    expected: dict[str, ExpectedGrade] = field(default_factory=dict)  # known once the notebook is written
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
    """Who is in the class, and what each hands in; the same for the same lesson and seed.

    Args:
        answers: the lesson's.
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
        for kind, names in (("hostile", HOSTILE), ("damaged", DAMAGED), ("copied", COPIES))
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
    """One student of a kind."""
    lesson = answers.lesson
    mishap = next(mishaps[kind]) if kind in mishaps else ""
    chosen = choose_answers(kind, answers, deck, rng)
    if kind == "copied":
        chosen = dict.fromkeys(lesson.exercises, mishap)
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
        mishap="" if kind == "copied" else mishap,
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
    chosen, styles = {}, {name: [answer.name for answer in lesson.alternatives(name)] for name in names}
    for name in names:  # a right answer, in another style than the published one; bonus exercises are not everybody's
        if lesson.exercises[name].bonus and rng.random() < 0.5:
            chosen[name] = STUB
        else:
            chosen[name] = rng.choice(styles[name]) if styles[name] else REFERENCE
    if kind == "half":
        solved = names[: max(1, rng.randint(len(names) // 3, 2 * len(names) // 3))]
        chosen = {name: chosen[name] if name in solved else STUB for name in names}
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


def write_class(
    course: Course,
    lesson: Lesson,
    *,
    students: int,
    seed: int,
    draws: int = DRAWS,
    begin: Callable[[int], None] = lambda total: None,
    step: Callable[[str], None] = lambda student: None,
) -> list[PlannedStudent]:
    """Plan a class and write it down.

    Args:
        course: the folder; nobody else may have handed in anything there.
        lesson: with its reference and answers.
        students: how many.
        seed: of the class.
        draws: of hidden inputs for each case, as the class will be graded.
        begin: called with how many there are, once it is planned what each hands in.
        step: called with each whose hand-in is written.

    Raises:
        StorytellerError: the folder is a real class's, or there are too few students for one of each kind.
    """
    if students < MIN_STUDENTS:
        raise StorytellerError(
            f"A class has one student of each kind at least: give --students {MIN_STUDENTS} or more."
        )
    earlier = refuse_real_class(course)
    answers, secret, people = KnownAnswers(lesson), course.secret(), []
    release = json.loads(lesson.notebook.read_text(encoding="utf-8"))
    planned = plan_class(answers, students=students, seed=seed)
    begin(len(planned))
    new = {one.id for one in planned}
    begun = {"students": [{"id": name} for name in sorted(earlier | new)]}
    write_whole(course.folder / PLAN, json.dumps(begun))  # so that one that is stopped can begin again
    for name in earlier - new:
        shutil.rmtree(course.submitted / name)
    for student in planned:
        folder, notebook = course.submitted / student.id / lesson.name, submission(student, release, answers)
        write_whole(folder / f"{lesson.name}.ipynb", notebook)
        write_whole(folder / "timestamp.txt", nbgrader_time(student.submitted_at))
        seeds = hidden_seeds(secret, draws, hashlib.sha256(notebook).hexdigest())
        expected = {
            name: NOTHING if student.mishap == UNREADABLE else answers.expected(name, student.answers, seeds)
            for name in student.answers
        }
        people.append(replace(student, expected=expected))
        step(student.id)
    roster = roster_text([getattr(student, column) for column in COLUMNS] for student in people)
    write_whole(course.roster_file, roster)
    document = plan_as_data(people, lesson, seed)
    write_whole(course.folder / PLAN, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return people


def submission(student: PlannedStudent, release: dict[str, Any], answers: KnownAnswers) -> bytes:
    """The file that a student hands in."""
    notebook = json.loads(json.dumps(release))
    for cell in notebook["cells"]:
        ours = cell["metadata"].get("storyteller", {})
        if ours.get("role") == "written" and student.written:
            cell["source"] = student.written
        if ours.get("role") == "answer":
            cell["source"] = answers.source(ours["exercise"], student.answers[ours["exercise"]])
    return written(notebook, student.mishap)


def set_due(course: Course, lesson: str) -> None:
    """Tell nbgrader's gradebook when the lesson was due, so that late work is late there."""
    with open_gradebook(course) as book:
        book.update_or_create_assignment(lesson, duedate=DUE.replace(tzinfo=None))  # nbgrader keeps UTC


def plan_as_data(people: Sequence[PlannedStudent], lesson: Lesson, seed: int) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "lesson": lesson.name,
        "seed": seed,
        "due": nbgrader_time(DUE),
        "students": [
            {
                "id": student.id,
                "kind": student.kind,
                "mishap": student.mishap,
                "earned": student.earned,
                "extra": student.extra,
                "late_seconds": max(0, int((student.submitted_at - DUE).total_seconds())),
                "exercises": {
                    name: {"answer": student.answers[name], "earned": grade.earned, "mistake": grade.mistake}
                    for name, grade in student.expected.items()
                },
            }
            for student in people
        ],
    }


def refuse_real_class(course: Course) -> set[str]:
    """A rehearsal writes over what an earlier rehearsal wrote, and over nothing else; gives who has handed in there.

    Raises:
        StorytellerError: somebody has handed in, or stands in the roster, who is neither in the plan of an earlier
            rehearsal nor a sample of a new course's roster; or the roster cannot be read with certainty.
    """
    try:
        document = json.loads((course.folder / PLAN).read_text(encoding="utf-8"))
        planned = {student["id"] for student in document["students"]}
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or a damaged one: it names nobody
        planned = set()
    folders = course.submitted.iterdir() if course.submitted.is_dir() else ()
    handed_in = {path.name for path in folders if path.is_dir() and not path.name.startswith(".")}
    if others := sorted(handed_in - planned):
        raise StorytellerError(
            f"{course.submitted} has what real students handed in ({others[0]}, ...): rehearse in a course folder of "
            "its own, which `storyteller-grade init` makes."
        )
    samples = {row[0] for row in SAMPLE}
    if others := [student.id for student in course.students() if student.id not in planned | samples]:
        raise StorytellerError(
            f"{course.roster_file} names students of yours ({others[0]}, ...), and a rehearsal would write over it: "
            "rehearse in a course folder of its own, which `storyteller-grade init` makes."
        )
    return handed_in
