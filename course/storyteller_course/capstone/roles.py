"""Which exercises of the five lessons a storyteller is made of, and where each of them works.

Not among them are those whose work the library does in another shape: it joins the matrices of lesson 02's `Block` and
`GPT` and adds a cache to them, and the loop and the checkpoints of lesson 04 are in its trainer, which can be stopped
at any step. The lessons prove that these do the same.
"""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import storyteller
from storyteller.errors import StorytellerError
from storyteller_course.capstone import library_forms
from storyteller_course.exercises.lesson import Lesson, is_lesson, load_lesson
from storyteller_course.notebook.locate import lesson_of
from storyteller_course.notebook.progress_store import Standing

DATA, TRANSFORMERS, MOE, TRAINING, INFERENCE = (
    "01_data_preparation",
    "02_understanding_transformers",
    "03_building_moe",
    "04_training_basics",
    "05_full_training_and_inference",
)


@dataclass(frozen=True, kw_only=True)
class Role:
    """An exercise, and what its function does for the storyteller."""

    name: str
    lesson: str
    work: str  # what it does
    trains: bool = True  # at work in the training; otherwise in what comes after it, where speed does not matter
    inside: str = ""  # the part that calls it, without which it has nothing to do
    instead_of: str = ""  # another form of that part, which goes before it

    @property
    def course(self) -> Callable[..., Any] | None:
        """The course's own form: fast where the library has it, otherwise what stands in for the exercise.

        None where the lesson is neither beside this notebook nor in the course.
        """
        fast: Callable[..., Any] | None = getattr(library_forms, self.name.removesuffix("_fast"), None)
        lesson = None if fast else _lesson_with(self.name, self.lesson)
        return fast if lesson is None else lesson.stand_in(self.name)


def _lesson_with(exercise: str, lesson: str) -> Lesson | None:
    try:
        return lesson_of(exercise)
    except StorytellerError:  # whoever has one lesson only
        folder = Path(storyteller.__file__).resolve().parents[2] / "lessons" / lesson
        return load_lesson(folder) if is_lesson(folder) else None


ROLES = (
    Role(name="train_bpe", lesson=DATA, work="learns the vocabulary"),
    Role(name="train_bpe_fast", lesson=DATA, work="learns the vocabulary, faster", instead_of="train_bpe"),
    Role(name="encode", lesson=DATA, work="turns stories into tokens"),
    Role(name="decode", lesson=DATA, work="turns tokens into stories", trains=False),
    Role(name="attend", lesson=TRANSFORMERS, work="attention in every layer"),
    Role(name="apply_rope", lesson=TRANSFORMERS, work="tells positions apart"),
    Role(name="RMSNorm", lesson=TRANSFORMERS, work="every norm"),
    Role(name="route_top_k", lesson=MOE, work="chooses the experts of a token"),
    Role(name="dispatch_sorted", lesson=MOE, work="brings tokens to their experts"),
    Role(name="MoELayer", lesson=MOE, work="the experts of every layer"),
    Role(name="load_balancing_loss", lesson=MOE, work="keeps all experts busy"),
    Role(name="router_z_loss", lesson=MOE, work="keeps the router's logits small"),
    Role(name="cross_entropy", lesson=TRAINING, work="the loss"),
    Role(name="accumulate", lesson=TRAINING, work="the gradients of a step"),
    Role(name="clip_gradients", lesson=TRAINING, work="shortens gradients"),
    Role(name="decay_groups", lesson=TRAINING, work="decides what decays"),
    Role(name="adamw_step", lesson=TRAINING, work="the update of every weight"),
    Role(name="learning_rate", lesson=TRAINING, work="the schedule"),
    Role(name="pack", lesson=TRAINING, work="cuts held-out stories into sequences", trains=False),
    Role(name="evaluate", lesson=TRAINING, work="measures the finished model", trains=False),
    Role(name="apply_temperature", lesson=INFERENCE, work="bold or tame", trains=False),
    Role(name="keep_top_k", lesson=INFERENCE, work="the k likeliest tokens", trains=False),
    Role(name="keep_top_p", lesson=INFERENCE, work="the nucleus", trains=False),
    Role(name="keep_min_p", lesson=INFERENCE, work="nothing too unlikely", trains=False),
    Role(name="penalize_repetition", lesson=INFERENCE, work="says things once", trains=False),
    Role(name="generate", lesson=INFERENCE, work="tells the story", trains=False),
    Role(name="choose", lesson=INFERENCE, work="draws each token", trains=False, inside="generate"),
)
ROLE_OF = {role.name: role for role in ROLES}


def whose(standings: Mapping[str, Standing]) -> str:
    """Which parts of a storyteller are the student's, by their last checks, in a few lines. Nothing is checked for it.

    Args:
        standings: how far the student is, by exercise.
    """
    groups: dict[str, list[str]] = {"yours": [], "the course's, until yours passes": [], "not checked yet": []}
    for role in ROLES:
        standing = standings.get(role.name)
        if role.instead_of and not (standing and standing.solved):
            continue  # another form of a part, which is named already
        if standing is None or not standing.checked:
            groups["not checked yet"].append(role.name)
        else:
            groups["yours" if standing.solved else "the course's, until yours passes"].append(role.name)
    lines = ["The parts of a storyteller, by your last checks:"]
    for title, names in groups.items():
        if names:
            line = f"{title} ({len(names)}): {', '.join(names)}"
            lines.append(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    "))
    return "\n".join(lines)
