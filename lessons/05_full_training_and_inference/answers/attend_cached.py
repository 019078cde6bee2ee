"""Known answers to `attend_cached`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "attend_cached",
        "positions_restart",
        "The new tokens are turned as if they stood at the beginning of the text. Positions go on where the cache "
        "ends.",
        change=(
            (
                "    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, Dh)\n",
                "    q = apply_rope(q, cos[: q.size(2)], sin[: q.size(2)])\n",
            ),
            (
                "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
                "    k = apply_rope(k, cos[: k.size(2)], sin[: k.size(2)])\n",
            ),
        ),
    ),
    Wrong(
        "attend_cached",
        "only_queries_go_on",
        "The queries stand at their positions, but the new keys are turned as if they stood at the beginning. Both "
        "belong to the same tokens.",
        change=(
            "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
            "    k = apply_rope(k, cos[: k.size(2)], sin[: k.size(2)])\n",
        ),
    ),
    Wrong(
        "attend_cached",
        "one_too_far",
        "The positions are off by one after a cache: with S tokens remembered, the first new one stands at position "
        "S, for counting begins at 0.",
        change=(
            (
                "    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, Dh)\n",
                "    ahead = start + (cache is not None)\n"
                "    q = apply_rope(q, cos[ahead:][: q.size(2)], sin[ahead:][: q.size(2)])\n",
            ),
            (
                "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
                "    k = apply_rope(k, cos[ahead:][: k.size(2)], sin[ahead:][: k.size(2)])\n",
            ),
        ),
    ),
    Wrong(
        "attend_cached",
        "turned_again",
        "The remembered keys are turned once more in every call. They were turned when they came: turn the new ones "
        "only.",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    start = 0 if cache is None else cache[0].size(2)
    end = start + q.size(2)
    if cache is not None:
        k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
    q, k = apply_rope(q, cos[start:end], sin[start:end]), apply_rope(k, cos[:end], sin[:end])
    mask = torch.arange(end) <= torch.arange(start, end)[:, None]
    return attend(q, k, v, mask=mask), (k, v)
""",
    ),
    Wrong(
        "attend_cached",
        "mask_from_the_top",
        "The mask begins at the first column: new token i sees i + 1 keys of the cache and not itself. It stands "
        "after all that is remembered, so it sees S keys more.",
        change=("torch.arange(start, end)[:, None]", "torch.arange(end - start)[:, None]"),
    ),
    Wrong(
        "attend_cached",
        "no_mask",
        "Nothing is masked, so in a chunk of several tokens each sees those after it. One token at a time this does "
        "not show.",
        change=("attend(q, k, v, mask=mask)", "attend(q, k, v)"),
    ),
    Wrong(
        "attend_cached",
        "cache_overwritten",
        "Only the new keys and values are given back as the cache. At the next call all that came before is forgotten.",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    start = 0 if cache is None else cache[0].size(2)
    end = start + q.size(2)
    q = apply_rope(q, cos[start:end], sin[start:end])
    k = apply_rope(k, cos[start:end], sin[start:end])
    new = (k, v)
    if cache is not None:
        k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)
    mask = torch.arange(end) <= torch.arange(start, end)[:, None]
    return attend(q, k, v, mask=mask), new
