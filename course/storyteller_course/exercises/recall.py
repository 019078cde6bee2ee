"""Recall: questions about the lesson before, at the head of a lesson, a point each.

    recall = recall_exercise(
        about="lesson 01",
        seed=1,
        pool=[
            choice("What does ...?", "the right answer", {"a wrong one": "Why it is wrong.", "another": "Why."}),
            number("How many ...?", 556, {300: "These are the merges alone."}),
        ],
    )

The seed, which is the notebook's own, draws five of the pool and the order of each question's choices: another seed
gives another notebook. The questions are an exercise like any other, the function `recall` without arguments that gives
back a dictionary of answers, so all that checks, grades and reports exercises knows them.

A class gets the five without their answers: a digest stands in the place of each. It keeps a glance into the file from
telling the answer; whoever tries all four letters finds it, in the file as with `check`.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_course.exercises.exercise import Case, CaseFunction, Draw, Exercise, Mismatch

RECALL = "recall"  # the exercise's name, in every lesson
ASKED = 5  # questions, each a point
LETTERS = "abcdefgh"
UNANSWERED = "Not answered yet: put a letter, or a number, in the place of None."
ANSWERS_DOCSTRING = '"""Your answers to the questions above: letters and numbers; None leaves one out."""'


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a pool, or of a notebook."""

    text: str
    choices: tuple[str, ...] = ()  # a, b, c, ... in this order; none where the answer is a number
    answer: str = ""  # as `canonical` writes it; "" where a class has it
    digest: str = ""  # of the right answer
    why: Mapping[str, str] = field(default_factory=dict)  # what is wrong with a wrong answer

    def is_right(self, given: Any) -> bool:
        """Is this the right answer, in whatever way it is written?"""
        return digest_of(self.text, canonical(given)) == self.digest


def choice(text: str, right: str, wrong: Mapping[str, str]) -> Question:
    """A question with choices: the right one, and the wrong ones, each with the reason why it is wrong."""
    if not 2 <= len(wrong) < len(LETTERS) or right in wrong:
        raise StorytellerError(f"The question {text!r} needs a right choice and at least two others.")
    why = dict(zip(LETTERS[1:], wrong.values(), strict=False))
    return Question(text=text, choices=(right, *wrong), answer="a", why=why)


def number(text: str, right: float, wrong: Mapping[float, str] = {}) -> Question:
    """A question whose answer is a number; of likely wrong ones it can say what is wrong."""
    return Question(text=text, answer=canonical(right), why={canonical(one): why for one, why in wrong.items()})


def recall_exercise(*, about: str, seed: int, pool: Sequence[Question]) -> Exercise:
    """The exercise that asks five questions of a pool.

    Args:
        about: what they are about, such as "lesson 01".
        seed: of the notebook.
        pool: in the order of the lesson that it is about, which the five keep.

    Raises:
        StorytellerError: the pool has too few questions, or one of them twice.
    """
    if len(pool) < ASKED or len({question.text for question in pool}) < len(pool):
        raise StorytellerError(f"A pool has {ASKED} questions or more, each once; this one has {len(pool)}.")
    draw = Draw(RECALL, about, str(seed))
    places = sorted(draw.sample(range(len(pool)), ASKED))
    return _asking(about, [_shuffled(pool[place], draw) for place in places])


def sealed_recall(about: str, questions: str) -> Exercise:
    """The exercise as a class gets it; see `sealed_source`."""
    asked = [Question(**{**one, "choices": tuple(one["choices"])}) for one in json.loads(questions)]
    return _asking(about, asked)


def sealed_source(exercise: Exercise) -> str:
    """The text of `checks/recall.py` for a class: the same questions, without their answers."""
    questions = [{**asdict(question), "answer": ""} for question in exercise.questions]
    packed = json.dumps(questions, ensure_ascii=False, indent=1)
    about = exercise.about
    return (
        f'"""Questions about {about}."""\n\n'
        "from storyteller_course.exercises.recall import sealed_recall\n\n"
        f"QUESTIONS = {packed!r}\n\nrecall = sealed_recall({about!r}, QUESTIONS)\n"
    )


def answer_source(questions: Sequence[Question], *, solved: bool) -> str:
    """The cell with the answers: the right ones, or what the student finds."""
    lines = []
    for place, question in enumerate(questions, 1):
        value = question.answer if not question.choices else f'"{question.answer}"'
        lines.append(f"        {place}: {value if solved else None},")
    return "\n".join([f"def {RECALL}():", f"    {ANSWERS_DOCSTRING}", "    return {", *lines, "    }", ""])


def in_markdown(questions: Sequence[Question]) -> str:
    """The questions, to read."""
    blocks = []
    for place, question in enumerate(questions, 1):
        lines = [f"**{place}.** {question.text}" + ("" if question.choices else " *(a number)*")]
        if question.choices:
            lines.append("")
        lines += [f"- **{letter}** · {text}" for letter, text in zip(LETTERS, question.choices, strict=False)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def canonical(given: Any) -> str:
    """An answer in one form: ` B) ` is `b`, `1,024` and 1024.0 are `1024`; "" for what is no answer at all."""
    if isinstance(given, str):
        text = given.strip().lower()
        try:
            given = float(text.replace(",", "").rstrip("% "))
        except ValueError:
            return text.strip("().")
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        return ""
    return f"{given:.10g}"


def digest_of(text: str, answer: str) -> str:
    """A digest of an answer to the question with this text."""
    return hashlib.sha256(f"{text}\0{answer}".encode()).hexdigest()[:16]


def _shuffled(question: Question, draw: Draw) -> Question:
    """A question of a pool with its choices in a drawn order, the letters of its answers following them."""
    order = list(range(len(question.choices)))
    draw.shuffle(order)
    letters = {LETTERS[before]: LETTERS[now] for now, before in enumerate(order)}
    answer = letters.get(question.answer, question.answer)
    return Question(
        text=question.text,
        choices=tuple(question.choices[place] for place in order),
        answer=answer,
        digest=digest_of(question.text, answer),
        why={letters.get(wrong, wrong): why for wrong, why in question.why.items()},
    )


def _asking(about: str, questions: Sequence[Question]) -> Exercise:
    cases = [
        Case(id=f"question_{place}", title=f"{place}. {question.text}", points=1, run=_case(place, question))
        for place, question in enumerate(questions, 1)
    ]
    return Exercise(RECALL, points=len(cases), cases=cases, about=about, questions=tuple(questions))


def _case(place: int, question: Question) -> CaseFunction:
    def ask(student: Any, draw: Draw) -> None:
        answers = student.recall()
        if not isinstance(answers, Mapping):
            raise Mismatch("`recall` must give back the dictionary of your answers.", got=answers)
        mine = answers.get(place)
        if mine is None:
            raise Mismatch(UNANSWERED)
        if not question.is_right(mine):
            raise Mismatch(question.why.get(canonical(mine), "That is not it."), got=mine)

    return ask
