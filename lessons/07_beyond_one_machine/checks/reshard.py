"""What `reshard` must do, case by case."""

import torch

from storyteller_course import Exercise, equal, true

reshard = Exercise(
    "reshard",
    points=5,
    stars=2,
    scaffold="goal",
    bonus=True,
    hints=(
        "A vector of seven numbers on two ranks, and then on three: which numbers does the second of the three get?",
        "The whole vector is there once the parts stand behind one another. From then on it is cut like any other.",
        "Go through the names of the first state. A tensor is put together from all states and cut; a number is handed "
        "to each of the new states as it is.",
    ),
    in_library="storyteller.distributed.sharded_checkpoint.load_shards",
)


def slow(whole, step, ranks):
    """Number by number: the first ranks have one more where it cannot be divided."""
    n, states, first = len(whole["mean"]), [], 0
    for rank in range(ranks):
        size = n // ranks + (rank < n % ranks)
        places = torch.arange(first, first + size)
        states.append({"step": step, **{name: vector[places] for name, vector in whole.items()}})
        first += size
    return states


def compare(student, draw, before, after):
    """From so many ranks to so many."""
    n, step = after * draw.randint(3, 6) + 1, draw.randint(1, 99)  # so that one part is larger than the others
    whole = {"mean": draw.tensor(n), "square": draw.tensor(n)}
    got = student.reshard(slow(whole, step, before), after)
    true(isinstance(got, list | tuple) and len(got) == after, f"There is a state for each of {after} ranks.")
    equal(got, slow(whole, step, after), f"the states, from {before} ranks to {after}")


@reshard.case("cuts the vectors for more ranks, and for fewer", points=3)
def others(student, draw):
    for before, after in ((2, 3), (4, 2), (3, 5)):
        compare(student, draw, before, after)


@reshard.case("goes to one rank and comes from one", points=2)
def single(student, draw):
    for before, after in ((3, 1), (1, 4), (2, 2)):
        compare(student, draw, before, after)
