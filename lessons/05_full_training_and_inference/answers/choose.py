"""Known answers to `choose`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "choose",
        "softmax_first",
        "The softmax comes first, and the filters get probabilities where they expect logits. Filters first, softmax "
        "last.",
        code="""
def choose(logits, seen, filters, uniform):
    probs = logits.softmax(dim=-1)
    for change in filters:
        probs = change(probs, seen)
    ends = probs.clamp(min=0).cumsum(dim=-1)
    return (ends <= uniform[:, None] * ends[:, -1:]).sum(dim=-1).clamp(max=logits.size(-1) - 1)
""",
    ),
    Wrong(
        "choose",
        "not_renormalised",
        "The probabilities are those from before the filters, with the removed ones set to 0. They sum to less than 1 "
        "and the line ends early: a point behind its end hits no token, and here the last one of the vocabulary gets "
        "it. Take the softmax of what the filters have left.",
        code="""
def choose(logits, seen, filters, uniform):
    probs = logits.softmax(dim=-1)
    for change in filters:
        logits = change(logits, seen)
    probs = probs.masked_fill(logits == -math.inf, 0.0)
    ends = probs.cumsum(dim=-1)
    return (ends <= uniform[:, None]).sum(dim=-1).clamp(max=logits.size(-1) - 1)
""",
    ),
    Wrong(
        "choose",
        "always_the_likeliest",
        "The likeliest token is taken, wherever the point lies. That is greedy; here the point decides.",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    return logits.argmax(dim=-1)
""",
    ),
    Wrong(
        "choose",
        "likeliest_first",
        "The pieces are laid down with the likeliest first. The line has the tokens in the order of the vocabulary.",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    ends = probs.cumsum(dim=-1)
    place = (ends <= uniform[:, None] * ends[:, -1:]).sum(dim=-1, keepdim=True)
    return order.gather(-1, place).squeeze(-1)
""",
    ),
    Wrong(
        "choose",
        "filters_backwards",
        "The filters are applied in the wrong order, the last one first.",
        change=("for change in filters:", "for change in reversed(filters):"),
    ),
    Wrong(
        "choose",
        "each_from_the_start",
        "Each filter gets the first logits, and only the last one's result is used. Hand on what the one before gave.",
        change=(
            "    for change in filters:\n        logits = change(logits, seen)\n",
            "    first = logits\n    for change in filters:\n        logits = change(first, seen)\n",
        ),
    ),
    Wrong(
        "choose",
        "nothing_seen",
        "The filters are told that no token was seen. Hand `seen` on to them.",
        change=("change(logits, seen)", "change(logits, torch.zeros_like(seen))"),
    ),
    Wrong(
        "choose",
        "removed_at_zero",
        "At the point 0 a token is taken whose piece has no width: a removed one. An end that is not beyond the point "
        "counts as passed, an end that equals it too.",
        change=("(ends <= uniform", "(ends < uniform"),
    ),
    Wrong(
        "choose",
        "one_point_for_all",
        "All rows use the point of the first. Each row has its own, or the stories of a batch are all alike.",
        change=("uniform[:, None] * ends", "uniform[:1, None] * ends"),
    ),
    Right(
        "choose",
        "with_searchsorted",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    ends = torch.softmax(logits, dim=1).cumsum(dim=1)
    ends = ends / ends[:, -1:]
    return torch.searchsorted(ends, uniform.to(ends.dtype)[:, None].contiguous(), right=True)[:, 0]
""",
    ),
    Right(
        "choose",
        "row_by_row",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    tokens = []
    for row, point in zip(logits.softmax(dim=-1).tolist(), uniform.tolist()):
        point *= sum(row)
        chosen = None
        for token, p in enumerate(row):
            if p > 0:
                chosen = token
                if point < p:
                    break
            point -= p
        tokens.append(chosen)
    return torch.tensor(tokens)
""",
    ),
]
