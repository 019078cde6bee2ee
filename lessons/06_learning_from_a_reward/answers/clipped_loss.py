"""Known answers to `clipped_loss`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

MINIMUM = "torch.minimum(A * ratio, A * ratio.clamp(1 - epsilon, 1 + epsilon))"

answers = [
    Wrong(
        "clipped_loss",
        "uphill",
        "The sign is the wrong way round. An optimizer makes the loss small, so the loss is minus the gain.",
        change=(
            "return -(gain.sum(dim=1) / mask.sum(dim=1)).mean()",
            "return (gain.sum(dim=1) / mask.sum(dim=1)).mean()",
        ),
    ),
    Wrong(
        "clipped_loss",
        "clipped_only",
        "Only the clipped product is used. A good token that has become much too unlikely then has no gradient, and "
        "nothing brings it back: take the smaller one of both products.",
        change=(MINIMUM, "A * ratio.clamp(1 - epsilon, 1 + epsilon)"),
    ),
    Wrong(
        "clipped_loss",
        "never_clipped",
        "The ratio is never clipped, so one batch of stories may move the model as far as it likes.",
        change=(MINIMUM, "A * ratio"),
    ),
    Wrong(
        "clipped_loss",
        "maximum",
        "The larger of both products is taken. The smaller one is the cautious one.",
        change=("torch.minimum(", "torch.maximum("),
    ),
    Wrong(
        "clipped_loss",
        "ratio_turned_round",
        "The ratio is the wrong way round: it says how much likelier the token was, and not how much likelier it has "
        "become.",
        change=("(log_probs - old_log_probs)", "(old_log_probs - log_probs)"),
    ),
    Wrong(
        "clipped_loss",
        "difference_of_logs",
        "The difference of the logarithms is taken for the ratio. Its exponential is the ratio, which begins at 1.",
        change=("(log_probs - old_log_probs).exp()", "(log_probs - old_log_probs)"),
    ),
    Wrong(
        "clipped_loss",
        "padding_counts",
        "Padding is left out of the number of tokens and not out of the sum.",
        change=("gain = gain.where(mask, 0.0)", "gain = gain.where(mask | True, 0.0)"),
    ),
    Wrong(
        "clipped_loss",
        "padding_in_the_mean",
        "The padding adds nothing, but its places are counted: each sum is divided by all T. Divide by the number of "
        "tokens that the mask has.",
        change=(
            ("gain.sum(dim=1) / mask.sum(dim=1)", "gain.sum(dim=1) / mask.size(1)"),
            ("-gain.sum() / mask.sum()", "-gain.sum() / mask.numel()"),
        ),
    ),
    Wrong(
        "clipped_loss",
        "constant_left_out",
        'With "dr_grpo" the sum is divided by the number of tokens, as with "dapo". There it is divided by the same '
        "constant for every story, whatever its length.",
        change=('case "dapo":', "case _:"),
    ),
    Wrong(
        "clipped_loss",
        "always_by_story",
        'All three normalisations are the mean over each story and then over the stories. That is "grpo" alone.',
        change=('case "grpo":', 'case "grpo" | "dapo" | "dr_grpo":'),
    ),
    Wrong(
        "clipped_loss",
        "grpo_by_token",
        '"grpo" is the mean over all tokens here. It should be the mean over each story\'s tokens first, so that every '
        "story counts the same.",
        change=(
            "return -(gain.sum(dim=1) / mask.sum(dim=1)).mean()",
            "return -(gain.sum() / mask.sum())",
        ),
    ),
    Wrong(
        "clipped_loss",
        "sum_over_stories",
        'With "dr_grpo" the stories are added up. Take their mean.',
        change=("-(gain.sum(dim=1) / max_tokens).mean()", "-(gain.sum(dim=1) / max_tokens).sum()"),
    ),
    Wrong(
        "clipped_loss",
        "epsilon_fixed",
        "The ratio is clipped at 0.2, whatever epsilon is.",
        change=("ratio.clamp(1 - epsilon, 1 + epsilon)", "ratio.clamp(0.8, 1.2)"),
    ),
    Right(
        "clipped_loss",
        "with_weights",
        code="""
        def clipped_loss(log_probs, old_log_probs, advantages, mask, *, epsilon=0.2, normalization="grpo",
                         max_tokens=None):
            m = mask.to(log_probs.dtype)
            if normalization == "grpo":
                weights = m / m.sum(1, keepdim=True) / len(m)
            elif normalization == "dapo":
                weights = m / m.sum()
            else:
                weights = m / (len(m) * max_tokens)
            difference = torch.where(mask, log_probs - old_log_probs, torch.zeros_like(log_probs))
            ratio, A = torch.exp(difference), advantages.unsqueeze(1)
            losses = torch.maximum(-A * ratio, -A * torch.clamp(ratio, 1 - epsilon, 1 + epsilon))
            return (losses * weights).sum()
        """,
    ),
    Right(
        "clipped_loss",
        "by_the_sign",
        code="""
        def clipped_loss(log_probs, old_log_probs, advantages, mask, *, epsilon=0.2, normalization="grpo",
                         max_tokens=None):
            parts, counts = [], []
            for new, old, A, own in zip(log_probs, old_log_probs, advantages, mask):
                ratio = torch.exp(new[own] - old[own])
                held = ratio.clamp(max=1 + epsilon) if A > 0 else ratio.clamp(min=1 - epsilon)
                parts.append((A * held).sum())
                counts.append(int(own.sum()))
            if normalization == "grpo":
                return -sum(part / count for part, count in zip(parts, counts)) / len(parts)
            if normalization == "dapo":
                return -sum(parts) / sum(counts)
            return -sum(parts) / (len(parts) * max_tokens)
        """,
    ),
    Right(
        "clipped_loss",
        "masked_by_product",
        code="""
        def clipped_loss(log_probs, old_log_probs, advantages, mask, *, epsilon=0.2, normalization="grpo",
                         max_tokens=None):
            ratio = torch.exp((log_probs - old_log_probs.detach()) * mask)
            A = advantages.detach()[:, None].expand_as(ratio)
            surrogate = torch.stack([ratio * A, torch.clip(ratio, 1 - epsilon, 1 + epsilon) * A]).amin(dim=0) * mask
            if normalization == "dapo":
                return -(surrogate.sum() / mask.sum())
            lengths = mask.sum(-1) if normalization == "grpo" else max_tokens
            return -(surrogate.sum(-1) / lengths).mean()
        """,
    ),
]
