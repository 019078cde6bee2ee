"""What `dpo_loss` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of

dpo_loss = Exercise(
    "dpo_loss",
    points=6,
    stars=2,
    scaffold="blank",
    bonus=True,
    hints=(
        "How much likelier has the better story become since the reference? The same for the worse one.",
        "What goes into the sigmoid is beta times the difference of these two.",
        "`F.logsigmoid` does not overflow; `torch.log(torch.sigmoid(x))` does, for x of -1000.",
    ),
    stand_in="storyteller.rl.losses.dpo_loss",
)


def slow(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    """Pair by pair: log(1 + exp(-margin))."""
    losses = []
    for a, b, c, d in zip(*(one.tolist() for one in (chosen, rejected, ref_chosen, ref_rejected)), strict=True):
        margin = beta * ((a - c) - (b - d))
        losses.append(math.log1p(math.exp(-margin)) if margin > 0 else math.log1p(math.exp(margin)) - margin)
    return sum(losses) / len(losses)


def pairs(draw, P):
    """Log-probabilities of P pairs of stories under both models."""
    return [-10 - 5 * draw.tensor(P).abs() for _ in range(4)]


@dpo_loss.case("asks the better story to gain more on the reference than the worse one", points=3)
def gains(student, draw):
    for P in (1, 5):
        given = pairs(draw, P)
        close(student.dpo_loss(*given), slow(*given), "the loss")


@dpo_loss.case("takes beta into account, and far margins without overflowing", points=2)
def betas(student, draw):
    for beta in (0.5, 2.0):
        given = pairs(draw, 4)
        close(student.dpo_loss(*given, beta=beta), slow(*given, beta), f"the loss with beta {beta}")
    far = [torch.tensor([-900.0]), torch.tensor([-20.0]), torch.tensor([-25.0]), torch.tensor([-30.0 - draw.random()])]
    close(student.dpo_loss(*far, beta=1.0), slow(*far, 1.0), "the loss of a pair that is far off")


@dpo_loss.case("pushes one up and the other down", points=1)
def push(student, draw):
    given = pairs(draw, 3)
    found = student.gradients("dpo_loss", *given, beta=0.3)

    def by_formula(chosen, rejected):
        margin = 0.3 * ((chosen - given[2]) - (rejected - given[3]))
        return (1 + (-margin).exp()).log().mean()

    close(found.inputs[:2], gradients_of(by_formula, given[0], given[1]), "the gradients of both stories")
