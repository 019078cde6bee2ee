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
        (B, V): the logits of seen tokens lowered by the factor `penalty`; the others as they are.

    Source: Keskar et al. 2019, section 4.1.
    """
    logits[seen] = logits[seen] / penalty
    return logits
''',
    ),
    Wrong(
        "penalize_repetition",
        "as_given",
        "This is the code as it was given: it divides negative logits, which makes these tokens likelier, and it "
        "writes into the tensor of whoever called it.",
        code="""
def penalize_repetition(logits, seen, penalty):
    logits[seen] = logits[seen] / penalty
    return logits
""",
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
]
