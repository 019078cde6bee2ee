"""What `route_top_k` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal

from .oracles import WIDE, gradients_of, softmax_cut

route_top_k = Exercise(
    "route_top_k",
    points=10,
    stars=1,
    hints=(
        "Two questions for each token: which k experts have the largest logits, and how much does each of them count?",
        "`logits.topk(k, dim=...)` answers the first, with values and indices. For the second you need numbers that "
        "are positive and sum to 1 over the k that are left.",
        "The softmax goes over the k values that topk gave you, along their last dimension, not over all E.",
    ),
    stand_in="storyteller.moe.router.route_top_k",
)


@route_top_k.case("chooses the k experts with the largest logits, best first", points=3)
def largest(student, draw):
    k = draw.randint(2, 3)
    logits = draw.tensor(6, 8, dtype=WIDE)
    _, experts = student.route_top_k(logits, k)
    equal(experts, softmax_cut(logits, k)[1], "the experts")


@route_top_k.case("gives weights that sum to 1 for each token", points=3)
def sum_to_one(student, draw):
    weights, _ = student.route_top_k(torch.log(torch.tensor([[1.0, 6.0, 1.0, 2.0]])), 2)
    close(weights, torch.tensor([[0.75, 0.25]]), "the weights")
    logits = draw.tensor(6, 8, dtype=WIDE)
    close(student.route_top_k(logits, 2)[0], softmax_cut(logits, 2)[0], "the weights")


@route_top_k.case("works for k = 1 and for k = E, and for logits of any size", points=2)
def edges(student, draw):
    logits = draw.tensor(4, 5, dtype=WIDE) + draw.choice([800.0, -800.0])
    for k in (1, 5):
        got = student.route_top_k(logits, k)
        close(list(got), list(softmax_cut(logits, k)), f"weights and experts for k = {k}")


@route_top_k.case("lets gradients reach the logits", points=2)
def route_gradients(student, draw):
    logits, cotangent = draw.tensor(5, 6, dtype=WIDE), draw.tensor(5, 2, dtype=WIDE)
    wanted = gradients_of(lambda one: softmax_cut(one, 2)[0], logits, cotangent=cotangent)
    found = student.gradients("route_top_k", logits, 2, cotangent=cotangent)
    close(found.inputs[:1], wanted, "the gradient of the logits")
