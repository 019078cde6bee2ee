"""What `kl_k3` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of

kl_k3 = Exercise(
    "kl_k3",
    points=6,
    stars=2,
    scaffold="blank",
    hints=(
        "Which of the two probabilities is above, and which below? Both estimators in the text use the same r.",
        "You have logarithms: the logarithm of a ratio is a difference, and `exp` brings the ratio back.",
        "r less 1 less its logarithm, token by token, with no mean and no sum.",
    ),
    stand_in="storyteller.rl.losses.kl_k3",
)


def slow(log_probs, ref):
    """Number by number."""
    pairs = zip(log_probs.flatten().tolist(), ref.flatten().tolist(), strict=True)
    return torch.tensor([math.exp(b) / math.exp(a) - 1 - (b - a) for a, b in pairs]).view_as(log_probs)


@kl_k3.case("is the estimate of each token", points=4)
def each_token(student, draw):
    for shape in ((7,), (3, 5)):
        log_probs, ref = -draw.tensor(*shape).abs(), -draw.tensor(*shape).abs()
        close(student.kl_k3(log_probs, ref), slow(log_probs, ref), "the estimates")


@kl_k3.case("pulls the model towards the reference", points=2)
def pull(student, draw):
    for shape in ((2, 4), (6,)):
        log_probs, ref = -draw.tensor(*shape).abs(), -draw.tensor(*shape).abs()
        [wanted] = gradients_of(lambda one, ref=ref: ((ref - one).exp() + one).sum(), log_probs)
        found = student.gradients("kl_k3", log_probs, ref)
        close(found.inputs[0], wanted, "the gradient of the log-probabilities")
