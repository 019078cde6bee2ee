"""What `cross_entropy` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close


def torchs_loss(logits, targets):
    """PyTorch's own cross-entropy."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


cross_entropy = Exercise(
    "cross_entropy",
    points=10,
    stars=2,
    scaffold="goal",
    hints=(
        "One token first: p is the softmax of its logits, its surprise is -log p of the target. What does log(softmax) "
        "come to when you write it out?",
        "log p = logit - logsumexp(logits). Choose the places that count with a mask before you look up their targets: "
        "-100 is no index.",
        "`targets != IGNORE_INDEX` is a mask of (B, T); indexing both `log_p` and `targets` with it leaves one row for "
        "each target. `gather(-1, ...)` takes one number from each row.",
    ),
    forbidden=(
        "torch.nn.functional.cross_entropy",
        "torch.nn.functional.nll_loss",
        "torch.nn.functional.log_softmax",
    ),
    stand_in="storyteller.training.losses.cross_entropy",
)


@cross_entropy.case("is the mean of -log p(target)", points=3)
def mean_surprise(student, draw):
    logits, targets = draw.tensor(2, 3, 7, scale=2), draw.integers(0, 7, 2, 3)
    close(student.cross_entropy(logits, targets), torchs_loss(logits, targets), "the loss")


@cross_entropy.case("leaves out targets of -100, also from the count", points=3)
def ignores(student, draw):
    logits, targets = draw.tensor(2, 5, 7, scale=2), draw.integers(0, 6, 2, 5)
    for place in draw.sample(range(10), 4):
        targets.view(-1)[place] = -100
    close(student.cross_entropy(logits, targets), torchs_loss(logits, targets), "the loss")


@cross_entropy.case("stays finite for logits of any size", points=2)
def large_logits(student, draw):
    logits, targets = draw.tensor(1, 4, 5, scale=1000), draw.integers(0, 5, 1, 4)
    close(student.cross_entropy(logits, targets), torchs_loss(logits, targets), "the loss of logits around 1000")


@cross_entropy.case("computes coarse logits in float32", points=1)
def coarse(student, draw):
    logits, targets = draw.tensor(2, 3, 500, dtype="bfloat16"), draw.integers(0, 500, 2, 3)
    got = student.cross_entropy(logits, targets)
    close(got, torchs_loss(logits.float(), targets), "the loss of bfloat16 logits")


@cross_entropy.case("has the right gradient, and is 0 where no target counts", points=1)
def gradient(student, draw):
    logits, targets = draw.tensor(2, 3, 5), draw.integers(0, 5, 2, 3)
    targets[0, draw.randrange(3)] = -100
    leaf = logits.clone().requires_grad_()
    [wanted] = torch.autograd.grad(torchs_loss(leaf, targets), leaf)
    close(student.gradients("cross_entropy", logits, targets).inputs[0], wanted, "the gradient of the logits")
    close(student.cross_entropy(logits, torch.full((2, 3), -100)), 0.0, "the loss without a target")
