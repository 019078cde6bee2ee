"""Known answers to `combine_gradients`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

SHARE = (
    "total = all_reduce(torch.tensor(n_targets, dtype=torch.float64))\n    share = n_targets / total",
    "ranks = all_reduce(torch.tensor(1.0))\n    share = 1 / ranks",
)
SUMMED = "all_reduce(gradient * share) for gradient in gradients"
LOCAL = (
    (SUMMED, "gradient * share for gradient in gradients"),
    ("return [gradient * factor for gradient in combined]", "return [all_reduce(one * factor) for one in combined]"),
    ("torch.stack([gradient.norm() for gradient in combined])", "torch.stack([one.norm() for one in gradients])"),
)

answers = [
    Given("combine_gradients", change=(SHARE, *LOCAL)),
    Wrong(
        "combine_gradients",
        "mean_over_ranks",
        "Each rank counts the same here, however many targets it has. A target of a rank with few of them then counts "
        "more than one of a rank with many.",
        change=SHARE,
    ),
    Wrong(
        "combine_gradients",
        "local_norm",
        "The targets are weighed as they should be. But the length is still that of this rank's own gradients, so each "
        "rank shortens by a factor of its own.",
        change=LOCAL,
    ),
    Wrong(
        "combine_gradients",
        "weighed_and_not_divided",
        "The gradients are multiplied by the number of targets, and never divided by the number of all of them.",
        change=("share = n_targets / total", "share = n_targets"),
    ),
    Wrong(
        "combine_gradients",
        "each_parameter_by_itself",
        "Each parameter is shortened by its own length. The length over all of them together is meant, for the "
        "direction of the step must stay.",
        change=(
            "return [gradient * factor for gradient in combined]",
            "return [one * (max_norm / one.norm().clamp(min=1e-12)).clamp(max=1.0) for one in combined]",
        ),
    ),
    Wrong(
        "combine_gradients",
        "always_this_long",
        "Short gradients are made longer here. Only those longer than `max_norm` are to be changed.",
        change=("(max_norm / norm).clamp(max=1.0) if", "(max_norm / norm) if"),
    ),
    Wrong(
        "combine_gradients",
        "never_shortened",
        "The gradients are never shortened.",
        change=("(max_norm / norm).clamp(max=1.0) if norm > 0 else 1.0", "1.0"),
    ),
    Right(
        "combine_gradients",
        "one_message",
        code="""
        def combine_gradients(gradients, n_targets, all_reduce, *, max_norm):
            flat = torch.cat([one.flatten() * n_targets for one in gradients] + [torch.tensor([float(n_targets)])])
            flat = all_reduce(flat)
            flat = flat[:-1] / flat[-1]
            length = float(flat.norm())
            if length > max_norm:
                flat = flat * (max_norm / length)
            pieces = flat.split([one.numel() for one in gradients])
            return [piece.view(one.shape) for piece, one in zip(pieces, gradients)]
        """,
    ),
    Right(
        "combine_gradients",
        "sum_then_divide",
        code="""
        def combine_gradients(gradients, n_targets, all_reduce, *, max_norm):
            summed = [all_reduce(n_targets * one) for one in gradients]
            total = all_reduce(torch.tensor([n_targets])).item()
            mean = [one / total for one in summed]
            squares = sum(float((one.double() ** 2).sum()) for one in mean)
            factor = 1.0 if squares <= max_norm**2 else max_norm / squares**0.5
            return [one * factor for one in mean]
        """,
    ),
]
