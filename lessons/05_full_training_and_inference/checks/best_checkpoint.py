"""What `best_checkpoint` must do, case by case."""

import math

from storyteller_course import Exercise, close, equal, true

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


def some_measurements(draw, names, more=0):
    """Of each checkpoint a small corpus and large ones."""
    return {
        name: [
            (draw.uniform(50, 90), draw.randint(60, 90)),
            *[(draw.uniform(300, 900), draw.randint(500, 900)) for _ in range(1 + more)],
        ]
        for name in names
    }


def some_names(draw, count):
    return [f"step-{step}" for step in draw.sample(range(100, 900), count)]


def slow_bits(parts):
    nats, size = 0.0, 0
    for more, length in parts:
        nats, size = nats + more, size + length
    return nats * math.log2(math.e) / size


@best_checkpoint.case("divides all bits by all bytes", points=3)
def all_bits(student, draw):
    for count, more in ((3, 0), (1, 1), (draw.randint(4, 6), 2)):
        measured = some_measurements(draw, some_names(draw, count), more)
        _, got = student.best_checkpoint(measured)
        close(got, {one: slow_bits(corpora) for one, corpora in measured.items()}, "the bits per byte")


@best_checkpoint.case("names the one with the lowest figure, the first of equal ones", points=2)
def lowest(student, draw):
    for place in range(3):  # of the best
        names = some_names(draw, 3)
        measured = some_measurements(draw, names)
        measured[names[place]] = [(draw.uniform(1, 5), 100), (3.0, 40)]
        best, _ = student.best_checkpoint(measured)
        equal(best, names[place], f"the best of {names}")
    names = some_names(draw, 4)
    measured = some_measurements(draw, names)
    low, high = draw.sample(range(4), 2)
    measured[names[low]] = measured[names[high]] = [(draw.uniform(1, 5), 100), (3.0, 40)]
    best, _ = student.best_checkpoint(measured)
    equal(best, names[min(low, high)], f"the best of {names}, of which two are equally good")


@best_checkpoint.case("lets a checkpoint without a figure never win", points=1)
def diverged(student, draw):
    for place in range(3):
        names = some_names(draw, 3)
        measured = some_measurements(draw, names)
        measured[names[place]] = [(math.nan, 80), (300.0, 500)]
        figures = {one: slow_bits(corpora) for one, corpora in measured.items() if one != names[place]}
        best, bits = student.best_checkpoint(measured)
        equal(best, min(figures, key=lambda name: figures[name]), f"the best, where {names[place]} has diverged")
        close(bits[names[place]], math.nan, f"the bits per byte of {names[place]}, which has diverged")
    lost = {name: [(300.0, 500), (math.nan, 80)] for name in some_names(draw, 2)}
    best, _ = student.best_checkpoint(lost)
    true(best in lost, "All checkpoints have diverged; one of their names is wanted all the same.", got=best)
