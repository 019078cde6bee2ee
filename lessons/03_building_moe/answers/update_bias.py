"""Known answers to `update_bias`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

LINE = "return bias + rate * (counts.mean() - counts).sign()"

answers = [
    Wrong(
        "update_bias",
        "other_way_round",
        "The busy experts are raised and the idle ones lowered, so the rich get richer still.",
        change=("(counts.mean() - counts)", "(counts - counts.mean())"),
    ),
    Wrong(
        "update_bias",
        "by_the_distance",
        "The step is as long as the distance from the even share. Here every step has the length `rate`: a single "
        "uneven batch must not throw the bias far.",
        change=("(counts.mean() - counts).sign()", "(counts.mean() - counts)"),
    ),
    Wrong(
        "update_bias",
        "forgets_the_old",
        "The old bias is lost. It has to add up over the steps.",
        change=(LINE, "return rate * (counts.mean() - counts).sign() + 0 * bias"),
    ),
    Wrong(
        "update_bias",
        "raises_only",
        "Experts that had too much keep their bias. They have to be lowered as well.",
        change=("(counts.mean() - counts).sign()", "(counts.mean() > counts).float()"),
    ),
    Wrong(
        "update_bias",
        "lowers_the_even",
        "An expert with just its even share is moved as well; there is nothing to mend.",
        change=("(counts.mean() - counts).sign()", "((counts < counts.mean()).float() * 2 - 1)"),
    ),
    Right(
        "update_bias",
        "with_where",
        code="""
        def update_bias(bias, counts, *, rate):
            even = counts.double().mean()
            up = torch.where(counts < even, rate, 0.0)
            down = torch.where(counts > even, rate, 0.0)
            return (bias + up - down).to(bias.dtype)
        """,
    ),
    Right(
        "update_bias",
        "by_shares",
        code="""
        def update_bias(bias, counts, *, rate):
            n, total = len(counts), counts.sum()
            return torch.add(bias, torch.sign(total - n * counts), alpha=rate)
        """,
    ),
]
