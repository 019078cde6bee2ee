"""What `train` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.toy_training import PracticeModel

from .oracles import batch, torchs_rates, weighed

train = Exercise(
    "train",
    in_library="storyteller.training.trainer.Trainer.run",
    points=8,
    stars=3,
    builds_on=("cross_entropy", "learning_rate"),
    bug_hunt=True,
    hints=(
        "Take 4 micro-batches, 2 epochs, `every=2`, and print the learning rates. How many are there, how many should "
        "there be, and what is the last one?",
        "Then take 5 micro-batches: what happens with the gradient of the fifth? Follow it into the next epoch.",
        "The schedule is asked with the number of updates made, out of all updates, the small ones at "
        "the ends of epochs included: that is epochs times the groups in an epoch. A group that is "
        "smaller is divided by its own size.",
    ),
)


def by_the_book(seed, batches, epochs, every, rate, warmup):
    """Each update with one large batch, PyTorch's optimizer and PyTorch's schedulers: weights and rates."""
    model = PracticeModel(seed, balance=1.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    starts = list(range(0, len(batches), every)) * epochs
    groups = [batches[first : first + every] for first in starts]
    rates = [rate * share for share in torchs_rates(len(groups), warmup, 0.1)]
    for group, now in zip(groups, rates, strict=True):
        optimizer.zero_grad()
        sum(weighed(model, group)).backward()
        for part in optimizer.param_groups:
            part["lr"] = now
        optimizer.step()
    return model.weights(), rates


def check_run(student, draw, n_batches, **options):
    seed, batches = draw.randrange(1000), [batch(draw) for _ in range(n_batches)]
    model = student.make("practice_model", seed, balance=1.0)
    got = student.train(model, batches, **options)
    is_training = model.get("training")
    true(is_training is True, "The model was in training mode and is not any more; whoever trains on loses dropout.")
    weights, rates = by_the_book(seed, batches, **options)
    return model.method("weights"), weights, got, rates


@train.case("counts the schedule in updates", points=3)
def schedule(student, draw):
    for epochs, rate, warmup in ((3, 0.05, 2), (2, 0.02, 1)):
        options = {"epochs": epochs, "every": draw.choice([2, 3]), "rate": rate, "warmup": warmup}
        _, _, got, rates = check_run(student, draw, 6, **options)
        close(got, rates, "the learning rates")


@train.case("makes an update of what is left at the end of an epoch", points=3)
def rest_of_epoch(student, draw):
    every = draw.choice([2, 3, 4])
    mine, weights, got, rates = check_run(student, draw, 5, epochs=2, every=every, rate=0.05, warmup=1)
    equal(len(got), len(rates), f"the number of updates in 2 epochs of 5 micro-batches, {every} in an update")
    close(mine, weights, "the weights after 2 epochs")


@train.case("ends with the weights that large batches would give", points=2)
def large_batches(student, draw):
    for n_batches, epochs, rate in ((4, 2, 0.05), (2, 3, 0.03)):
        mine, weights, _, _ = check_run(student, draw, n_batches, epochs=epochs, every=2, rate=rate, warmup=1)
        close(mine, weights, f"the weights after {epochs} epochs")


@train.case("still trains with an update for every micro-batch", points=0)
def single(student, draw):
    mine, weights, got, rates = check_run(student, draw, 3, epochs=2, every=1, rate=0.05, warmup=2)
    close(got, rates, "the learning rates with an update for every micro-batch")
    close(mine, weights, "the weights with an update for every micro-batch")
