"""What `train` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.toy_training import PracticeModel

from .oracles import batch, torchs_rates, weighed

train = Exercise(
    "train",
    in_library="storyteller.training.trainer.Trainer.run",
    points=13,
    stars=3,
    scaffold="blank",
    builds_on=("adamw_step", "decay_groups", "learning_rate", "clip_gradients", "accumulate"),
    hints=(
        "Write the loop for `every=1` and one epoch first: gradients, clip, rate, step. Then ask how many updates "
        "there are with 5 micro-batches, `every=2` and 2 epochs.",
        "An update belongs to a group of micro-batches. Cut the list into groups first; then an epoch is a loop "
        "over groups, and what is left over is a group like the others.",
        "The averages of AdamW are a state for each parameter: keep a dictionary from parameters to states, {} at "
        "first. A parameter is overwritten with `one.data.copy_(new)`, or inside `torch.no_grad()`.",
    ),
)


def by_the_book(seed, batches, epochs, every, rate, warmup, balance):
    """Each update from one loss, with PyTorch's optimizer, clipping and schedulers: weights and records."""
    model = PracticeModel(seed, balance=balance)
    named = list(model.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [one for _, one in named if one.dim() > 1], "weight_decay": 0.1},
            {"params": [one for _, one in named if one.dim() < 2], "weight_decay": 0.0},
        ],
        lr=rate,
        betas=(0.9, 0.95),
    )
    starts = list(range(0, len(batches), every)) * epochs
    records = []
    for first, share in zip(starts, torchs_rates(len(starts), warmup, 0.1), strict=True):
        optimizer.zero_grad()
        loss, auxiliary = weighed(model, batches[first : first + every])
        (loss + auxiliary).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in optimizer.param_groups:
            part["lr"] = rate * share
        optimizer.step()
        records.append({"loss": loss.item(), "rate": rate * share, "norm": norm.item()})
    return model.weights(), records


def check_run(student, draw, batches, *, balance=3.0, **options):
    """Run the student's loop and the other; returns both weights and both records."""
    seed = draw.randrange(1000)
    model = student.make("practice_model", seed, balance=balance)
    model.method("set_mode", False)
    got = student.train(model, batches, **options)
    true(model.get("training") is True, "The model came in evaluation mode and was trained in it: without dropout.")
    weights, records = by_the_book(seed, batches, **options, balance=balance)
    return model.method("weights"), weights, got, records


def of_each(records, name):
    """One number of every record, as far as there is one."""
    return [one.get(name) if isinstance(one, dict) else None for one in records or []]


@train.case("counts the schedule in updates", points=3)
def schedule(student, draw):
    for epochs, rate, warmup in ((3, 0.05, 2), (2, 0.02, 1)):
        options = {"epochs": epochs, "every": draw.choice([2, 3]), "rate": rate, "warmup": warmup}
        _, _, got, records = check_run(student, draw, [batch(draw) for _ in range(6)], **options)
        close(of_each(got, "rate"), of_each(records, "rate"), "the rates")


@train.case("makes an update of what is left at the end of an epoch", points=3)
def rest_of_epoch(student, draw):
    every = draw.choice([2, 3, 4])
    options = {"epochs": 2, "every": every, "rate": 0.05, "warmup": 1}
    mine, weights, got, records = check_run(student, draw, [batch(draw) for _ in range(5)], **options)
    equal(len(got), len(records), f"the number of updates in 2 epochs of 5 micro-batches, {every} in an update")
    close(mine, weights, "the weights after 2 epochs")


@train.case("ends with the weights that large batches would give", points=3)
def large_batches(student, draw):
    for n_batches, epochs, rate in ((4, 2, 0.05), (2, 3, 0.03)):
        batches = [batch(draw, draw.randint(1, 3), 4, ignored=draw.randint(0, 2)) for _ in range(n_batches)]
        options = {"epochs": epochs, "every": 2, "rate": rate, "warmup": 1}
        mine, weights, _, _ = check_run(student, draw, batches, **options)
        close(mine, weights, f"the weights after {epochs} epochs")


@train.case("notes the loss, and the length of the gradient before it is clipped", points=2)
def notes(student, draw):
    options = {"epochs": 1, "every": draw.choice([1, 2]), "rate": 0.04, "warmup": 2}
    batches = [batch(draw, rows) for rows in (2, 3, 1, 2)]
    _, _, got, records = check_run(student, draw, batches, balance=20.0, **options)
    close(of_each(got, "loss"), of_each(records, "loss"), "the losses")
    close(of_each(got, "norm"), of_each(records, "norm"), "the lengths")


@train.case("lets the caller look after each update", points=2)
def looks(student, draw):
    seen, epochs = [], draw.randint(1, 2)
    model = student.make("practice_model", draw.randrange(1000))
    batches = [batch(draw) for _ in range(draw.randint(3, 5))]
    student.train(model, batches, epochs=epochs, every=2, rate=0.05, warmup=1, look=seen.append)
    equal(seen, list(range(1, epochs * -(-len(batches) // 2) + 1)), "what `look` was called with")


@train.case("still trains with an update for every micro-batch", points=0)
def single(student, draw):
    options = {"epochs": 2, "every": 1, "rate": 0.05, "warmup": 2}
    mine, weights, _, _ = check_run(student, draw, [batch(draw) for _ in range(3)], **options)
    close(mine, weights, "the weights with an update for every micro-batch")
