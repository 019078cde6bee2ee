"""Known answers to `dpo_loss`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "dpo_loss",
        "turned_round",
        "The worse story is pushed up and the better one down.",
        change=("(better - worse)", "(worse - better)"),
    ),
    Wrong(
        "dpo_loss",
        "without_reference",
        "The reference is left out, so that a story which was likely from the beginning counts as learned.",
        change=("better, worse = chosen - ref_chosen, rejected - ref_rejected", "better, worse = chosen, rejected"),
    ),
    Wrong(
        "dpo_loss",
        "without_beta",
        "beta is not used.",
        change=("F.logsigmoid(beta * (better - worse))", "F.logsigmoid(better - worse)"),
    ),
    Wrong(
        "dpo_loss",
        "sum_of_pairs",
        "The pairs are added up. Take their mean.",
        change=(".mean()", ".sum()"),
    ),
    Right(
        "dpo_loss",
        "softplus",
        code="""
        def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, *, beta=0.1):
            margin = (chosen - rejected) - (ref_chosen - ref_rejected)
            return F.softplus(-beta * margin).mean()
        """,
    ),
    Right(
        "dpo_loss",
        "as_a_classifier",
        code="""
        def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, *, beta=0.1):
            rewards = beta * torch.stack([chosen - ref_chosen, rejected - ref_rejected], dim=1)
            return F.cross_entropy(rewards, torch.zeros(len(chosen), dtype=torch.int64))
        """,
    ),
]
