"""Known answers to `keep_min_p`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "keep_min_p",
        "fixed_threshold",
        "Every token below the probability min_p is removed, in a row without a favourite perhaps all of them. The "
        "threshold is a share of the likeliest token's probability.",
        change=("probs < min_p * greatest", "probs < min_p"),
    ),
    Wrong(
        "keep_min_p",
        "share_of_the_logit",
        "The share is taken of the highest logit. Logits are logarithms and may be negative; a share of one means "
        "nothing. Compare probabilities.",
        change=("probs < min_p * greatest", "logits < min_p * logits.amax(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "keep_min_p",
        "of_the_batch",
        "The likeliest token of the whole batch sets the threshold. Each row has its own.",
        change=("probs.amax(dim=-1, keepdim=True)", "probs.max()"),
    ),
    Wrong(
        "keep_min_p",
        "gives_probabilities",
        "Probabilities are given back. The next filter, and the softmax at the end, expect logits.",
        change=("return logits.masked_fill(", "return probs.masked_fill("),
    ),
    Wrong(
        "keep_min_p",
        "one_minus",
        "The threshold is 1 - min_p of the greatest probability. It is min_p of it.",
        change=("min_p * greatest", "(1 - min_p) * greatest"),
    ),
    Wrong(
        "keep_min_p",
        "likely_removed",
        "The likely tokens are removed, and the unlikely ones kept.",
        change=("probs < min_p", "probs > min_p"),
    ),
    Wrong(
        "keep_min_p",
        "of_the_mean",
        "The threshold is a share of the mean probability. It is a share of the greatest one.",
        change=("probs.amax(dim=-1, keepdim=True)", "probs.mean(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "keep_min_p",
        "less_by_min_p",
        "min_p is subtracted from the greatest probability. It is a factor: a token stays if it has at least that "
        "share of it.",
        change=("min_p * greatest", "greatest - min_p"),
    ),
    Wrong(
        "keep_min_p",
        "zeros_instead",
        "The tokens that are removed get the logit 0, which is not the probability 0: the softmax makes exp(0) = 1 of"
        " it. Give them minus infinity.",
        change=("-math.inf", "0.0"),
    ),
    Right(
        "keep_min_p",
        "by_differences",
        code="""
def keep_min_p(logits, min_p):
    lowest = logits.max(dim=1, keepdim=True).values + math.log(min_p)
    return torch.where(logits < lowest, torch.full_like(logits, -math.inf), logits)
""",
    ),
    Right(
        "keep_min_p",
        "row_by_row",
        code="""
def keep_min_p(logits, min_p):
    result = logits.clone()
    for row in result:
        ratio = (row - row.max()).exp()
        row[ratio < min_p] = -math.inf
    return result
""",
    ),
    Right(
        "keep_min_p",
        "scaled_threshold",
        code="""
def keep_min_p(scores, min_p):
    probs = torch.softmax(scores.float(), dim=-1)
    top_probs, _ = probs.max(dim=-1, keepdim=True)
    scaled_min_p = min_p * top_probs
    tokens_to_remove = probs < scaled_min_p
    return scores.masked_fill(tokens_to_remove, -float("inf"))
""",
    ),
]
