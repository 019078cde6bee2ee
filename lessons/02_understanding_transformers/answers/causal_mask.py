"""Known answers to `causal_mask`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "causal_mask",
        change=(
            ("query = column[n_keys - n_queries :, None]  # (T, 1)", "query = column[:n_queries, None]  # (T, 1)"),
            (
                "allowed = (allowed & real[:, None, :]) | (column == query)",
                "allowed = real[:, None, :] | (column == query)",
            ),
        ),
    ),
    Wrong(
        "causal_mask",
        "sees_key_0_only",
        "The queries are taken for the first of the keys. A single new token after a long text is then query 0, and "
        "sees nothing but key 0. The queries are the LAST of the keys.",
        change=("column[n_keys - n_queries :, None]", "column[:n_queries, None]"),
    ),
    Wrong(
        "causal_mask",
        "padding_opens_the_future",
        "Where there is padding, its mask takes the place of the causal one: a token sees every real token, later ones "
        "too. Both rules must hold at once.",
        change=("(allowed & real[:, None, :])", "real[:, None, :]"),
    ),
    Wrong(
        "causal_mask",
        "or_instead_of_and",
        "A key is allowed if it is not in the future OR real, so real keys of the future are allowed. Both must be "
        "true: join them with &.",
        change=("(allowed & real[:, None, :])", "(allowed | real[:, None, :])"),
        synonym_of="",
    ),
    Wrong(
        "causal_mask",
        "padding_sees_nothing",
        "A token of the padding may look nowhere now, not even at itself. Its softmax divides 0 by 0, and the nan "
        "spreads through the next layer to everybody. Keep the diagonal allowed.",
        change=(" | (column == query)", ""),
    ),
    Wrong(
        "causal_mask",
        "padding_by_query",
        "The padding is held against the queries and not against the keys: padding that asks is shut out, but "
        "everybody may still look at padding.",
        change=("real[:, None, :]", "real[:, -n_queries:, None]"),
    ),
    Wrong(
        "causal_mask",
        "one_too_far",
        "The queries are shifted one column too far to the left: each sees one token less than it should, and the last "
        "one does not see itself. With T queries and S keys, query 0 stands at column S - T.",
        change=("column[n_keys - n_queries :, None]", "column[:, None][n_keys - n_queries :] - (n_keys > n_queries)"),
    ),
    Wrong(
        "causal_mask",
        "itself_from_the_left",
        "A token of the padding may look at itself, but the place of that is counted from the first key. The "
        "queries are the last of the keys: query i is key S - T + i.",
        change=(("(column == query)", "torch.eye(n_queries, n_keys, dtype=torch.bool)"),),
    ),
    Wrong(
        "causal_mask",
        "not_itself",
        "A token does not see itself here. It sees every column up to its own: <= where you have <.",
        change=("(column <= query)[None]", "(column < query)[None]"),
    ),
    Wrong(
        "causal_mask",
        "as_numbers",
        "The mask has numbers in it. True and False are wanted: leave the comparison as it is.",
        change=("return allowed[:, None]", "return allowed[:, None].float()"),
    ),
    Wrong(
        "causal_mask",
        "turned_round",
        "The mask is True where a token may NOT look. It says where it may.",
        change=("return allowed[:, None]", "return ~allowed[:, None]"),
    ),
    Wrong(
        "causal_mask",
        "no_dimension_for_heads",
        "The dimension for the heads is missing: (B, T, S) where (B, 1, T, S) is wanted.",
        change=("return allowed[:, None]", "return allowed"),
    ),
    Wrong(
        "causal_mask",
        "padding_seen",
        "`real` is not used, so every token looks at the padding.",
        change=("if real is not None:", "if False:"),
    ),
    Right(
        "causal_mask",
        "with_tril",
        code="""
def causal_mask(n_queries, n_keys, *, real=None, device=None):
    past = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(n_keys - n_queries)
    if real is None:
        return past[None, None]
    itself = past & ~torch.ones_like(past).tril(n_keys - n_queries - 1)
    return (past & real[:, None, None, :]) | itself
""",
    ),
    Right(
        "causal_mask",
        "forbidden_first",
        code="""
def causal_mask(n_queries, n_keys, *, real=None, device=None):
    key = torch.arange(n_keys, device=device).view(1, 1, 1, -1)
    here = torch.arange(n_keys - n_queries, n_keys, device=device).view(1, 1, -1, 1)
    forbidden = key > here
    if real is not None:
        padding = real.logical_not().view(-1, 1, 1, n_keys)
        forbidden = forbidden | (padding & (key != here))
    return ~forbidden
""",
    ),
    Right(
        "causal_mask",
        "with_triu",
        code="""
def causal_mask(n_queries, n_keys, *, real=None, device=None):
    blocked = torch.triu(torch.ones(n_queries, n_keys), diagonal=1 + n_keys - n_queries).bool().to(device)
    mask = blocked[None, None] if real is None else blocked[None, None] | ~real[:, None, None, :]
    rows = torch.arange(n_queries)
    mask = mask.clone()
    mask[:, :, rows, rows + n_keys - n_queries] = False
    return mask == 0
""",
    ),
    Right(
        "causal_mask",
        "rows_of_a_square",
        code="""
def causal_mask(n_queries, n_keys, *, real=None, device=None):
    square = torch.tril(torch.ones((n_keys, n_keys), dtype=torch.bool, device=device))
    if real is None:
        return square[-n_queries:].view(1, 1, n_queries, n_keys)
    both = torch.logical_and(square.unsqueeze(0), real.unsqueeze(1))
    both = torch.logical_or(both, torch.eye(n_keys, dtype=torch.bool, device=device))
    return both[:, -n_queries:].unsqueeze(1)
""",
    ),
]
