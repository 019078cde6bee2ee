"""Known answers to `penalize_repetition`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "penalize_repetition",
        code='''
def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make the tokens that a text already holds less likely.

    Args:
        logits: (B, V); they are not changed.
        seen: (B, V) bool, True where the row already holds that token.
        penalty: above 1 makes them less likely; 1 changes nothing.

    Returns:
        (B, V): the logits of seen tokens lowered by the factor `penalty`; the others as
        they are.

    Source: Keskar et al. 2019, section 4.1.
    """
    logits[seen] = logits[seen] / penalty
    return logits
''',
    ),
    Wrong(
        "penalize_repetition",
        "divides_negative",
        "The argument is left alone now. But negative logits are divided too: -4 becomes -2, and the token that was to "
        "come less often comes more often. Multiply those.",
        change=("torch.where(logits > 0, logits / penalty, logits * penalty)", "logits / penalty"),
    ),
    Wrong(
        "penalize_repetition",
        "in_place",
        "The logits come out right, but the tensor that was passed in is changed. Work on a copy.",
        code="""
def penalize_repetition(logits, seen, penalty):
    logits[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    return logits
""",
    ),
    Wrong(
        "penalize_repetition",
        "subtracts",
        "The penalty is subtracted. That is another rule (a presence penalty); here the logit is lowered by a factor.",
        change=("torch.where(logits > 0, logits / penalty, logits * penalty)", "logits - penalty"),
    ),
    Wrong(
        "penalize_repetition",
        "all_tokens",
        "Every token is lowered, the new ones as well. Only what was seen is.",
        change=("return torch.where(seen, lowered, logits)", "return lowered"),
    ),
    Wrong(
        "penalize_repetition",
        "unseen_lowered",
        "The tokens that were not seen are lowered, so the text repeats itself even more.",
        change=("torch.where(seen, lowered, logits)", "torch.where(seen, logits, lowered)"),
    ),
    Wrong(
        "penalize_repetition",
        "other_way_round",
        "Positive logits are multiplied and negative ones divided: both become higher. It is the other way round.",
        change=("logits / penalty, logits * penalty)", "logits * penalty, logits / penalty)"),
    ),
    Wrong(
        "penalize_repetition",
        "no_new_tokens",
        "Seen tokens are removed altogether. The penalty makes them less likely; it does not forbid them.",
        change=("return torch.where(seen, lowered, logits)", "return logits.masked_fill(seen, -math.inf)"),
    ),
    Wrong(
        "penalize_repetition",
        "subtracts_the_logarithm",
        "The logarithm of the penalty is subtracted, which divides the probability by it. Here the logit itself is "
        "divided or multiplied.",
        change=("torch.where(logits > 0, logits / penalty, logits * penalty)", "logits - math.log(penalty)"),
    ),
    Wrong(
        "penalize_repetition",
        "negative_left",
        "Negative logits of seen tokens stay as they are. They must become lower too: multiply them.",
        change=("logits * penalty)", "logits)"),
    ),
    Wrong(
        "penalize_repetition",
        "always_multiplies",
        "Every logit is multiplied. That lowers the negative ones; a positive logit becomes higher, and its token "
        "likelier. Divide those.",
        change=("torch.where(logits > 0, logits / penalty, logits * penalty)", "logits * penalty"),
    ),
    Wrong(
        "penalize_repetition",
        "seen_by_the_first",
        "What the first row has seen is lowered in all rows. Each row has its own tokens.",
        change=("torch.where(seen, lowered, logits)", "torch.where(seen[:1], lowered, logits)"),
    ),
    Right(
        "penalize_repetition",
        "smaller_of_the_two",
        code="""
def penalize_repetition(logits, seen, penalty):
    if penalty >= 1:
        lowered = torch.minimum(logits / penalty, logits * penalty)
    else:
        lowered = torch.maximum(logits / penalty, logits * penalty)
    return lowered * seen + logits.masked_fill(seen, 0.0)
""",
    ),
    Right(
        "penalize_repetition",
        "on_a_copy",
        code="""
def penalize_repetition(logits, seen, penalty):
    result = logits.clone()
    result[seen & (logits > 0)] /= penalty
    result[seen & (logits < 0)] *= penalty
    return result
""",
    ),
    Right(
        "penalize_repetition",
        "factor_of_each",
        code="""
def penalize_repetition(logits, seen, penalty):
    factor = torch.ones(logits.shape)
    factor[seen & (logits < 0)] = penalty
    factor[seen & (logits >= 0)] = 1 / penalty
    return logits * factor
""",
    ),
    Right(
        "penalize_repetition",
        "token_by_token",
        code="""
def penalize_repetition(logits, seen, penalty):
    rows = []
    for row, known in zip(logits.tolist(), seen.tolist()):
        rows.append([(x * penalty if x < 0 else x / penalty) if was else x for x, was in zip(row, known)])
    return torch.tensor(rows, dtype=logits.dtype)
""",
    ),
]
