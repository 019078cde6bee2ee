"""Known answers to `route_top_k`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "route_top_k",
        "not_renormalised",
        "The softmax is taken over all experts and then cut to the k best, so the weights of a token sum to less than "
        "1, and what it gets back is too small. Take the softmax over the k chosen logits.",
        change=(
            ("best, experts = logits.topk(k, dim=-1)", "best, experts = logits.softmax(dim=-1).topk(k, dim=-1)"),
            ("weights = best.softmax(dim=-1)", "weights = best"),
        ),
    ),
    Wrong(
        "route_top_k",
        "softmax_twice",
        "The k best probabilities go through a second softmax. It takes numbers between 0 and 1 for logits, and makes "
        "all weights nearly equal. Either softmax the k logits, or divide the k probabilities by their sum.",
        change=("best, experts = logits.topk(k, dim=-1)", "best, experts = logits.softmax(dim=-1).topk(k, dim=-1)"),
    ),
    Wrong(
        "route_top_k",
        "over_the_tokens",
        "The weights compete along the tokens: each column sums to 1 where each row should. The softmax belongs on the "
        "last dimension.",
        change=("weights = best.softmax(dim=-1)", "weights = best.softmax(dim=0)"),
    ),
    Wrong(
        "route_top_k",
        "smallest",
        "These are the experts with the smallest logits. The router's logit says how well an expert fits: take the "
        "largest.",
        change=("logits.topk(k, dim=-1)", "logits.topk(k, dim=-1, largest=False)"),
    ),
    Wrong(
        "route_top_k",
        "all_alike",
        "Every chosen expert gets the weight 1/k, whatever the router thinks of it. Then nothing tells the router "
        "which of its choices was good: no gradient reaches it.",
        change=("weights = best.softmax(dim=-1)", "weights = torch.full_like(best, 1 / k)"),
    ),
    Wrong(
        "route_top_k",
        "by_number",
        "The experts are sorted by their number and the weights by their size, so they no longer belong together. Keep "
        "the order that topk gives to both.",
        change=(
            "best, experts = logits.topk(k, dim=-1)  # (N, k) each",
            "best, experts = logits.topk(k, dim=-1)\n    experts = experts.sort(dim=-1).values",
        ),
    ),
    Wrong(
        "route_top_k",
        "overflow",
        "exp of a large logit is inf, and inf / inf is nan; exp of a very small one is 0, and 0 / 0 is nan too. A "
        "softmax that takes the largest logit away first has neither problem: use `softmax`.",
        change=("weights = best.softmax(dim=-1)", "weights = best.exp() / best.exp().sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "route_top_k",
        "detached",
        "The weights are cut off from the logits (detach, no_grad or .data), so the router can never learn: its only "
        "news of the experts' work comes back through the weights.",
        change=("weights = best.softmax(dim=-1)", "weights = best.detach().softmax(dim=-1)"),
    ),
    Wrong(
        "route_top_k",
        "minus_the_smallest",
        "The smallest logit is subtracted before exp, so the others stay large and exp overflows where they lie far "
        "apart. Subtract the largest: then no exponent is above 0.",
        change=(
            "weights = best.softmax(dim=-1)",
            "shifted = (best - best[:, -1:]).exp()\n    weights = shifted / shifted.sum(dim=-1, keepdim=True)",
        ),
    ),
    Wrong(
        "route_top_k",
        "sigmoid",
        "Each chosen logit gets a sigmoid by itself, so the weights do not sum to 1. Take the softmax of the k.",
        change=("best.softmax(dim=-1)", "best.sigmoid()"),
    ),
    Wrong(
        "route_top_k",
        "best_last",
        "The best expert comes last. The order is best first.",
        change=("return weights, experts", "return weights.flip(-1), experts.flip(-1)"),
    ),
    Wrong(
        "route_top_k",
        "logits_over_their_sum",
        "The logits are divided by their sum, without exp. A logit may be negative, and such a share as well: take "
        "the softmax.",
        change=("best.softmax(dim=-1)", "best / best.sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "route_top_k",
        "experts_first",
        "Weights and experts come in the wrong order.",
        change=("return weights, experts", "return experts, weights"),
    ),
    Right(
        "route_top_k",
        "renormalise_probabilities",
        code="""
        def route_top_k(logits, k):
            logits = logits - logits.max(dim=-1, keepdim=True).values
            probs = logits.exp() / logits.exp().sum(dim=-1, keepdim=True)
            weights, experts = torch.topk(probs, k)
            return weights / weights.sum(dim=-1, keepdim=True), experts
        """,
    ),
    Right(
        "route_top_k",
        "mask_the_others",
        code="""
        def route_top_k(logits, k):
            order = logits.argsort(dim=-1, descending=True)
            chosen, others = order[:, :k], order[:, k:]
            masked = logits.scatter(1, others, float("-inf"))
            return torch.softmax(masked, dim=1).gather(1, chosen), chosen
        """,
    ),
    Right(
        "route_top_k",
        "in_float32_and_back",
        code="""
        def route_top_k(logits, k):
            routing_weights = torch.nn.functional.softmax(logits, dim=1, dtype=torch.float32)
            routing_weights, selected_experts = torch.topk(routing_weights, k, dim=-1)
            routing_weights = routing_weights / routing_weights.sum(dim=-1, keepdim=True)
            return routing_weights.to(logits.dtype), selected_experts
        """,
    ),
    Right(
        "route_top_k",
        "softmax_by_hand",
        code="""
        def route_top_k(logits, k):
            values, indices = torch.sort(logits, dim=-1, descending=True)
            values, indices = values[..., :k], indices[..., :k]
            exponentials = torch.exp(values - values[..., :1])
            weights = exponentials / exponentials.sum(-1, keepdim=True)
            assert torch.allclose(weights, torch.softmax(values, dim=-1), atol=1e-5)
            return weights, indices
        """,
    ),
]
