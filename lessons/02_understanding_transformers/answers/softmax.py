"""Known answers to `softmax`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "softmax",
        "overflows",
        "The exponential of a large number is inf, and inf / inf is nan. Take the largest number away first: that "
        "changes no weight, and then no exponent is above 0.",
        change=("shifted = x - x.amax(dim, keepdim=True)", "shifted = x"),
    ),
    Wrong(
        "softmax",
        "one_maximum_for_all",
        "The largest number of the whole tensor is taken away. A row that lies far below it becomes exp(-4000) = 0 "
        "everywhere, and 0 / 0 is nan. Each row along dim needs its own largest number.",
        change=("x.amax(dim, keepdim=True)", "x.max()"),
    ),
    Wrong(
        "softmax",
        "one_sum_for_all",
        "The weights are divided by the sum over the whole tensor, so that everything together is 1. They must sum to "
        "1 along dim.",
        change=("weights.sum(dim, keepdim=True)", "weights.sum()"),
    ),
    Wrong(
        "softmax",
        "always_last",
        "The argument dim is not used: the numbers compete along the last dimension whatever is asked for.",
        change=(
            ("x.amax(dim, keepdim=True)", "x.amax(-1, keepdim=True)"),
            ("weights.sum(dim, keepdim=True)", "weights.sum(-1, keepdim=True)"),
        ),
    ),
    Wrong(
        "softmax",
        "minus_the_mean",
        "The mean is taken away instead of the largest number. Numbers far above the mean still overflow, and where "
        "there is a -inf the mean is -inf too.",
        change=("x.amax(dim, keepdim=True)", "x.mean(dim, keepdim=True)"),
    ),
    Wrong(
        "softmax",
        "divides_by_the_largest",
        "The weights are divided by the largest of them, so the largest becomes 1. Divide by their sum.",
        change=("weights.sum(dim, keepdim=True)", "weights.amax(dim, keepdim=True)"),
    ),
    Wrong(
        "softmax",
        "without_gradient",
        "The shift is right, but the result was detached on the way: no gradient can flow back, and whatever comes "
        "before this softmax would never learn.",
        change=("weights = shifted.exp()", "weights = shifted.exp().detach()"),
    ),
    Wrong(
        "softmax",
        "logarithms",
        "These are the logarithms of the weights: log_softmax. Take the exponential, or divide where you subtract.",
        change=(
            "return weights / weights.sum(dim, keepdim=True)",
            "return shifted - weights.sum(dim, keepdim=True).log()",
        ),
    ),
    Right(
        "softmax",
        "by_logarithms",
        code="""
def softmax(x, dim=-1):
    return torch.exp(x - torch.logsumexp(x, dim=dim, keepdim=True))
""",
    ),
    Right(
        "softmax",
        "last_dimension_first",
        code="""
def softmax(x, dim=-1):
    rows = x.movedim(dim, 0)
    top, _ = rows.max(dim=0)
    e = torch.exp(rows - top)
    return (e / torch.sum(e, 0)).movedim(0, dim)
""",
    ),
]
