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
        "and the line ends early: a point beyond its end hits no token, and here the last one of the vocabulary gets "
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
    Wrong(
        "choose",
        "line_too_short",
        "The rounded probabilities may sum to a little less than 1. A point just below 1 then lies beyond the last "
        "end, and the number that comes out is no token at all. Multiply the point with the last end.",
        change=("uniform[:, None] * ends[:, -1:]", "uniform[:, None]"),
    ),
    Wrong(
        "choose",
        "overflow",
        "exp of a large logit is infinite, and what is divided by it is nan. `softmax` takes the highest logit of "
        "each row away first.",
        change=("logits.softmax(dim=-1)", "logits.exp() / logits.exp().sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "choose",
        "first_filter_only",
        "Only the first filter is applied. All of them are, one after the other.",
        change=("for change in filters:", "for change in filters[:1]:"),
    ),
    Wrong(
        "choose",
        "one_too_low",
        "The token before the one that is hit is taken. The number of pieces that end at the point or before it is "
        "the token itself, since tokens are counted from 0.",
        change=("ends[:, -1:]).sum(dim=-1)", "ends[:, -1:]).sum(dim=-1) - 1"),
    ),
    Wrong(
        "choose",
        "column",
        "The tokens come back as a column (B, 1). One number for each row is wanted, (B,).",
        change=("ends[:, -1:]).sum(dim=-1)", "ends[:, -1:]).sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "choose",
        "sigmoid",
        "Each logit gets a sigmoid by itself. The probabilities of a row are the softmax over all its tokens.",
        change=("probs = logits.softmax(dim=-1)", "probs = logits.sigmoid()"),
    ),
    Wrong(
        "choose",
        "from_the_end",
        "The point is taken from the other end of the line, as 1 - u. The piece of the first token begins at 0.",
        change=("uniform[:, None] * ends[:, -1:]", "(1 - uniform[:, None]) * ends[:, -1:]"),
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
    Right(
        "choose",
        "first_end_beyond",
        code="""
def choose(logits, seen, filters, uniform):
    for processor in filters:
        logits = processor(logits, seen)
    probs = torch.nn.functional.softmax(logits, dim=-1, dtype=torch.float32)
    cdf = torch.cumsum(probs, dim=-1)
    cdf = cdf / cdf[:, -1:]
    return (cdf > uniform.unsqueeze(-1)).int().argmax(dim=-1)
""",
    ),
    Right(
        "choose",
        "softmax_by_hand",
        code="""
def choose(logits, seen, filters, uniform):
    for change in filters:
        logits = change(logits, seen)
    weights = torch.exp(logits.double() - logits.double().max(dim=-1, keepdim=True).values)
    ends = torch.cumsum(weights, dim=-1)
    is_left = ends <= uniform.double()[:, None] * ends[:, -1:]
    return torch.count_nonzero(is_left, dim=-1)
""",
    ),
    Right(
        "choose",
        "bisected",
        code="""
def choose(logits, seen, filters, uniform):
    import bisect
    import itertools

    for change in filters:
        logits = change(logits, seen)
    tokens = torch.zeros(len(logits), dtype=torch.long)
    for i in range(len(logits)):
        ends = list(itertools.accumulate(torch.softmax(logits[i], dim=0).tolist()))
        tokens[i] = bisect.bisect_right(ends, uniform[i].item() * ends[-1])
    return tokens
""",
    ),
]
