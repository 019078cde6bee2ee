"""What `load_balancing_loss` must do, case by case."""

import torch

from storyteller_course import Exercise, close

from .oracles import best_of, gradients_of, paddings, slow_balance

load_balancing_loss = Exercise(
    "load_balancing_loss",
    points=12,
    stars=3,
    scaffold="blank",
    hints=(
        "Two numbers for each expert: how often it was chosen, and how probable the router thought it on average. "
        "Multiply them, add up over the experts.",
        "f comes from `expert_ids`: `torch.bincount` counts how often each number appears; divide by the number of "
        "tokens, not of choices. P comes from `probs`: a mean over the tokens, which keeps its gradient.",
        "The mask has shape (B, T), your rows are N = B*T: flatten it, and keep the True rows of both tensors before "
        "you count anything. Do not forget the factor E.",
    ),
    stand_in="storyteller.moe.losses.load_balancing_loss",
)


def uneven(draw, n_tokens, n_experts, k):
    """Probabilities and choices of a router that has favourites."""
    probs = torch.softmax(draw.tensor(n_tokens, n_experts) + draw.tensor(n_experts), -1)
    return probs, torch.tensor([best_of(row, k) for row in probs.tolist()])


@load_balancing_loss.case("is E times the sum of f times P", points=4)
def formula(student, draw):
    for n_tokens, n_experts, k in ((7, 4, 1), (8, 5, 2), (9, 6, 3)):
        probs, experts = uneven(draw, n_tokens, n_experts, k)
        close(
            student.load_balancing_loss(probs, experts),
            slow_balance(probs, experts),
            f"the loss for k = {k}",
        )


@load_balancing_loss.case("is k when all experts are equally busy, and E when one does it all", points=2)
def extremes(student, draw):
    n_experts = draw.randint(3, 6)
    even = torch.full((n_experts, n_experts), 1 / n_experts)
    experts = torch.stack([torch.arange(n_experts), torch.arange(n_experts).roll(1)], dim=1)
    close(student.load_balancing_loss(even, experts), 2.0, "the loss of an even router with k = 2")
    one = torch.zeros(5, n_experts)
    one[:, -2] = 1.0
    alone = torch.full((5, 1), n_experts - 2)
    close(
        student.load_balancing_loss(one, alone),
        float(n_experts),
        "the loss when one expert gets every token (k = 1)",
    )


@load_balancing_loss.case("counts real tokens only", points=3)
def only_real(student, draw):
    for mask, n_experts, k in zip(paddings(draw), (4, 5), (2, 3), strict=True):
        probs, experts = uneven(draw, mask.numel(), n_experts, k)
        got = student.load_balancing_loss(probs, experts, attention_mask=mask)
        close(got, slow_balance(probs, experts, mask.flatten()), "the loss with padding")


@load_balancing_loss.case("has a gradient that lowers the favourites", points=3)
def pushes_down(student, draw):
    probs, experts = uneven(draw, 6, 4, 2)
    wanted = gradients_of(lambda one: slow_balance(one, experts), probs, cotangent=torch.tensor(1.0))
    found = student.gradients("load_balancing_loss", probs, experts)
    close(found.inputs[:1], wanted, "the gradient of the probabilities")
