"""What `evaluate` must do, case by case."""

import math

import torch

from storyteller_course import Exercise
from storyteller_course.exercises.exercise import figures, same_condition
from storyteller_course.exercises.toy_training import PracticeModel

from .oracles import batch, weighed

evaluate = Exercise(
    "evaluate",
    in_library="storyteller.training.losses.evaluate",
    points=9,
    stars=2,
    scaffold="goal",
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


NAMES = ("loss", "perplexity", "bits_per_byte")


def measured(seed, batches, text, **options):
    """The figures, from one forward pass over everything."""
    model = PracticeModel(seed, **options).eval()
    with torch.no_grad():
        loss = weighed(model, batches)[0].item()
    n_targets = sum(int((targets >= 0).sum()) for _, targets in batches)
    n_bytes = len(bytes(text, "utf-8"))
    return {"loss": loss, "perplexity": 2 ** (loss * math.log2(math.e)),
            "bits_per_byte": loss * math.log2(math.e) * n_targets / n_bytes}  # fmt: skip


@evaluate.case("gives loss, perplexity and bits per byte", points=2)
def three_figures(student, draw):
    for count, text in ((2, "a fox ran"), (3, "the owl")):
        seed, batches = draw.randrange(1000), [batch(draw, count, 5) for _ in range(count)]
        got = student.evaluate(student.make("practice_model", seed), batches, text)
        figures(got, measured(seed, batches, text), NAMES)


# From here on a figure is compared where its own mistake shows, so that one wrong figure does not cost all cases.


@evaluate.case("counts every target once, whatever batch it is in", points=2)
def unequal_batches(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw, 3, 4), batch(draw, 2, 4, ignored=5), batch(draw, 1, 3)]
    got = student.evaluate(student.make("practice_model", seed), batches, "a fox")
    figures(got, measured(seed, batches, "a fox"), ["loss"])


@evaluate.case("switches dropout off, and leaves the model in the mode it was in", points=2)
def modes(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw)]
    model = student.make("practice_model", seed, dropout=0.5, frozen=draw.choice([True, False]))
    model.method("leave_gradients", batches[0][0])
    seen = []
    for training in (True, False):
        model.method("set_mode", training)
        before = model.condition()
        seen.append((student.evaluate(model, batches, "a fox"), before, model.condition()))
    for got, before, after in seen:
        figures(got, measured(seed, batches, "a fox"), ["loss"])
        same_condition(after, before)


@evaluate.case("leaves the auxiliary loss out", points=2)
def no_auxiliary(student, draw):
    seed, batches = draw.randrange(1000), [batch(draw), batch(draw)]
    with_balance = student.evaluate(student.make("practice_model", seed, balance=3.0), batches, "a fox")
    figures(with_balance, measured(seed, batches, "a fox"), ["loss"])
    without = student.evaluate(student.make("practice_model", seed), batches, "a fox")
    figures(with_balance, without, NAMES)  # both are the student's


@evaluate.case("counts bytes, not characters", points=1)
def n_bytes(student, draw):
    batches = [batch(draw, 2, 4, ignored=3), batch(draw, 1, 3)]
    for text in draw.sample(TEXTS, 2):
        seed = draw.randrange(1000)
        got = student.evaluate(student.make("practice_model", seed), batches, text)
        figures(got, measured(seed, batches, text), ["bits_per_byte"])
