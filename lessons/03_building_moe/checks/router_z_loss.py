"""What `router_z_loss` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of, paddings

router_z_loss = Exercise(
    "router_z_loss",
    points=6,
    stars=1,
    scaffold="blank",
    bonus=True,
    hints=(
        "For each token one number, the log of the sum of the exponentials of its logits. Then square, then mean.",
        "`torch.logsumexp` along the experts does it without overflow; exp(1000) by itself is inf.",
        "Rows of padding go out first: the mask, flattened, picks rows of the logits.",
    ),
    stand_in="storyteller.moe.losses.router_z_loss",
)


def slow_z(rows):
    """By Python's math, token by token, around the largest logit."""
    logs = [max(row) + math.log(sum(math.exp(one - max(row)) for one in row)) for row in rows]
    return sum(one**2 for one in logs) / len(logs)


@router_z_loss.case("is the mean square of logsumexp", points=3)
def mean_square(student, draw):
    logits = draw.tensor(6, 5, scale=2.0)
    close(student.router_z_loss(logits), slow_z(logits.tolist()), "the loss")


@router_z_loss.case("takes logits of any size", points=1)
def large(student, draw):
    for logits in (draw.tensor(4, 3) + draw.choice([1000.0, -1000.0]), draw.tensor(5, 4, scale=500.0)):
        close(student.router_z_loss(logits), slow_z(logits.tolist()), "the loss of large logits")


@router_z_loss.case("leaves padding out, and pulls the real logits towards 0", points=2)
def z_padding(student, draw):
    for mask, n_experts in zip(paddings(draw), (4, 3), strict=True):
        logits = draw.tensor(mask.numel(), n_experts)
        real = [row for row, keep in zip(logits.tolist(), mask.flatten().tolist(), strict=True) if keep]
        close(student.router_z_loss(logits, attention_mask=mask), slow_z(real), "the loss with padding")
    wanted = gradients_of(lambda one: one.exp().sum(-1).log().pow(2).mean(), logits, cotangent=torch.tensor(1.0))
    close(student.gradients("router_z_loss", logits).inputs, wanted, "the gradient of the logits")
