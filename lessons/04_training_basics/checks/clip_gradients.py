"""What `clip_gradients` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close, equal, true, unchanged

clip_gradients = Exercise(
    "clip_gradients",
    points=9,
    stars=2,
    hints=(
        "Lay all gradients behind one another in one long vector. How long is it? Only its length may change, not its "
        "direction.",
        "The sum of the squares of every number in every tensor, then one root at the end. All tensors are multiplied "
        "with the same factor.",
        "The factor is max_norm / norm, and 1 where norm is smaller already. Mind an infinite norm: the "
        "factor would be 0, and infinity times 0 is nan.",
    ),
    forbidden=("torch.nn.utils.clip_grad_norm_",),
    stand_in="storyteller.training.optim.clip_gradients",
)


def some_gradients(draw, length):
    """Gradients of three shapes whose common length is `length`."""
    found = [draw.tensor(2, 3, dtype="float64"), draw.tensor(4, dtype="float64"), draw.tensor(1, dtype="float64") * 3]
    long = torch.cat([one.flatten() for one in found]).norm()
    return [one * length / long for one in found]


@clip_gradients.case("measures all gradients as one vector", points=3)
def one_vector(student, draw):
    length = draw.choice([0.3, 2.5, 40.0])
    norm, _ = student.clip_gradients(some_gradients(draw, length), 1000.0)
    close(norm, length, "the length")


@clip_gradients.case("shortens them to the greatest length, in the same direction", points=3)
def shortened(student, draw):
    length, most = draw.choice([3.0, 30.0]), draw.choice([1.0, 0.5])
    gradients = some_gradients(draw, length)
    leaves = [one.clone().requires_grad_() for one in gradients]
    for leaf, one in zip(leaves, gradients, strict=True):
        leaf.grad = one.clone()
    torch.nn.utils.clip_grad_norm_(leaves, most)
    norm, got = student.clip_gradients(gradients, most)
    close(norm, length, "the length before clipping")
    close(got, [leaf.grad for leaf in leaves], "the clipped gradients", rtol=1e-5, atol=1e-6)


@clip_gradients.case("leaves short gradients as they are", points=2)
def short_enough(student, draw):
    gradients = some_gradients(draw, 0.4)
    _, got = student.clip_gradients(gradients, 1.0)
    close(got, gradients, "gradients of length 0.4, which may be 1 long")


@clip_gradients.case("hands on gradients that are not finite, and changes no argument", points=1)
def not_finite(student, draw):
    gradients = some_gradients(draw, 2.0)
    student.clip_gradients(gradients, 1.0)
    unchanged(student)
    gradients[1][draw.randrange(4)] = draw.choice([math.inf, math.nan])
    norm, got = student.clip_gradients(gradients, 1.0)
    true(not math.isfinite(norm), "The length of gradients with an infinity or a nan in them is not a finite number.")
    equal(got, gradients, "the gradients, one number of which is not finite")
