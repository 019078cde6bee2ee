"""What `combine_gradients` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true

from .oracles import Ranks

combine_gradients = Exercise(
    "combine_gradients",
    points=10,
    stars=2,
    bug_hunt=True,
    hints=(
        "Two ranks, one parameter. The first has 1 target and the gradient 3, the second 3 targets and the gradient 1. "
        "What is the gradient of the mean over all four targets? And what comes out here?",
        "A mean of means is a mean only if all parts are equally large. And ask of every number in the function: is it "
        "this rank's, or that of the step?",
        "Weigh each gradient with this rank's share of all targets before it is summed, which needs the number of all "
        "targets first. And measure the length of what has been summed.",
    ),
    in_library="storyteller.distributed.data_parallel.ParallelProcesses.clip_gradients",
)


def drawn(draw, ranks, *, equal_parts=False, scale=1.0):
    """Gradients of some parameters for each rank, and its number of targets."""
    shapes = draw.sample([(3,), (2, 4), (5, 2), (1, 3, 2), (6,)], 2)
    gradients = [[draw.tensor(*shape, scale=scale) for shape in shapes] for _ in range(ranks)]
    targets = [draw.randint(2, 9)] * ranks if equal_parts else draw.sample(range(2, 40), ranks)
    return gradients, targets


def slow(gradients, targets, max_norm):
    """Target by target: each has its rank's gradient, and the mean is over all of them."""
    means = []
    for of_ranks in zip(*gradients, strict=True):
        rows = [one.double() for one, count in zip(of_ranks, targets, strict=True) for _ in range(count)]
        means.append(torch.stack(rows).mean(dim=0))
    length = torch.cat([one.flatten() for one in means]).norm().item()
    return [(one * min(1.0, max_norm / length)).float() for one in means]


def run(student, gradients, targets, max_norm):
    """What each rank gets."""
    ranks = Ranks(len(targets))

    def call(rank, meet):
        return student.combine_gradients(
            gradients[rank], targets[rank], lambda message: meet("all_reduce", message), max_norm=max_norm
        )

    return ranks.run(call)


def compare(student, gradients, targets, max_norm, what):
    wanted = slow(gradients, targets, max_norm)
    for rank, got in enumerate(run(student, gradients, targets, max_norm)):
        close(got, wanted, f"{what}, on rank {rank} of {len(targets)}", rtol=1e-4, atol=1e-5)


@combine_gradients.case("gives the gradients of one large batch where ranks have unequal numbers of targets", points=5)
def unequal(student, draw):
    for count in (2, 3):
        gradients, targets = drawn(draw, count)
        compare(student, gradients, targets, 1000.0 + draw.random(), "the gradients, none of them long")


@combine_gradients.case("shortens the gradients of the step, and by the same factor on all ranks", points=5)
def shortened(student, draw):
    for count in (2, 3):
        gradients, targets = drawn(draw, count, equal_parts=True, scale=2.0)
        # One rank has by far the longest gradients.
        gradients[-1] = [one * 5 for one in gradients[-1]]
        max_norm = draw.randint(3, 20) / 10
        compare(student, gradients, targets, max_norm, f"the gradients, shortened to {max_norm}")


@combine_gradients.case("still gives all ranks the same where they have equally many short gradients", points=0)
def alike(student, draw):
    gradients, targets = drawn(draw, 2, equal_parts=True)
    compare(student, gradients, targets, 900.0, "the gradients of equal parts")


@combine_gradients.case("still works where all gradients are 0", points=0)
def nothing(student, draw):
    gradients, targets = drawn(draw, 2, scale=0.0)
    for got in run(student, gradients, targets, 1.0):
        close(got, gradients[0], "the gradients where there are none")
        true(len(got) == len(gradients[0]), "There is one gradient for each parameter.")
