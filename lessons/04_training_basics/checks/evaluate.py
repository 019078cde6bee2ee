"""What `evaluate` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close, true
from storyteller_course.exercises.toy_training import PracticeModel

from .oracles import batch, weighed

evaluate = Exercise(
    "evaluate",
    in_library="storyteller.training.losses.evaluate",
    points=10,
    stars=2,
    builds_on=("cross_entropy",),
    hints=(
        "Three things go wrong here in real projects: dropout is still on, a small last batch weighs as much as a full "
        "one, and the auxiliary loss slips in.",
        "`model.training` tells the mode, `model.eval()` and `model.train(mode)` change it. Keep two "
        "sums: of all nats, and of all targets that count.",
        "Nats of a batch: its mean times the number of its targets that are not IGNORE_INDEX. Bits are nats over log "
        "2. Bytes are counted in `text.encode()`.",
    ),
    forbidden=("storyteller.training.losses.evaluate",),
)
TEXTS = ("Zoë saw a 🦊 and a 🐉.", "José and Begoña ran.", "東京, said Renée.")


def measured(seed, batches, text, **options):
    """The figures, from one forward pass over everything."""
    model = PracticeModel(seed, **options).eval()
    with torch.no_grad():
        loss = weighed(model, batches)[0].item()
    n_targets = sum(int((targets >= 0).sum()) for _, targets in batches)
    n_bytes = len(bytes(text, "utf-8"))
    return {"loss": loss, "perplexity": 2 ** (loss * math.log2(math.e)),
            "bits_per_byte": loss * math.log2(math.e) * n_targets / n_bytes}  # fmt: skip


@evaluate.case("gives loss, perplexity and bits per byte", points=3)
def figures(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw), batch(draw)]
    model = student.make("practice_model", seed)
    close(student.evaluate(model, batches, "a fox ran"), measured(seed, batches, "a fox ran"), "the figures")


@evaluate.case("counts every target once, whatever batch it is in", points=2)
def unequal_batches(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw, 3, 4), batch(draw, 2, 4, ignored=5), batch(draw, 1, 3)]
    model = student.make("practice_model", seed)
    close(student.evaluate(model, batches, "a fox"), measured(seed, batches, "a fox"), "the figures")


@evaluate.case("switches dropout off, and leaves the model in the mode it was in", points=2)
def modes(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw)]
    model = student.make("practice_model", seed, dropout=0.5)
    close(student.evaluate(model, batches, "a fox"), measured(seed, batches, "a fox"), "the figures")
    true(model.get("training") is True, "The model was in training mode before and is not any more.")
    model.method("set_mode", False)
    student.evaluate(model, batches, "a fox")
    true(model.get("training") is False, "The model was in evaluation mode before and is in training mode now.")


@evaluate.case("leaves the auxiliary loss out", points=2)
def no_auxiliary(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw), batch(draw)]
    model = student.make("practice_model", seed, balance=3.0)
    close(student.evaluate(model, batches, "a fox"), measured(seed, batches, "a fox"), "the figures")


@evaluate.case("counts bytes, not characters", points=1)
def n_bytes(student, draw):
    seed, batches, text = draw.randrange(1000), [batch(draw)], draw.choice(TEXTS)
    model = student.make("practice_model", seed)
    close(student.evaluate(model, batches, text), measured(seed, batches, text), f"the figures for {text!r}")
