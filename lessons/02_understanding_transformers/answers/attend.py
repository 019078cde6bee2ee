"""Known answers to `attend`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "attend",
        "no_scale",
        "The scores are not divided by sqrt(Dh). They grow with the width of the head, the softmax picks one key and "
        "its gradient vanishes.",
        change=(" / math.sqrt(q.size(-1))", ""),
    ),
    Wrong(
        "attend",
        "scaled_by_the_width",
        "The scores are divided by Dh itself, not by its square root. A dot product of Dh random pairs has a spread of "
        "sqrt(Dh); divided by Dh the scores are nearly equal, and so are the weights.",
        change=("math.sqrt(q.size(-1))", "q.size(-1)"),
    ),
    Wrong(
        "attend",
        "scaled_by_the_keys",
        "The scores are divided by the root of the number of keys. It is the head width that makes dot products large: "
        "Dh, the last dimension of q.",
        change=("math.sqrt(q.size(-1))", "math.sqrt(k.size(-2))"),
    ),
    Wrong(
        "attend",
        "multiplied_by_the_root",
        "The scores are multiplied by sqrt(Dh); divide by it.",
        change=(" / math.sqrt(q.size(-1))", " * math.sqrt(q.size(-1))"),
    ),
    Wrong(
        "attend",
        "softmax_over_queries",
        "The softmax goes over the queries: each key shares itself out among them. Each query shares itself out among "
        "the keys, the last dimension of the scores.",
        change=("softmax(scores, dim=-1)", "softmax(scores, dim=-2)"),
    ),
    Wrong(
        "attend",
        "softmax_over_heads",
        "The softmax goes over dimension 1, which holds the heads. The keys are the last dimension.",
        change=("softmax(scores, dim=-1)", "softmax(scores, dim=1)"),
    ),
    Wrong(
        "attend",
        "mask_after_softmax",
        "The mask is applied after the softmax. The forbidden keys still take their share of the sum, so the remaining "
        "weights add up to less than 1 and depend on the future. Set the scores to -inf before the softmax.",
        change=(
            (
                "        scores = scores.masked_fill(~mask, -math.inf)\n",
                "        return (softmax(scores, dim=-1) * mask) @ v\n",
            ),
        ),
    ),
    Wrong(
        "attend",
        "mask_inverted",
        "The mask is read the wrong way round: in this course True says where a query MAY look. (In "
        "nn.MultiheadAttention it says the opposite, which is why this happens so often.)",
        change=("masked_fill(~mask, -math.inf)", "masked_fill(mask, -math.inf)"),
    ),
    Wrong(
        "attend",
        "zero_scores",
        "Masked scores are set to 0. A score of 0 is an ordinary score, with exp(0) = 1 in the softmax; only -inf "
        "gives a weight of 0.",
        change=("masked_fill(~mask, -math.inf)", "masked_fill(~mask, 0.0)"),
    ),
    Wrong(
        "attend",
        "sees_the_future",
        "The causal mask is turned round: each query sees itself and what comes AFTER it. Keep what is on and below "
        "the diagonal, with tril.",
        change=(".tril()", ".triu()"),
    ),
    Wrong(
        "attend",
        "blind_to_itself",
        "The causal mask leaves out the diagonal, so the first query may look nowhere and its softmax divides 0 by 0: "
        "nan. A token may see itself.",
        change=(".tril()", ".tril(-1)"),
    ),
    Wrong(
        "attend",
        "peeks_one_ahead",
        "The causal mask is open one place too far: query i sees key i + 1, which is just the token that it is to "
        "predict.",
        change=(".tril()", ".tril(1)"),
    ),
    Wrong(
        "attend",
        "never_causal",
        "The argument causal has no effect: every query sees all keys.",
        change=("if causal:", "if causal and mask is not None:"),
    ),
    Wrong(
        "attend",
        "ignores_mask",
        "The mask that is handed over has no effect; only the causal one does.",
        change=("    if mask is not None:", "    if causal:"),
    ),
    Wrong(
        "attend",
        "keys_for_values",
        "The weights average the keys. What a token hands over is its value, v.",
        change=("softmax(scores, dim=-1) @ v", "softmax(scores, dim=-1) @ k"),
    ),
    Wrong(
        "attend",
        "scales_q_in_place",
        "q itself is changed: the caller's queries are others after the call. Compute with a new tensor, and not "
        "by q /= ...",
        change=(
            (
                "scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))",
                "scores = q.div_(math.sqrt(q.size(-1))) @ k.transpose(-2, -1)",
            ),
        ),
    ),
    Wrong(
        "attend",
        "first_heads_mask",
        "The mask of the first head is taken for all heads. Where the heads have masks of their own, each has to "
        "be used for its head.",
        change=("masked_fill(~mask, -math.inf)", "masked_fill(~(mask if causal else mask[:, :1]), -math.inf)"),
    ),
    Wrong(
        "attend",
        "first_texts_mask",
        "The mask of the first text is taken for all texts of the batch.",
        change=("masked_fill(~mask, -math.inf)", "masked_fill(~(mask if causal else mask[:1]), -math.inf)"),
    ),
    Wrong(
        "attend",
        "values_scaled",
        "The values are divided by the root of Dh. It is the scores that are, before the softmax.",
        change=(
            "    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, T, S)\n",
            "    scores = q @ k.transpose(-2, -1)\n    v = v / math.sqrt(q.size(-1))\n",
        ),
    ),
    Wrong(
        "attend",
        "gives_the_weights",
        "These are the weights. Average the values with them: one more matrix product, with v.",
        change=("softmax(scores, dim=-1) @ v", "softmax(scores, dim=-1)"),
    ),
    Wrong(
        "attend",
        "unit_length",
        "Queries and keys are brought to length 1 first. The score is their dot product as they are.",
        change=("    scores = q @ k", "    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)\n    scores = q @ k"),
    ),
    Right(
        "attend",
        "with_einsum",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    scores = torch.einsum("bhtc,bhsc->bhts", q, k) * q.shape[-1] ** -0.5
    if causal:
        future = torch.ones(q.shape[-2], k.shape[-2]).triu(1).bool()
        scores = scores.masked_fill(future, float("-inf"))
    if mask is not None:
        scores = torch.where(mask, scores, float("-inf"))
    return torch.einsum("bhts,bhsc->bhtc", softmax(scores, -1), v)
""",
    ),
    Right(
        "attend",
        "query_by_query",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    B, H, T, Dh = q.shape
    S = k.shape[2]
    allowed = torch.ones(B, H, T, S, dtype=torch.bool) if mask is None else mask.expand(B, H, T, S)
    rows = []
    for t in range(T):
        fit = (q[:, :, t : t + 1] * k).sum(-1) / Dh**0.5  # (B, H, S)
        may = allowed[:, :, t].clone()
        if causal:
            may[..., t + 1 :] = False
        weights = softmax(fit.masked_fill(~may, -1e300 if fit.dtype == torch.float64 else -1e30), dim=-1)
        rows.append((weights[..., None] * v).sum(2))
    return torch.stack(rows, dim=2)
""",
    ),
    Right(
        "attend",
        "with_bmm",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    B, H, T, Dh = q.shape
    bias = torch.zeros(B, H, T, k.size(2), dtype=q.dtype)
    if mask is not None:
        bias = bias.masked_fill(mask.logical_not(), -math.inf)
    if causal:
        bias = bias + torch.full((T, k.size(2)), -math.inf, dtype=q.dtype).triu(1)
    flat = [part.flatten(0, 1) for part in (q, k, v, bias)]
    scores = torch.baddbmm(flat[3], flat[0], flat[1].mT, alpha=1 / math.sqrt(Dh))
    return torch.bmm(softmax(scores), flat[2]).view(B, H, T, Dh)
""",
    ),
    Right(
        "attend",
        "sdpa_written_out",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    T, S = q.size(-2), k.size(-2)
    attn_bias = torch.zeros(T, S, dtype=q.dtype, device=q.device)
    if causal:
        temp_mask = torch.ones(T, S, dtype=torch.bool).tril(diagonal=0)
        attn_bias.masked_fill_(temp_mask.logical_not(), float("-inf"))
    if mask is not None:
        attn_bias = torch.zeros(mask.shape, dtype=q.dtype).masked_fill_(mask.logical_not(), float("-inf"))
    attn_weight = q @ k.transpose(-2, -1) * (1 / math.sqrt(q.size(-1)))
    attn_weight += attn_bias
    return softmax(attn_weight, dim=-1) @ v
""",
    ),
    Right(
        "attend",
        "eager_in_float32",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    attn_weights = torch.matmul(q, k.transpose(2, 3)) * (q.shape[-1] ** -0.5)
    lowest = torch.finfo(attn_weights.dtype).min
    if causal:
        attn_weights = attn_weights + torch.full(attn_weights.shape[-2:], lowest).triu(diagonal=1)
    if mask is not None:
        attn_weights = attn_weights + torch.where(mask, 0.0, lowest)
    attn_weights = softmax(attn_weights.float(), dim=-1).to(q.dtype)
    return torch.matmul(attn_weights, v).contiguous()
""",
    ),
    Right(
        "attend",
        "with_a_tril_buffer",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    T, hs = q.shape[-2:]
    att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(hs))
    if causal:
        bias = torch.tril(torch.ones(64, 64)).view(1, 1, 64, 64)
        att = att.masked_fill(bias[:, :, :T, :T] == 0, float("-inf"))
    elif mask is not None:
        att = att.masked_fill(mask == 0, float("-inf"))
    return softmax(att, -1) @ v
""",
    ),
    Right(
        "attend",
        "head_by_head",
        code="""
def attend(q, k, v, *, mask=None, causal=False):
    B, H, T, _ = q.shape
    S = k.shape[2]
    out = torch.zeros(B, H, T, v.shape[-1])
    full = torch.ones(B, H, T, S, dtype=torch.bool) if mask is None else mask.broadcast_to((B, H, T, S))
    for b in range(B):
        for h in range(H):
            scores = q[b, h].matmul(k[b, h].t()).div(q.shape[-1] ** 0.5)
            may = torch.tril(full[b, h]) if causal else full[b, h]
            scores[~may] = -torch.inf
            out[b, h] = softmax(scores, 1).mm(v[b, h])
    return out
""",
    ),
]
