"""What `best_checkpoint` must do, case by case."""

import math

from storyteller_course import Exercise, close, equal

best_checkpoint = Exercise(
    "best_checkpoint",
    points=6,
    stars=1,
    hints=(
        "Two corpora: 100 bytes with 100 nats, 900 bytes with 450 nats. The figure of both together is not the mean of "
        "the two figures. Which is it?",
        "Add up all nats, add up all bytes, divide once; log(2) makes bits of nats. Then the name with the lowest.",
        "min over the names, with a key that gives the figure. Every comparison with NaN is false: let the key give "
        "infinity in its place.",
    ),
)


def some_measurements(draw, names):
    return {
        name: [(draw.uniform(50, 90), draw.randint(60, 90)), (draw.uniform(300, 900), draw.randint(500, 900))]
        for name in names
    }


def slow_bits(parts):
    nats, size = 0.0, 0
    for more, length in parts:
        nats, size = nats + more, size + length
    return nats * math.log2(math.e) / size


@best_checkpoint.case("divides all bits by all bytes", points=3)
def all_bits(student, draw):
    measured = some_measurements(draw, ["step-100", "step-200", "step-300"])
    _, got = student.best_checkpoint(measured)
    close(got, {one: slow_bits(corpora) for one, corpora in measured.items()}, "the bits per byte")


@best_checkpoint.case("names the one with the lowest figure, the first of equal ones", points=2)
def lowest(student, draw):
    names = [f"step-{step}" for step in draw.sample(range(100, 900), 4)]
    measured = some_measurements(draw, names)
    low, high = draw.sample(range(4), 2)
    measured[names[low]] = measured[names[high]] = [(draw.uniform(1, 5), 100), (3.0, 40)]
    best, _ = student.best_checkpoint(measured)
    equal(best, names[min(low, high)], f"the best of {names}, of which two are equally good")


@best_checkpoint.case("lets a checkpoint without a figure never win", points=1)
def diverged(student, draw):
    names = [f"step-{step}" for step in (100, 200, 300)]
    for place in range(3):
        measured = some_measurements(draw, names)
        measured[names[place]] = [(math.nan, 80), (300.0, 500)]
        figures = {one: slow_bits(corpora) for one, corpora in measured.items() if one != names[place]}
        best, _ = student.best_checkpoint(measured)
        equal(best, min(figures, key=lambda name: figures[name]), f"the best, where {names[place]} has diverged")
