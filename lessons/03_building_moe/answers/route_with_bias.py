"""Known answers to `route_with_bias`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "route_with_bias",
        "weighs_with_the_bias",
        "The weights are made of the biased scores. The bias is there for balance alone: what an expert's answer "
        "counts is the score's business, or the bias would change what the layer computes.",
        change=("chosen = scores.gather(1, experts)", "chosen = (scores + bias).gather(1, experts)"),
    ),
    Wrong(
        "route_with_bias",
        "ignores_the_bias",
        "The experts are chosen by their scores alone, so the bias moves nothing.",
        change=("(scores + bias).topk", "scores.topk"),
    ),
    Wrong(
        "route_with_bias",
        "subtracts_the_bias",
        "The bias is taken off. An expert whose bias is raised is to be chosen more often.",
        change=("(scores + bias).topk", "(scores - bias).topk"),
    ),
    Wrong(
        "route_with_bias",
        "not_normalised",
        "The weights of a token do not sum to 1: divide the chosen scores by their sum.",
        change=("return chosen / chosen.sum(dim=-1, keepdim=True), experts", "return chosen, experts"),
    ),
    Wrong(
        "route_with_bias",
        "softmax_of_scores",
        "The scores go through a softmax, which takes them for logits and makes all weights nearly equal. They are "
        "above 0 already: divide them by their sum.",
        change=("return chosen / chosen.sum(dim=-1, keepdim=True), experts", "return chosen.softmax(dim=-1), experts"),
    ),
    Wrong(
        "route_with_bias",
        "over_all_experts",
        "The chosen scores are divided by the sum over all experts, so the weights of a token sum to less than 1.",
        change=("chosen.sum(dim=-1, keepdim=True)", "scores.sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "route_with_bias",
        "detached_scores",
        "The weights are cut off from the scores (detach, no_grad or .data), so the router never learns.",
        change=("scores.gather(1, experts)", "scores.detach().gather(1, experts)"),
    ),
    Right(
        "route_with_bias",
        "sorted_and_indexed",
        code="""
        def route_with_bias(scores, bias, k):
            order = torch.argsort(scores + bias[None, :], dim=1, descending=True)[:, :k]
            rows = torch.arange(len(scores))[:, None]
            picked = scores[rows, order]
            return torch.div(picked, picked.sum(1)[:, None]), order
        """,
    ),
    Right(
        "route_with_bias",
        "by_logarithms",
        code="""
        def route_with_bias(scores, bias, k):
            _, indices = torch.topk(torch.add(scores, bias), k)
            return torch.take_along_dim(scores.log(), indices, dim=1).softmax(dim=1), indices
        """,
    ),
]