""",
    ),
    Wrong(
        "attend_cached",
        "in_front",
        "The new keys and values are put in front of the remembered ones. They come after them, or the mask hides the "
        "wrong ones.",
        change=(
            "torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)",
            "torch.cat((k, cache[0]), dim=2), torch.cat((v, cache[1]), dim=2)",
        ),
    ),
    Wrong(
        "attend_cached",
        "not_turned",
        "The keys are not turned, only the queries. Then the score depends on where the query stands, not on the "
        "distance of the two.",
        change=("    k = apply_rope(k, cos[start:end], sin[start:end])\n", ""),
    ),
    Wrong(
        "attend_cached",
        "end_of_the_table",
        "The rotations are taken from the end of the table. It holds more positions than the text has: the new ones"
        " begin at the number of remembered tokens.",
        change=(
            (
                "    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, Dh)\n",
                "    q = apply_rope(q, cos[-q.size(2) :], sin[-q.size(2) :])\n",
            ),
            (
                "    k = apply_rope(k, cos[start:end], sin[start:end])\n",
                "    k = apply_rope(k, cos[-k.size(2) :], sin[-k.size(2) :])\n",
            ),
        ),
    ),
    Wrong(
        "attend_cached",
        "values_not_remembered",
        "The new values are put behind nothing: only the keys are remembered. Each key belongs to a value, so both "
        "go into the cache.",
        change=("torch.cat((cache[1], v), dim=2)", "torch.cat((torch.zeros_like(cache[1]), v), dim=2)"),
    ),
    Wrong(
        "attend_cached",
        "not_itself",
        "A new token may not look at itself. It sees all up to its own place: <= where you have <.",
        change=("torch.arange(end) <= torch", "torch.arange(end) < torch"),
    ),
    Wrong(
        "attend_cached",
        "values_turned",
        "The values are turned as well. Only queries and keys carry positions.",
        change=("    # Step 3: Put", "    v = apply_rope(v, cos[start:end], sin[start:end])\n    # Step 3: Put"),
    ),
    Right(
        "attend_cached",
        "keeps_them_unturned",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    if cache is not None:
        k = torch.cat([cache[0], k], dim=2)
        v = torch.cat([cache[1], v], dim=2)
    total, new = k.shape[2], q.shape[2]
    first = total - new
    mask = torch.ones(new, total, dtype=torch.bool).tril(diagonal=first)
    turned = apply_rope(k, cos[:total], sin[:total])
    return attend(apply_rope(q, cos[first:total], sin[first:total]), turned, v, mask=mask), (k, v)
""",
    ),
    Right(
        "attend_cached",
        "by_hand",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    keys, values = cache if cache is not None else (k[:, :, :0], v[:, :, :0])
    S, T = keys.shape[2], k.shape[2]
    q = apply_rope(q, cos[S:][:T], sin[S:][:T])
    keys = torch.cat((keys, apply_rope(k, cos[S:][:T], sin[S:][:T])), dim=2)
    values = torch.cat((values, v), dim=2)
    scores = q @ keys.transpose(-1, -2) / math.sqrt(q.shape[-1])
    for i in range(T):
        scores[:, :, i, S + i + 1 :] = -math.inf
    return scores.softmax(dim=-1) @ values, (keys, values)
""",
    ),
    Right(
        "attend_cached",
        "sdpa_with_offset",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    past = 0 if cache is None else cache["k"].shape[-2]
    T = q.shape[-2]

    def rotate_half(x):
        x1, x2 = x.chunk(2, dim=-1)
        return torch.cat((-x2, x1), dim=-1)

    cos_full = torch.cat((cos, cos), dim=-1)[past : past + T]
    sin_full = torch.cat((sin, sin), dim=-1)[past : past + T]
    q = q * cos_full + rotate_half(q) * sin_full
    k = k * cos_full + rotate_half(k) * sin_full
    if past:
        k = torch.cat((cache["k"], k), dim=-2)
        v = torch.cat((cache["v"], v), dim=-2)
    mask = torch.ones(past + T, past + T, dtype=torch.bool).tril()[past:]
    y = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return y, {"k": k, "v": v}
""",
    ),
    Right(
        "attend_cached",
        "query_by_query",
        code="""
def attend_cached(q, k, v, cache, cos, sin):
    B, H, T, Dh = q.shape
    S = 0 if cache is None else cache[0].shape[2]
    positions = torch.arange(S, S + T)
    q, k = (apply_rope(x, cos[positions], sin[positions]) for x in (q, k))
    keys = k if S == 0 else torch.cat([cache[0], k], 2)
    values = v if S == 0 else torch.cat([cache[1], v], 2)
    out = torch.zeros(B, H, T, Dh)
    for t in range(T):
        scores = torch.einsum("bhd,bhsd->bhs", q[:, :, t], keys[:, :, : S + t + 1]) * Dh**-0.5
        weights = torch.softmax(scores.float(), dim=-1)
        out[:, :, t] = torch.einsum("bhs,bhsd->bhd", weights, values[:, :, : S + t + 1])
    return out, (keys, values)
""",
    ),
]
