"""What `route_with_bias` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal

from .oracles import best_of, gradients_of

route_with_bias = Exercise(
    "route_with_bias",
    points=7,
    stars=2,
    scaffold="blank",
    hints=(
        "There are two questions, and the bias has a part in one of them only: who is chosen, and how much do they "
        "count?",
        "You need the numbers of the chosen experts first. `gather` then fetches, row by row, what stands at "
        "these numbers.",
        "The scores are above 0 and no logits, so no softmax is needed to make k of them sum to 1.",
    ),
    stand_in="storyteller.moe.router.route_with_bias",
)


def chosen_by(scores, bias, k):
    """The experts with the largest sums, best first."""
    return torch.tensor([best_of(row, k) for row in (scores + bias).tolist()])


def weights_by(scores, experts):
    """The scores of the chosen, over their sum."""
    rows = [[row[e] for e in own] for row, own in zip(scores.tolist(), experts.tolist(), strict=True)]
    return torch.tensor([[one / sum(row) for one in row] for row in rows])


def case_of(draw, n_tokens, n_experts):
    """Scores between 0 and 1, and a bias that is large enough to decide some choices."""
    return draw.tensor(n_tokens, n_experts).sigmoid(), draw.tensor(n_experts, scale=0.4)


@route_with_bias.case("chooses by score and bias together", points=3)
def choice(student, draw):
    for k, n_tokens, n_experts in ((2, 9, 5), (3, 7, 6)):
        scores, bias = case_of(draw, n_tokens, n_experts)
        _, experts = student.route_with_bias(scores, bias, k)
        equal(experts, chosen_by(scores, bias, k), f"the experts for k = {k}")


@route_with_bias.case("gives weights that sum to 1 for each token, by the scores", points=3)
def weights(student, draw):
    for k, n_tokens, n_experts in ((2, 8, 5), (3, 6, 4)):
        scores, bias = case_of(draw, n_tokens, n_experts)
        wanted = weights_by(scores, chosen_by(scores, bias, k))
        close(student.route_with_bias(scores, bias, k)[0], wanted, f"the weights for k = {k}")


@route_with_bias.case("lets gradients reach the scores", points=1)
def bias_gradients(student, draw):
    scores, bias = case_of(draw, 6, 5)
    cotangent = draw.tensor(6, 2)
    experts = chosen_by(scores, bias, 2)

    def slow(one):
        own = one.gather(1, experts)
        return own / own.sum(1, keepdim=True)

    wanted = gradients_of(slow, scores, cotangent=cotangent)
    found = student.gradients("route_with_bias", scores, bias, 2, cotangent=cotangent)
    close(found.inputs[:1], wanted, "the gradient of the scores")
