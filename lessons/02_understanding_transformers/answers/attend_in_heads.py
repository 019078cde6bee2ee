"""Known answers to `attend_in_heads`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "attend_in_heads",
        change=(
            (
                ".transpose(1, 2) for part in (q, k, v))  # (B, H, T, Dh), S for k and v",
                " for part in (q, k, v))  # Dh = D/H",
            ),
            (
                "gathered = attend(q, k, v, causal=causal)  # (B, H, T, Dh)",
                "gathered = attend(q, k, v, causal=causal)",
            ),
            ("gathered.transpose(1, 2).flatten(start_dim=2)", "gathered.flatten(start_dim=2)"),
        ),
    ),
    Wrong(
        "attend_in_heads",
        "viewed_into_heads",
        "The features are cut with a view or reshape to (B, H, T, Dh). It has the right shape, but it cuts the numbers "
        "as they lie in memory: a head gets all features of the first few tokens, not its slice of the features of all "
        "tokens. First (B, T, H, Dh), then swap.",
        change=(
            (
                "part.unflatten(-1, (n_heads, -1)).transpose(1, 2)",
                "part.reshape(part.size(0), n_heads, part.size(1), -1)",
            ),
            ("gathered.transpose(1, 2).flatten(start_dim=2)", "gathered.reshape(gathered.size(0), q.size(2), -1)"),
        ),
    ),
    Wrong(
        "attend_in_heads",
        "merged_without_swapping",
        "The split is right now, but the heads are put together without swapping dimensions 1 and 2 back. The shape is "
        "right again, and each output token is made of pieces of different tokens.",
        change=(
            "gathered.transpose(1, 2).flatten(start_dim=2)",
            "gathered.reshape(gathered.size(0), gathered.size(2), -1)",
        ),
    ),
    Wrong(
        "attend_in_heads",
        "every_hth_feature",
        "Head h gets the features h, h + H, h + 2H and so on. Its slice is meant to lie together: the first Dh "
        "features are head 0. Unflatten into (H, Dh), not into (Dh, H).",
        change=(
            ("(n_heads, -1)).transpose(1, 2)", "(-1, n_heads)).movedim(-1, 1)"),
            ("gathered.transpose(1, 2)", "gathered.movedim(1, -1)"),
        ),
    ),
    Wrong(
        "attend_in_heads",
        "scores_of_all_heads",
        "The features are not split any more: one head of width D attends, whatever n_heads is.",
        change=("(n_heads, -1)", "(1, -1)"),
    ),
    Wrong(
        "attend_in_heads",
        "forgets_causal",
        "`causal` is not handed on to attend any more: every token sees the future.",
        change=("causal=causal)", "causal=False)"),
    ),
    Wrong(
        "attend_in_heads",
        "causal_by_length",
        "`causal` is not asked: there is a mask where it is False.",
        change=("causal=causal)", "causal=q.size(2) == k.size(2))"),
    ),
    Wrong(
        "attend_in_heads",
        "not_put_together",
        "The heads still stand apart, (B, H, T, Dh). Put them side by side: (B, T, D).",
        change=("return gathered.transpose(1, 2).flatten(start_dim=2)", "return gathered"),
    ),
    Wrong(
        "attend_in_heads",
        "heads_interleaved",
        "The features of the heads are interleaved: the first of each head, then the second of each. All of head 0 "
        "come first.",
        change=(
            "return gathered.transpose(1, 2).flatten(start_dim=2)",
            "return gathered.permute(0, 2, 3, 1).flatten(start_dim=2)",
        ),
    ),
    Wrong(
        "attend_in_heads",
        "heads_backwards",
        "The heads are put side by side in the wrong order, the last one first.",
        change=("return gathered.transpose(1, 2)", "return gathered.flip(1).transpose(1, 2)"),
    ),
    Right(
        "attend_in_heads",
        "head_by_head",
        code="""
def attend_in_heads(q, k, v, n_heads, *, causal=False):
    width = q.shape[-1] // n_heads
    outputs = []
    for h in range(n_heads):
        own = slice(h * width, (h + 1) * width)
        outputs.append(attend(q[None, ..., own], k[None, ..., own], v[None, ..., own], causal=causal)[0])
    return torch.cat(outputs, dim=-1)
""",
    ),
    Right(
        "attend_in_heads",
        "with_view_and_permute",
        code="""
def attend_in_heads(q, k, v, n_heads, *, causal=False):
    B, T, D = q.shape
    S = k.shape[1]
    q = q.view(B, T, n_heads, D // n_heads).permute(0, 2, 1, 3)
    k = k.view(B, S, n_heads, D // n_heads).permute(0, 2, 1, 3)
    v = v.view(B, S, n_heads, D // n_heads).permute(0, 2, 1, 3)
    return attend(q, k, v, causal=causal).permute(0, 2, 1, 3).contiguous().view(B, T, D)
""",
    ),
    Right(
        "attend_in_heads",
        "rearranged_by_einsum",
        code="""
def attend_in_heads(q, k, v, n_heads, *, causal=False):
    (B, T, D), S = q.size(), k.size(1)
    eye = torch.eye(D).view(D, n_heads, D // n_heads)
    q, k, v = (torch.einsum("btd,dhk->bhtk", part, eye) for part in (q, k, v))
    return torch.einsum("bhtk,dhk->btd", attend(q, k, v, causal=causal), eye)
""",
    ),
    Right(
        "attend_in_heads",
        "heads_in_the_batch",
        code="""
def attend_in_heads(q, k, v, n_heads, *, causal=False):
    B, T, D = q.shape

    def fold(x):
        return torch.cat(x.split(D // n_heads, dim=2), dim=0).unsqueeze(1)

    y = attend(fold(q), fold(k), fold(v), causal=causal).squeeze(1)
    return torch.cat(y.split(B, dim=0), dim=2)
""",
    ),
]
