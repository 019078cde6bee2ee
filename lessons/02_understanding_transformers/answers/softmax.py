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
        "lost_dimension",
        "What is taken along dim, the sum or the largest number, has lost that dimension, so it no longer lines up "
        "with the rows of x: keepdim=True.",
        change=("weights.sum(dim, keepdim=True)", "weights.sum(dim)"),
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
    Wrong(
        "softmax",
        "minus_the_first",
        "The first number is taken away instead of the largest. Where a later one is much larger, its exponential "
        "still overflows.",
        change=("x.amax(dim, keepdim=True)", "x.narrow(dim, 0, 1)"),
    ),
    Wrong(
        "softmax",
        "minus_the_smallest",
        "The smallest number is taken away instead of the largest, so all exponents are 0 or more and overflow the"
        " sooner; and where there is a -inf, that is the smallest.",
        change=("x.amax(dim, keepdim=True)", "x.amin(dim, keepdim=True)"),
    ),
    Wrong(
        "softmax",
        "in_place",
        "x itself is changed, so whoever calls the function has other numbers afterwards. Make a new tensor: x - "
        "..., and not x -= ...",
        change=("shifted = x - x.amax(dim, keepdim=True)", "shifted = x.sub_(x.amax(dim, keepdim=True))"),
    ),
    Wrong(
        "softmax",
        "base_two",
        "The powers are those of 2. The softmax takes those of e: `exp`.",
        change=("shifted.exp()", "shifted.exp2()"),
    ),
    Wrong(
        "softmax",
        "one_in_the_sum",
        "The sum has a 1 too many, so the weights sum to less than 1.",
        change=("weights.sum(dim, keepdim=True)", "(1 + weights.sum(dim, keepdim=True))"),
    ),
    Wrong(
        "softmax",
        "largest_size",
        "The largest absolute value is taken away, not the largest number. Of numbers far below 0 nothing is left "
        "then: 0 / 0.",
        change=("x.amax(dim, keepdim=True)", "x.abs().amax(dim, keepdim=True)"),
    ),
    Wrong(
        "softmax",
        "unit_length",
        "The weights are divided by their length (the root of the sum of their squares). They must sum to 1: divide "
        "by the sum.",
        change=("weights.sum(dim, keepdim=True)", "weights.norm(dim=dim, keepdim=True)"),
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
    Right(
        "softmax",
        "in_float32",
        code="""
def softmax(x, dim=-1):
    wide = x.float()
    e = torch.exp(wide - wide.max(dim=dim, keepdim=True).values)
    return (e / e.sum(dim=dim, keepdim=True)).type_as(x)
""",
    ),
    Right(
        "softmax",
        "against_torch",
        code="""
def softmax(x, dim=-1):
    top = x.max(dim, keepdim=True)[0]
    numerator = torch.exp(x - top)
    weights = numerator / numerator.sum(dim, keepdim=True)
    assert torch.allclose(weights, torch.softmax(x, dim), atol=1e-3)
    return weights
""",
    ),
    Right(
        "softmax",
        "as_in_numpy",
        code="""
def softmax(x, dim=-1):
    size = list(x.shape)
    size[dim] = 1
    exps = torch.exp(x - torch.amax(x, dim).reshape(size))
    return exps / torch.sum(exps, dim).reshape(size)
""",
    ),
]
