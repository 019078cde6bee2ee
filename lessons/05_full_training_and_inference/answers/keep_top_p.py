"""Known answers to `keep_top_p`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "keep_top_p",
        code='''
def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep, in each row, the fewest likeliest tokens that together reach `top_p`.

    Args:
        logits: (B, V); they are not changed.
        top_p: a probability, above 0 and at most 1.

    Returns:
        (B, V): the logits of the tokens that are kept, minus infinity elsewhere.

    Source: Holtzman et al. 2020, section 3.1.
    """
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)  # likeliest first
    too_late = probs.cumsum(dim=-1) > top_p  # (B, V)
    result = logits.clone()
    result[:, order[too_late]] = -math.inf
    return result
''',
    ),
    Wrong(
        "keep_top_p",
        "drops_the_crossing",
        "Each row is right by itself now. But the token with which the sum passes top_p is removed, so what is left "
        "reaches less than top_p; where one token alone is more, nothing is left at all.",
        change=("likelier >= top_p", "likelier + probs > top_p"),
    ),
    Wrong(
        "keep_top_p",
        "all_rows_alike",
        "The crossing token stays now. But `result[:, tokens]` fills these columns in every row: what one row removes "
        "is gone from its neighbours too.",
        change=(
            "    removed = removed.scatter(-1, order, likelier >= top_p)"
            "  # (B, V), each row in the order of the vocabulary\n",
            "    removed[:, order[likelier >= top_p]] = True\n",
        ),
    ),
    Wrong(
        "keep_top_p",
        "only_the_best_saved",
        "The likeliest token is saved always, but in other rows the token with which the sum passes top_p is still "
        "removed. It is not only the first that belongs to the set: it is every one up to the crossing.",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    too_late = probs.cumsum(dim=-1) > top_p
    too_late[:, 0] = False
    return logits.masked_fill(torch.zeros_like(too_late).scatter(-1, order, too_late), -math.inf)
""",
    ),
    Wrong(
        "keep_top_p",
        "one_too_many",
        "One token too many stays: the mask was moved by two places. The token that passes top_p is the last one.",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    too_late = probs.cumsum(dim=-1) > top_p
    moved = torch.zeros_like(too_late)
    moved[:, 2:] = too_late[:, :-2]
    return logits.masked_fill(torch.zeros_like(too_late).scatter(-1, order, moved), -math.inf)
""",
    ),
    Wrong(
        "keep_top_p",
        "still_sorted",
        "The mask is in the order of the sorted probabilities, the logits in that of the vocabulary. Carry the mask "
        "back before you use it.",
        change=("removed.scatter(-1, order, likelier >= top_p)", "likelier >= top_p"),
    ),
    Wrong(
        "keep_top_p",
        "least_likely_first",
        "The sum begins with the least likely tokens, so the likeliest are removed. Sort with the likeliest first.",
        change=("sort(dim=-1, descending=True)", "sort(dim=-1)"),
    ),
    Wrong(
        "keep_top_p",
        "no_softmax",
        "The logits are summed as if they were probabilities. Take the softmax first: only then do they sum to 1.",
        change=("logits.softmax(dim=-1).sort", "logits.sort"),
    ),
    Wrong(
        "keep_top_p",
        "gather_for_scatter",
        "The mask is brought back with gather, which goes the wrong way: it sorts the mask once more. `scatter` puts "
        "each entry where its token stands in the vocabulary.",
        change=("removed.scatter(-1, order, likelier >= top_p)", "(likelier >= top_p).gather(-1, order)"),
    ),
    Wrong(
        "keep_top_p",
        "zeros_instead",
        "The tokens that are removed get the logit 0, which is not the probability 0: the softmax makes exp(0) = 1 of"
        " it. Give them minus infinity.",
        change=("masked_fill(removed, -math.inf)", "masked_fill(removed, 0.0)"),
    ),
    Wrong(
        "keep_top_p",
        "always_two",
        "Two tokens are kept at least. Where the likeliest alone reaches top_p, it alone is kept.",
        change=(
            "    return logits.masked_fill(removed, -math.inf)\n",
            "    removed = removed.scatter(-1, order[:, :2], False)\n"
            "    return logits.masked_fill(removed, -math.inf)\n",
        ),
    ),
    Right(
        "keep_top_p",
        "row_by_row",
        code="""
def keep_top_p(logits, top_p):
    result = torch.full_like(logits, -math.inf)
    for row in range(len(logits)):
        total = 0.0
        for token in logits[row].argsort(descending=True).tolist():
            result[row, token] = logits[row, token]
            total += logits[row].softmax(0)[token].item()
            if total >= top_p:
                break
    return result
""",
    ),
    Right(
        "keep_top_p",
        "moved_by_one",
        code="""
def keep_top_p(logits, top_p):
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    too_late = probs.cumsum(dim=-1) >= top_p
    too_late[:, 1:] = too_late[:, :-1].clone()
    too_late[:, 0] = False
    back = order.argsort(dim=-1)
    return torch.where(too_late.gather(-1, back), torch.full_like(logits, -math.inf), logits)
""",
    ),
    Right(
        "keep_top_p",
        "likeliest_last",
        code="""
def keep_top_p(scores, top_p):
    sorted_logits, sorted_indices = torch.sort(scores, descending=False)
    cumulative_probs = sorted_logits.softmax(dim=-1).cumsum(dim=-1)
    sorted_indices_to_remove = cumulative_probs <= (1 - top_p)
    sorted_indices_to_remove[..., -1:] = 0
    indices_to_remove = sorted_indices_to_remove.scatter(1, sorted_indices, sorted_indices_to_remove)
    return scores.masked_fill(indices_to_remove, -float("inf"))
""",
    ),
    Right(
        "keep_top_p",
        "sorted_and_back",
        code="""
def keep_top_p(logits, top_p):
    sorted_logits, sorted_idx = torch.sort(logits, dim=-1, descending=True)
    probs = torch.nn.functional.softmax(sorted_logits.float(), dim=-1)
    mask = torch.cumsum(probs, dim=-1) - probs > top_p - 1e-7
    sorted_logits = sorted_logits.masked_fill(mask, float("-inf"))
    return torch.zeros_like(logits).scatter_(-1, sorted_idx, sorted_logits)
""",
    ),
]
