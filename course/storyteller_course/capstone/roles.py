"""Which exercises of the five lessons a storyteller is made of, and where each of them works.

Not among them are those whose work the library does in another shape: it joins the matrices of lesson 02's `Block` and
`GPT` and adds a cache to them, and the loop and the checkpoints of lesson 04 are in its trainer, which can be stopped
at any step. The lessons prove that these do the same.
"""

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import storyteller
from storyteller.errors import StorytellerError
from storyteller.tokenizer import FIRST_MERGE, Tokenizer
from storyteller.tokenizer.pretokenize import count_words
from storyteller.tokenizer.training import learn_merges
from storyteller.tokenizer.vocabulary import BYTE_TOKENS
from storyteller.training.batches import IGNORE_INDEX
from storyteller_course.exercises.lesson import Lesson, is_lesson, load_lesson
from storyteller_course.lesson_tools.data_preparation import Pair, as_vocabulary
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
    once: bool = False  # before the training, and in no step of it
    inside: str = ""  # the part that calls it, without which it has nothing to do
    instead_of: str = ""  # another form of that part, which goes before it

    @property
    def course(self) -> Callable[..., Any] | None:
        """The course's own form: fast where the library has it, otherwise what stands in for the exercise.

        None where the lesson is neither beside this notebook nor in the course.
        """
        fast = LIBRARY_FORMS.get(self.name.removesuffix("_fast"))
        lesson = None if fast else _lesson_with(self.name, self.lesson)
        return fast if lesson is None else lesson.stand_in(self.name)


def _lesson_with(exercise: str, lesson: str) -> Lesson | None:
    try:
        return lesson_of(exercise)
    except StorytellerError:  # whoever has one lesson only
        folder = Path(storyteller.__file__).resolve().parents[2] / "lessons" / lesson
        return load_lesson(folder) if is_lesson(folder) else None


ROLES = (
    Role(name="train_bpe", lesson=DATA, work="learns the vocabulary", once=True),
    Role(name="train_bpe_fast", lesson=DATA, work="learns the vocabulary, faster", instead_of="train_bpe", once=True),
    Role(name="encode", lesson=DATA, work="turns stories into tokens", once=True),
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
    Role(name="evaluate", lesson=TRAINING, work="measures the finished model", trains=False),
    Role(name="apply_temperature", lesson=INFERENCE, work="bold or tame", trains=False),
    Role(name="keep_top_k", lesson=INFERENCE, work="the k likeliest tokens", trains=False),
    Role(name="keep_top_p", lesson=INFERENCE, work="the nucleus", trains=False),
    Role(name="keep_min_p", lesson=INFERENCE, work="nothing too unlikely", trains=False),
    Role(name="penalize_repetition", lesson=INFERENCE, work="says things once", trains=False),
    Role(name="generate", lesson=INFERENCE, work="tells the story", trains=False),
    Role(name="choose", lesson=INFERENCE, work="draws each token", trains=False, inside="generate"),
    Role(name="attend_cached", lesson=INFERENCE, work="remembers what was read", trains=False),
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


# --- The library's own forms: fast, with the exercises' signatures ----------------------------------------------------


def ids_of_merges(learned: Iterable[tuple[bytes, bytes]]) -> list[Pair]:
    """The library's merges as lesson 01 writes them: pairs of ids."""
    ids = {token: i for i, token in enumerate(BYTE_TOKENS)}
    merges = []
    for new_id, (left, right) in enumerate(learned, start=FIRST_MERGE):
        merges.append((ids[left], ids[right]))
        ids[left + right] = new_id
    return merges


def train_bpe(texts: list[str], n_merges: int) -> list[Pair]:
    """The first merges of byte-level BPE, in the order learned."""
    return ids_of_merges(learn_merges(count_words(texts), n_merges))


@lru_cache(maxsize=8)
def _tokenizer(merges: tuple[Pair, ...]) -> Tokenizer:
    return Tokenizer(as_vocabulary(merges))


def encode(text: str, merges: list[Pair]) -> list[int]:
    """The token ids of any text."""
    return _tokenizer(tuple((left, right) for left, right in merges)).encode(text, special="escape")


def decode(ids: list[int], merges: list[Pair]) -> str:
    """The text of some token ids."""
    return _tokenizer(tuple((left, right) for left, right in merges)).decode(ids)


@torch.no_grad()
def evaluate(model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]], text: str) -> dict[str, float]:
    """Loss, perplexity and bits per byte of a text; the model is left in the mode that it was in."""
    mode = model.training
    model.eval()
    summed = nn.CrossEntropyLoss(ignore_index=IGNORE_INDEX, reduction="sum")
    nats = 0.0
    for ids, following in batches:
        nats += float(summed(model(ids)[0].flatten(0, 1).float(), following.flatten()))
    model.train(mode)
    mean = nats / sum(int(following.ne(IGNORE_INDEX).sum()) for _, following in batches)
    return {
        "loss": mean,
        "perplexity": math.exp(mean),
        "bits_per_byte": nats / (math.log(2) * len(text.encode())),
    }


LIBRARY_FORMS: Mapping[str, Callable[..., Any]] = {
    form.__name__: form for form in (train_bpe, encode, decode, evaluate)
}
