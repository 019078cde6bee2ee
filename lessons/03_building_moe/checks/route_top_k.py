"""What `route_top_k` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal

from .oracles import gradients_of, softmax_cut

route_top_k = Exercise(
    "route_top_k",
    points=10,
    stars=1,
    scaffold="blank",
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
    for k in draw.sample([2, 3, 4], 2):
        n_tokens, n_experts = draw.sample(range(5, 10), 2)
        logits = draw.tensor(n_tokens, n_experts)
        _, experts = student.route_top_k(logits, k)
        equal(experts, softmax_cut(logits, k)[1], f"the experts for k = {k}")


@route_top_k.case("gives weights that sum to 1 for each token", points=3)
def sum_to_one(student, draw):
    weights, _ = student.route_top_k(torch.log(torch.tensor([[1.0, 6.0, 1.0, 2.0]])), 2)
    close(weights, torch.tensor([[0.75, 0.25]]), "the weights")
    for k in (2, 3):
        logits = draw.tensor(draw.randint(5, 7), 8)
        close(student.route_top_k(logits, k)[0], softmax_cut(logits, k)[0], f"the weights for k = {k}")


@route_top_k.case("works for k = 1 and for k = E, and for logits of any size", points=2)
def edges(student, draw):
    logits = draw.tensor(4, 5) + draw.choice([800.0, -800.0])
    far_apart = torch.tensor([draw.sample([-60.0, 33.0, 36.0], 3) for _ in range(4)]) + draw.tensor(4, 3)
    for rows, k in ((logits, 1), (logits, 5), (far_apart, 3)):
        got = student.route_top_k(rows, k)
        close(list(got), list(softmax_cut(rows, k)), f"weights and experts for k = {k}")


@route_top_k.case("lets gradients reach the logits", points=2)
def route_gradients(student, draw):
    k = draw.choice([2, 3])
    logits, cotangent = draw.tensor(5, 6), draw.tensor(5, k)
    wanted = gradients_of(lambda one: softmax_cut(one, k)[0], logits, cotangent=cotangent)
    found = student.gradients("route_top_k", logits, k, cotangent=cotangent)
    close(found.inputs[:1], wanted, "the gradient of the logits")
