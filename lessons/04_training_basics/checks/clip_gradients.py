"""What `clip_gradients` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close, equal, true, unchanged

clip_gradients = Exercise(
    "clip_gradients",
    points=8,
    stars=2,
    bug_hunt=True,
    hints=(
        "Give it two gradients of different lengths, (3, 0) and (4), and compare what comes with the example by hand. "
        "Then two that are short already, and two of which one holds an infinity.",
        "Lay all gradients one after the other in one long vector: only its length may change, not its direction. What "
        "does that say of the factors of the tensors?",
        "There is one factor for all. It is max_norm / norm, and 1 where norm is smaller already. With an infinite "
        "norm it would be 0, and infinity times 0 is nan.",
    ),
    forbidden=("torch.nn.utils.clip_grad_norm_",),
    stand_in="storyteller.training.optim.clip_gradients",
)


def some_gradients(draw, length):
    """Gradients of several shapes, in any order, whose common length is `length`."""
    shapes = [(draw.randint(2, 3), 4), (5,), (1,), (2, 2, 3)]
    found = [draw.tensor(*shape, scale=2.0) for shape in draw.sample(shapes, draw.randint(2, 4))]
    long = torch.cat([one.flatten() for one in found]).norm()
    return [one * length / long for one in found]


@clip_gradients.case("still measures all gradients as one vector", points=0)
def one_vector(student, draw):
    for length in draw.sample([0.3, 2.5, 40.0], 2):
        norm, _ = student.clip_gradients(some_gradients(draw, length), 1000.0)
        close(norm, length, "the length")


@clip_gradients.case("shortens them to the greatest length, in the same direction", points=4)
def shortened(student, draw):
    length, most = draw.choice([3.0, 30.0]), draw.choice([2.0, 0.5])
    gradients = some_gradients(draw, length)
    leaves = [one.clone().requires_grad_() for one in gradients]
    for leaf, one in zip(leaves, gradients, strict=True):
        leaf.grad = one.clone()
    torch.nn.utils.clip_grad_norm_(leaves, most)
    norm, got = student.clip_gradients(gradients, most)
    close(norm, length, "the length before clipping")
    close(got, [leaf.grad for leaf in leaves], "the clipped gradients")


@clip_gradients.case("leaves short gradients as they are", points=2)
def short_enough(student, draw):
    gradients = some_gradients(draw, 0.4)
    for most in (1.0, draw.choice([0.5, 20.0])):
        _, got = student.clip_gradients(gradients, most)
        close(got, gradients, f"gradients of length 0.4, which may be {most} long")
    _, got = student.clip_gradients([torch.zeros(3), torch.zeros(2, 2)], 1.0)
    close(got, [torch.zeros(3), torch.zeros(2, 2)], "gradients that are all 0")


@clip_gradients.case("hands on gradients that are not finite, and changes no argument", points=2)
def not_finite(student, draw):
    gradients = some_gradients(draw, 2.0)
    student.clip_gradients(gradients, 1.0)
    unchanged(student)
    for number in (math.inf, math.nan):
        spoiled = [one.clone() for one in gradients]
        spoiled[draw.randrange(len(spoiled))].view(-1)[0] = number
        norm, got = student.clip_gradients(spoiled, 1.0)
        true(not math.isfinite(norm), f"The length of gradients with {number} in them is not a finite number.")
        equal(got, spoiled, f"the gradients, one number of which is {number}")
