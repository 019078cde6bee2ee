"""Known answers to `kl_k3`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "kl_k3",
        "k1",
        "This is k1, minus the logarithm of r. It is right on average, but it is often negative, and its spread is "
        "large; k3 adds r - 1.",
        change=("return log_r.exp() - 1 - log_r", "return -log_r"),
    ),
    Wrong(
        "kl_k3",
        "k2",
        "This is k2, half the square of the logarithm of r. It is never negative, but not right on average.",
        change=("return log_r.exp() - 1 - log_r", "return log_r**2 / 2"),
    ),
    Wrong(
        "kl_k3",
        "ratio_turned_round",
        "The ratio is the wrong way round. r is the reference's probability over the model's, for the model drew the "
        "tokens.",
        change=("log_r = ref_log_probs - log_probs", "log_r = log_probs - ref_log_probs"),
    ),
    Wrong(
        "kl_k3",
        "mean",
        "The mean is taken. The estimate of each token is asked for, so that a mask can be used afterwards.",
        change=("return log_r.exp() - 1 - log_r", "return (log_r.exp() - 1 - log_r).mean()"),
    ),
    Wrong(
        "kl_k3",
        "log_added",
        "The logarithm of r is added. It is taken off.",
        change=("- 1 - log_r", "- 1 + log_r"),
    ),
    Right(
        "kl_k3",
        "with_expm1",
        code="""
        def kl_k3(log_probs, ref_log_probs):
            difference = log_probs - ref_log_probs
            return torch.expm1(-difference) + difference
        """,
    ),
    Right(
        "kl_k3",
        "by_probabilities",
        code="""
        def kl_k3(log_probs, ref_log_probs):
            r = ref_log_probs.exp() / log_probs.exp()
            return (r - 1) - r.log()
        """,
    ),
]
