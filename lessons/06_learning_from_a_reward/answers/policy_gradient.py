"""Known answers to `policy_gradient`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "policy_gradient",
        "without_probabilities",
        "Only the arm that was pulled gets anything. The probabilities sum to 1, so when one logit rises all others "
        "lose: the gradient of log p(arm) is 1 at the arm *less the probabilities*.",
        change=("F.one_hot(arms, len(logits)) - p", "F.one_hot(arms, len(logits)).float()"),
    ),
    Wrong(
        "policy_gradient",
        "downhill",
        "The sign is the wrong way round: this makes the expected reward smaller. A gradient points uphill; a loss "
        "would be its negative.",
        change=("F.one_hot(arms, len(logits)) - p", "p - F.one_hot(arms, len(logits))"),
    ),
    Wrong(
        "policy_gradient",
        "sum_of_pulls",
        "The pulls are added up. Their mean is asked for, so that the estimate does not grow with their number.",
        change=(".mean(dim=0)", ".sum(dim=0)"),
    ),
    Wrong(
        "policy_gradient",
        "no_baseline",
        "The baseline is not used: it is taken off each reward.",
        change=("(rewards - baseline)", "rewards"),
    ),
    Wrong(
        "policy_gradient",
        "baseline_added",
        "The baseline is added to the rewards. They are compared with it: take it off.",
        change=("(rewards - baseline)", "(rewards + baseline)"),
    ),
    Wrong(
        "policy_gradient",
        "logits_as_probabilities",
        "The logits are taken for the probabilities. Their softmax gives those.",
        change=("p = logits.softmax(dim=0)", "p = logits"),
    ),
    Wrong(
        "policy_gradient",
        "probability_in_front",
        "The gradient of p(arm) is taken in the place of that of log p(arm): each pull is weighed with its "
        "probability once more. Likely arms are pulled more often anyway.",
        change=(
            "scores = F.one_hot(arms, len(logits)) - p",
            "scores = p[arms][:, None] * (F.one_hot(arms, len(logits)) - p)",
        ),
    ),
    Right(
        "policy_gradient",
        "pull_by_pull",
        code="""
        def policy_gradient(logits, arms, rewards, *, baseline=0.0):
            p = torch.softmax(logits, 0)
            total = torch.zeros_like(p)
            for arm, reward in zip(arms.tolist(), rewards.tolist()):
                score = -p.clone()
                score[arm] += 1
                total += (reward - baseline) * score
            return total / len(arms)
        """,
    ),
    Right(
        "policy_gradient",
        "added_by_arm",
        code="""
        def policy_gradient(logits, arms, rewards, *, baseline=0.0):
            better = (rewards - baseline).to(logits.dtype)
            by_arm = torch.zeros_like(logits).index_add(0, arms, better)
            return (by_arm - better.sum() * logits.softmax(-1)) / len(better)
        """,
    ),
    Right(
        "policy_gradient",
        "as_a_product",
        code="""
        def policy_gradient(logits, arms, rewards, *, baseline=0.0):
            p = logits.exp() / logits.exp().sum()
            scores = torch.eye(len(logits))[arms] - p.unsqueeze(0)
            return (rewards - baseline) @ scores / arms.numel()
        """,
    ),
]
