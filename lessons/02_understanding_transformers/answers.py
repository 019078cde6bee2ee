"""Known answers to lesson 02: wrong ones, explained, right ones in other styles, and the code of the bug hunts."""

from storyteller_course import Given, Right, Wrong

answers = [
    # --- softmax ------------------------------------------------------------------------------------------------------
    Wrong(
        "softmax",
        "overflows",
        "The exponential of a large number is inf, and inf / inf is nan. Take the largest number away first: that "
        "changes no weight, and then no exponent is above 0.",
        change=("shifted = x - x.amax(dim, keepdim=True)", "shifted = x"),
    ),
    Wrong(
        "softmax",
        "one_maximum_for_all",
        "The largest number of the whole tensor is taken away. A row that lies far below it becomes exp(-4000) = 0 "
        "everywhere, and 0 / 0 is nan. Each row along dim needs its own largest number.",
        change=("x.amax(dim, keepdim=True)", "x.max()"),
    ),
    Wrong(
        "softmax",
        "one_sum_for_all",
        "The weights are divided by the sum over the whole tensor, so that everything together is 1. They must sum to "
        "1 along dim.",
        change=("weights.sum(dim, keepdim=True)", "weights.sum()"),
    ),
    Wrong(
        "softmax",
        "always_last",
        "The argument dim is not used: the numbers compete along the last dimension whatever is asked for.",
        change=(
            ("x.amax(dim, keepdim=True)", "x.amax(-1, keepdim=True)"),
            ("weights.sum(dim, keepdim=True)", "weights.sum(-1, keepdim=True)"),
        ),
    ),
    Wrong(
        "softmax",
        "minus_the_mean",
        "The mean is taken away instead of the largest number. Numbers far above the mean still overflow, and where "
        "there is a -inf the mean is -inf too.",
        change=("x.amax(dim, keepdim=True)", "x.mean(dim, keepdim=True)"),
    ),
    Wrong(
        "softmax",
        "divides_by_the_largest",
        "The weights are divided by the largest of them, so the largest becomes 1. Divide by their sum.",
        change=("weights.sum(dim, keepdim=True)", "weights.amax(dim, keepdim=True)"),
    ),
    Wrong(
        "softmax",
        "without_gradient",
        "The shift is right, but the result was detached on the way: no gradient can flow back, and whatever comes "
        "before this softmax would never learn.",
        change=("weights = shifted.exp()", "weights = shifted.exp().detach()"),
    ),
    Wrong(
        "softmax",
        "logarithms",
        "These are the logarithms of the weights: log_softmax. Take the exponential, or divide where you subtract.",
        change=(
            "return weights / weights.sum(dim, keepdim=True)",
            "return shifted - weights.sum(dim, keepdim=True).log()",
        ),
    ),
    Right(
        "softmax",
        "by_logarithms",
        code="""
def softmax(x, dim=-1):
    return torch.exp(x - torch.logsumexp(x, dim=dim, keepdim=True))
""",
    ),
    Right(
        "softmax",
        "last_dimension_first",
        code="""
def softmax(x, dim=-1):
    rows = x.movedim(dim, 0)
    top, _ = rows.max(dim=0)
    e = torch.exp(rows - top)
    return (e / torch.sum(e, 0)).movedim(0, dim)
""",
    ),
    # --- attend -------------------------------------------------------------------------------------------------------
    Wrong(
        "attend",
        "no_scale",
        "The scores are not divided by sqrt(K). They grow with the width of the head, the softmax picks one key and "
        "its gradient vanishes.",
        change=(" / math.sqrt(q.size(-1))", ""),
    ),
    Wrong(
        "attend",
        "scaled_by_the_width",
        "The scores are divided by K itself, not by its square root. A dot product of K random pairs has a spread of "
        "sqrt(K); divided by K the scores are nearly equal, and so are the weights.",
        change=("math.sqrt(q.size(-1))", "q.size(-1)"),
    ),
    Wrong(
        "attend",
        "scaled_by_the_keys",
        "The scores are divided by the root of the number of keys. It is the head width that makes dot products large: "
        "K, the last dimension of q.",
        change=("math.sqrt(q.size(-1))", "math.sqrt(k.size(-2))"),
    ),
    Wrong(
        "attend",
        "multiplied_by_the_root",
        "The scores are multiplied by sqrt(K); divide by it.",
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
    B, H, T, K = q.shape
    S = k.shape[2]
    allowed = torch.ones(B, H, T, S, dtype=torch.bool) if mask is None else mask.expand(B, H, T, S)
    rows = []
    for t in range(T):
        fit = (q[:, :, t : t + 1] * k).sum(-1) / K**0.5  # (B, H, S)
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
    B, H, T, K = q.shape
    bias = torch.zeros(B, H, T, k.size(2), dtype=q.dtype)
    if mask is not None:
        bias = bias.masked_fill(mask.logical_not(), -math.inf)
    if causal:
        bias = bias + torch.full((T, k.size(2)), -math.inf, dtype=q.dtype).triu(1)
    flat = [part.flatten(0, 1) for part in (q, k, v, bias)]
    scores = torch.baddbmm(flat[3], flat[0], flat[1].mT, alpha=1 / math.sqrt(K))
    return torch.bmm(softmax(scores), flat[2]).view(B, H, T, K)
""",
    ),
    # --- causal_mask (bug hunt) ---------------------------------------------------------------------------------------
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
        "as_given",
        "This is the code as it was given: a new token after others sees only key 0, and padding opens the future.",
        change=(
            ("column[n_keys - n_queries :, None]", "column[:n_queries, None]"),
            ("(allowed & real[:, None, :])", "real[:, None, :]"),
        ),
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
    # --- attend_in_heads (bug hunt) -----------------------------------------------------------------------------------
    Given(
        "attend_in_heads",
        change=(
            (
                ".transpose(1, 2) for part in (q, k, v))  # (B, H, T, K), S for k and v",
                " for part in (q, k, v))  # a head has K = D/H features",
            ),
            (
                "gathered = attend(q, k, v, causal=causal)  # (B, H, T, K)",
                "gathered = attend(q, k, v, causal=causal)",
            ),
            ("gathered.transpose(1, 2).flatten(start_dim=2)", "gathered.flatten(start_dim=2)"),
        ),
    ),
    Wrong(
        "attend_in_heads",
        "across_heads",
        "This is the code as it was given. attend takes dimension 2 for the tokens, and there stand the heads: the "
        "heads of one token attend to each other, and no token ever sees another. Swap dimensions 1 and 2 before, and "
        "back after.",
        change=(
            (").transpose(1, 2) for part in (q, k, v))", ") for part in (q, k, v))"),
            ("gathered.transpose(1, 2).flatten(start_dim=2)", "gathered.flatten(start_dim=2)"),
        ),
    ),
    Wrong(
        "attend_in_heads",
        "viewed_into_heads",
        "The features are cut with a view or reshape to (B, H, T, K). It has the right shape, but it cuts the numbers "
        "as they lie in memory: a head gets all features of the first few tokens, not its slice of the features of all "
        "tokens. First (B, T, H, K), then swap.",
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
        "Head h gets the features h, h + H, h + 2H and so on. Its slice is meant to lie together: the first K features "
        "are head 0. Unflatten into (H, K), not into (K, H).",
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
    # --- apply_rope ---------------------------------------------------------------------------------------------------
    Wrong(
        "apply_rope",
        "pairs_neighbours",
        "Features 2i and 2i + 1 are turned as a pair, as the RoFormer paper has it. Here, as in Llama and Mixtral, "
        "feature i goes with feature i + K/2. Both work, but weights learned with one are noise to the other.",
        change=(
            ("x[..., :half], x[..., half:]", "x[..., 0::2], x[..., 1::2]"),
            ("torch.cat(turned, dim=-1)", "torch.stack(turned, dim=-1).flatten(-2)"),
        ),
    ),
    Wrong(
        "apply_rope",
        "splits_neighbours_joins_halves",
        "The pairs are taken from neighbouring features and then written back as two halves: the features come back in "
        "another order. Take the first and the second half.",
        change=("x[..., :half], x[..., half:]", "x[..., 0::2], x[..., 1::2]"),
    ),
    Wrong(
        "apply_rope",
        "clockwise",
        "The pairs turn the other way: (a, b) became (a cos + b sin, -a sin + b cos). Distances still count, but not "
        "in the way that trained weights of Llama's kind expect. The minus belongs to b sin.",
        change=("a * cos - b * sin, a * sin + b * cos", "a * cos + b * sin, b * cos - a * sin"),
    ),
    Wrong(
        "apply_rope",
        "two_plus_signs",
        "Both halves have a plus: (a cos + b sin, a sin + b cos). This is no rotation, it changes lengths, and the "
        "score of two tokens depends on where they stand and not only on their distance.",
        change=("a * cos - b * sin", "a * cos + b * sin"),
    ),
    Wrong(
        "apply_rope",
        "sine_for_cosine",
        "Cosine and sine have changed places, so position 0, with the angle 0, is turned by 90 degrees.",
        change=("a * cos - b * sin, a * sin + b * cos", "a * sin - b * cos, a * cos + b * sin"),
    ),
    Wrong(
        "apply_rope",
        "stretched_only",
        "Each half is multiplied by the cosine alone. That shrinks the features by their position and turns nothing.",
        change=("a * cos - b * sin, a * sin + b * cos", "a * cos, b * cos"),
    ),
    Wrong(
        "apply_rope",
        "uses_the_new_a",
        "The first half is overwritten, and the second half is computed from the new one. Both need the old a and b.",
        change=(
            "    turned = a * cos - b * sin, a * sin + b * cos",
            "    a = a * cos - b * sin\n    turned = a, a * sin + b * cos",
        ),
    ),
    Wrong(
        "apply_rope",
        "changes_the_dtype",
        "The result has the dtype of the table: bfloat16 features come back as float32, and the next product of the "
        "model refuses them. Give back the dtype of x.",
        change=(".to(x.dtype)", ""),
    ),
    Right(
        "apply_rope",
        "rotate_half",
        code="""
def apply_rope(x, cos, sin):
    def rotate_half(y):
        left, right = y.chunk(2, dim=-1)
        return torch.cat([-right, left], dim=-1)

    cos, sin = torch.cat([cos, cos], dim=-1), torch.cat([sin, sin], dim=-1)
    return (x * cos + rotate_half(x) * sin).type_as(x)
""",
    ),
    Right(
        "apply_rope",
        "with_complex_numbers",
        code="""
def apply_rope(x, cos, sin):
    wide = torch.promote_types(x.dtype, cos.dtype)
    first, second = x.to(wide).unflatten(-1, (2, -1)).unbind(-2)
    spun = torch.complex(first, second) * torch.complex(cos.to(wide), sin.to(wide))
    return torch.cat((spun.real, spun.imag), -1).to(x.dtype)
""",
    ),
    Right(
        "apply_rope",
        "with_matrices",
        code="""
def apply_rope(x, cos, sin):
    wide = torch.promote_types(x.dtype, cos.dtype)
    matrix = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2).to(wide)
    pairs = torch.stack(x.to(wide).tensor_split(2, dim=-1), dim=-1)
    turned = (matrix @ pairs[..., None])[..., 0]
    return turned.transpose(-1, -2).flatten(-2).to(x.dtype)
""",
    ),
    # --- MultiHeadAttention -------------------------------------------------------------------------------------------
    Wrong(
        "MultiHeadAttention",
        "ignores_the_context",
        "The context is not used: the tokens always look at their own text. Keys and values come from the context "
        "where there is one.",
        change=("source = x if context is None else context", "source = x"),
    ),
    Wrong(
        "MultiHeadAttention",
        "context_asks_too",
        "The queries come from the context as well, so x has no say and the result has the context's length. The "
        "tokens of x ask; the context answers.",
        change=("self.q(x), self.k(source)", "self.q(source), self.k(source)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "values_from_x",
        "The keys come from the context, but the values from x. What is found and what is handed over must belong to "
        "the same token.",
        change=("self.v(source)", "self.v(x if x.shape == source.shape else source)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "causal_to_a_context",
        "Attention to a context is causal here: token 0 sees only its first token. A context has been read in full "
        "already; only within its own text may a token not look ahead.",
        change=("causal=context is None)", "causal=q.size(-2) == k.size(-2))"),
    ),
    Wrong(
        "MultiHeadAttention",
        "never_causal",
        "Tokens see the tokens after them: attend is not told to be causal. In training the model would read off the "
        "answer, and then fail when it has to write.",
        change=("causal=context is None)", "causal=False)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "turns_values",
        "The values are turned as well. RoPE changes how well tokens fit, by queries and keys; what they hand over "
        "stays as it is.",
        change=(
            "            q, k = apply_rope(q, *rotation), apply_rope(k, *rotation)",
            "            q, k, v = (apply_rope(part, *rotation) for part in (q, k, v))",
        ),
    ),
    Wrong(
        "MultiHeadAttention",
        "turns_queries_only",
        "Only the queries are turned. The score then depends on where the query stands, and not on its distance from "
        "the key. Turn both.",
        change=("q, k = apply_rope(q, *rotation), apply_rope(k, *rotation)", "q = apply_rope(q, *rotation)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "never_turns",
        "The rotation is not used: the attention does not know where tokens stand.",
        change=("if rotation is not None:", "if rotation is not None and context is not None:"),
    ),
    Wrong(
        "MultiHeadAttention",
        "forgets_out",
        "The heads' results are put side by side and given back as they are. `out` has to mix them, or no head's "
        "finding reaches another head's features.",
        change=(
            "self.out(gathered.transpose(1, 2).flatten(start_dim=2))",
            "gathered.transpose(1, 2).flatten(start_dim=2)",
        ),
    ),
    Wrong(
        "MultiHeadAttention",
        "merged_without_swapping",
        "The heads are put together without swapping heads and tokens back: the shape is right, and each output is "
        "made of pieces of different tokens.",
        change=("gathered.transpose(1, 2).flatten(start_dim=2)", "gathered.reshape(x.shape)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "across_heads",
        "The heads stand where attend expects the tokens: without the swap of dimensions 1 and 2 the heads of one "
        "token attend to each other.",
        change=(
            ("(self.n_heads, -1)).transpose(1, 2)", "(self.n_heads, -1))"),
            ("gathered.transpose(1, 2).flatten(start_dim=2)", "gathered.flatten(start_dim=2)"),
            (
                "q, k = apply_rope(q, *rotation), apply_rope(k, *rotation)",
                "q, k = (apply_rope(one.transpose(1, 2), *rotation).transpose(1, 2) for one in (q, k))",
            ),
        ),
    ),
    Wrong(
        "MultiHeadAttention",
        "one_head",
        "The features are not split: one head of width D attends, whatever n_heads is.",
        change=("(self.n_heads, -1)", "(1, -1)"),
    ),
    Right(
        "MultiHeadAttention",
        "with_einsum",
        code='''
class MultiHeadAttention(nn.Module):
    """With one product for each head."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, context=None, *, rotation=None):
        def heads(layer, source):
            return torch.einsum("btd,hkd->bhtk", source, layer.weight.unflatten(0, (self.n_heads, -1)))

        other = x if context is None else context
        q, k, v = heads(self.q, x), heads(self.k, other), heads(self.v, other)
        if rotation:
            cos, sin = rotation
            q, k = apply_rope(q, cos, sin), apply_rope(k, cos, sin)
        y = attend(q, k, v, causal=context is None)
        return torch.einsum("bhtk,dhk->btd", y, self.out.weight.unflatten(1, (self.n_heads, -1)))
''',
    ),
    Right(
        "MultiHeadAttention",
        "with_view_and_mask",
        code='''
class MultiHeadAttention(nn.Module):
    """With views, and the causal rule as a mask."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def split(self, x):
        B, L, D = x.shape
        return x.view(B, L, self.n_heads, D // self.n_heads).permute(0, 2, 1, 3)

    def forward(self, x, context=None, *, rotation=None):
        mask = None
        if context is None:
            mask = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()[None, None]
        q = self.split(self.q(x))
        k, v = (self.split(layer(x if context is None else context)) for layer in (self.k, self.v))
        if rotation is not None:
            q = apply_rope(q, *rotation)
            k = apply_rope(k, *rotation)
        return self.out(attend(q, k, v, mask=mask).permute(0, 2, 1, 3).reshape(x.shape))
''',
    ),
    # --- RMSNorm ------------------------------------------------------------------------------------------------------
    Wrong(
        "RMSNorm",
        "subtracts_the_mean",
        "The mean is subtracted first. That is LayerNorm; RMSNorm leaves the mean alone and only scales.",
        change=("square = x.pow(2)", "x = x - x.mean(dim=-1, keepdim=True)\n        square = x.pow(2)"),
    ),
    Wrong(
        "RMSNorm",
        "eps_outside_the_root",
        "eps is added to the root and not under it. For ordinary numbers it hardly shows; for tiny ones, and with an "
        "eps of another model, the results differ.",
        change=("torch.sqrt(square + self.eps)", "(torch.sqrt(square) + self.eps)"),
    ),
    Wrong(
        "RMSNorm",
        "eps_behind_the_quotient",
        "A division goes before a sum, so eps is added to the scaled features and not under the root: every feature is "
        "a little too large, and zeros do not stay zeros. Put eps into the brackets of the root.",
        change=("torch.sqrt(square + self.eps)", "torch.sqrt(square) + self.eps"),
    ),
    Wrong(
        "RMSNorm",
        "one_mean_for_all",
        "The mean of squares is taken over all tokens together, so a loud token makes the others quiet. Each token is "
        "scaled by itself: dim=-1.",
        change=("mean(dim=-1, keepdim=True)", "mean()"),
    ),
    Wrong(
        "RMSNorm",
        "mean_over_tokens",
        "The mean of squares is taken over the tokens, for each feature. It has to go over the features of each token, "
        "the last dimension.",
        change=("mean(dim=-1, keepdim=True)", "mean(dim=-2, keepdim=True)"),
    ),
    Wrong(
        "RMSNorm",
        "sum_of_squares",
        "The squares are summed, so each token gets a length of 1 and its features become smaller the more of them "
        "there are. Take their mean.",
        change=("mean(dim=-1, keepdim=True)", "sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "RMSNorm",
        "without_the_root",
        "x is divided by the mean of squares and not by its root.",
        change=("torch.sqrt(square + self.eps)", "(square + self.eps)"),
    ),
    Wrong(
        "RMSNorm",
        "without_weight",
        "The weight is not used, so the model cannot learn how large a feature should be.",
        change=("return scaled * self.weight", "return scaled"),
    ),
    Wrong(
        "RMSNorm",
        "weight_plus_one",
        "The features are multiplied by 1 + weight. Gemma's models do so, with weights that start at 0; here the "
        "weight starts at 1 and multiplies as it is.",
        change=("return scaled * self.weight", "return scaled * (1 + self.weight)"),
    ),
    Right(
        "RMSNorm",
        "with_rsqrt",
        code='''
class RMSNorm(nn.Module):
    """With rsqrt and einsum."""

    def __init__(self, width, *, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        squares = torch.einsum("...d,...d->...", x, x) / x.shape[-1]
        return self.weight * (x * torch.rsqrt(squares + self.eps).unsqueeze(-1))
''',
    ),
    Right(
        "RMSNorm",
        "by_the_norm",
        code='''
class RMSNorm(nn.Module):
    """By the length of the vector."""

    def __init__(self, width, *, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        n = x.size(-1)
        length = torch.sum(x * x, dim=-1, keepdim=True)
        return x * ((length / n + self.eps) ** -0.5) * self.weight
''',
    ),
    # --- SwiGLU -------------------------------------------------------------------------------------------------------
    Wrong(
        "SwiGLU",
        "gate_and_up_swapped",
        "silu goes over the up-projection, and the gate is multiplied as it is. It could learn as well, but weights "
        "from elsewhere give something else.",
        change=(
            ("F.silu(self.gate(x))", "F.silu(self.up(x))"),
            ("opening * self.up(x)", "opening * self.gate(x)"),
        ),
    ),
    Wrong(
        "SwiGLU",
        "sigmoid",
        "The gate opens by a sigmoid: that is the older GLU. silu(z) is z * sigmoid(z).",
        change=("F.silu(self.gate(x))", "torch.sigmoid(self.gate(x))"),
    ),
    Wrong(
        "SwiGLU",
        "gelu",
        "The gate goes through GELU: that is GEGLU, of the same paper. Here it is silu.",
        change=("F.silu(self.gate(x))", "F.gelu(self.gate(x))"),
    ),
    Wrong(
        "SwiGLU",
        "relu",
        "The gate goes through ReLU. silu is smooth and lets a little through below 0.",
        change=("F.silu(self.gate(x))", "F.relu(self.gate(x))"),
    ),
    Wrong(
        "SwiGLU",
        "added",
        "Gate and up-projection are added. A gate multiplies: only so can it shut a feature.",
        change=("opening * self.up(x)", "opening + self.up(x)"),
    ),
    Wrong(
        "SwiGLU",
        "silu_on_both",
        "The up-projection goes through silu as well. Only the gate does.",
        change=("opening * self.up(x)", "opening * F.silu(self.up(x))"),
    ),
    Wrong(
        "SwiGLU",
        "silu_after_the_product",
        "silu goes over the product of gate and up-projection. It belongs to the gate alone, before the product.",
        change=(
            ("F.silu(self.gate(x))", "self.gate(x)"),
            ("opening * self.up(x)", "F.silu(opening * self.up(x))"),
        ),
    ),
    Wrong(
        "SwiGLU",
        "no_gate",
        "The gate is missing: this is an ordinary layer, down(silu(up(x))).",
        change=(("F.silu(self.gate(x))", "F.silu(self.up(x))"), ("opening * self.up(x)", "opening")),
    ),
    Right(
        "SwiGLU",
        "from_the_formula",
        code='''
class SwiGLU(nn.Module):
    """silu written out."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        z = self.gate(x)
        return self.down(self.up(x) * z / (1 + torch.exp(-z)))
''',
    ),
    Right(
        "SwiGLU",
        "functional",
        code='''
class SwiGLU(nn.Module):
    """Gate and up-projection in one product."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        both = F.linear(x, torch.cat((self.gate.weight, self.up.weight)))
        gate, up = both.tensor_split(2, dim=-1)
        return torch.einsum("...f,df->...d", torch.sigmoid(gate) * gate * up, self.down.weight)
''',
    ),
    # --- Block --------------------------------------------------------------------------------------------------------
    Wrong(
        "Block",
        "attention_replaces_x",
        "What the attention finds takes the place of x. Add it to x: the residual path carries everything that earlier "
        "layers have found.",
        change=("x = x + self.attention(", "x = self.attention("),
    ),
    Wrong(
        "Block",
        "feed_forward_replaces_x",
        "The feed-forward part's result takes the place of x. Add it to x.",
        change=("x = x + self.feed_forward(", "x = self.feed_forward("),
    ),
    Wrong(
        "Block",
        "no_residual",
        "Both parts replace x. Without the residual path everything has to squeeze through every part, and deep models "
        "hardly learn. Write x + ... both times.",
        change=(
            ("x = x + self.attention(", "x = self.attention("),
            ("x = x + self.feed_forward(", "x = self.feed_forward("),
        ),
    ),
    Wrong(
        "Block",
        "post_norm",
        "The sum is normalised: this is post-norm, the block of 2017. Here the norm acts on the copy that a part "
        "reads, so that the path of x itself stays clear.",
        change=(
            (
                "x = x + self.attention(self.attention_norm(x), rotation=rotation)",
                "x = self.attention_norm(x + self.attention(x, rotation=rotation))",
            ),
            (
                "x = x + self.feed_forward(self.feed_forward_norm(x))",
                "x = self.feed_forward_norm(x + self.feed_forward(x))",
            ),
        ),
    ),
    Wrong(
        "Block",
        "normalised_path",
        "x is overwritten by its normalised copy, and the result is added to that. Add to x as it was: the path from "
        "input to output must hold nothing but additions.",
        change=(
            (
                "x = x + self.attention(self.attention_norm(x), rotation=rotation)",
                "x = self.attention_norm(x)\n        x = x + self.attention(x, rotation=rotation)",
            ),
            (
                "x = x + self.feed_forward(self.feed_forward_norm(x))",
                "x = self.feed_forward_norm(x)\n        x = x + self.feed_forward(x)",
            ),
        ),
    ),
    Wrong(
        "Block",
        "in_parallel",
        "The feed-forward part reads the old x, side by side with the attention. Some models do that; here it comes "
        "after the attention and reads the new x.",
        change=(
            (
                "x = x + self.attention(self.attention_norm(x), rotation=rotation)",
                "old, x = x, x + self.attention(self.attention_norm(x), rotation=rotation)",
            ),
            ("self.feed_forward_norm(x)", "self.feed_forward_norm(old)"),
        ),
    ),
    Wrong(
        "Block",
        "one_norm_for_both",
        "The first norm is used for both parts; the feed-forward part has one of its own.",
        change=("self.feed_forward_norm(x)", "self.attention_norm(x)"),
    ),
    Wrong(
        "Block",
        "feed_forward_first",
        "The feed-forward part comes before the attention. Gather first, think after.",
        change=(
            (
                "x = x + self.attention(self.attention_norm(x), rotation=rotation)",
                "x = x + self.feed_forward(self.feed_forward_norm(x)) ",
            ),
            (
                "        x = x + self.feed_forward(self.feed_forward_norm(x))  # (B, T, D)\n",
                "        x = x + self.attention(self.attention_norm(x), rotation=rotation)\n",
            ),
        ),
    ),
    Wrong(
        "Block",
        "no_norms",
        "The parts read x as it is. Without the norms the numbers grow from layer to layer.",
        change=(("self.attention_norm(x)", "x"), ("self.feed_forward_norm(x)", "x")),
    ),
    Wrong(
        "Block",
        "second_norm_missing",
        "The feed-forward part reads x as it is. It reads a normalised copy too, by a norm of its own.",
        change=("self.feed_forward_norm(x)", "x"),
    ),
    Wrong(
        "Block",
        "loses_the_rotation",
        "The rotation is not handed on to the attention: the model does not know in which order the tokens stand.",
        change=(", rotation=rotation)", ")"),
    ),
    Right(
        "Block",
        "by_name",
        code='''
class Block(nn.Module):
    """With names for what is found."""

    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.attention_norm = RMSNorm(d_model)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward_norm = RMSNorm(d_model)
        self.feed_forward = SwiGLU(d_model, d_ff)

    def forward(self, x, *, rotation=None):
        heard = self.attention(self.attention_norm(x), rotation=rotation)
        stream = torch.add(x, heard)
        thought = self.feed_forward(self.feed_forward_norm(stream))
        return stream + thought
''',
    ),
    Right(
        "Block",
        "in_a_loop",
        code='''
class Block(nn.Module):
    """The two halves have the same form."""

    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.attention_norm = RMSNorm(d_model)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward_norm = RMSNorm(d_model)
        self.feed_forward = SwiGLU(d_model, d_ff)

    def forward(self, x, *, rotation=None):
        for name, options in (("attention", {"rotation": rotation}), ("feed_forward", {})):
            part, norm = getattr(self, name), getattr(self, name + "_norm")
            x = part(norm(x), **options) + x
        return x
''',
    ),
    # --- GPT ----------------------------------------------------------------------------------------------------------
    Wrong(
        "GPT",
        "no_final_norm",
        "The final norm is missing. The residual path has grown through all blocks, and the logits with it.",
        change=("self.norm(x) @", "x @"),
    ),
    Wrong(
        "GPT",
        "no_rotation",
        "The blocks get no rotation, so the model cannot tell in which order the tokens stand.",
        change=("block(x, rotation=rotation)", "block(x)"),
    ),
    Wrong(
        "GPT",
        "one_position_late",
        "The rotations are those of the positions 1 to T. (As scores depend on distances alone, the logits do not even "
        "change; but the first T rows were asked for, and the last one of a full text is missing.)",
        change=(
            "self.cos[: ids.size(1)], self.sin[: ids.size(1)]",
            "self.cos[: ids.size(1)], self.sin[1 : ids.size(1) + 1]",
        ),
    ),
    Wrong(
        "GPT",
        "last_block_only",
        "Every block reads the embeddings, so only the last one counts. Each block reads what the one before has left.",
        change=(
            ("x = self.embedding(ids)", "x = first = self.embedding(ids)"),
            ("x = block(x, rotation=rotation)", "x = block(first, rotation=rotation)"),
        ),
    ),
    Wrong(
        "GPT",
        "shifts_again",
        "The targets are shifted once more. The caller has done so: targets[t] is the token after ids[t] already, and "
        "you train the model to predict the one after that.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            "F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())",
        ),
    ),
    Wrong(
        "GPT",
        "counts_ignored",
        "The sum is divided by the number of all targets, those of -100 included. They are no targets: the mean goes "
        "over the others alone.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            'F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / targets.numel()',
        ),
    ),
    Wrong(
        "GPT",
        "mean_of_texts",
        "The loss is averaged for each text and then over the texts, so that a target in a text with few targets "
        "weighs more. Take the mean over all targets at once.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            "torch.stack([F.cross_entropy(row, to) for row, to in zip(logits, targets)]).mean()",
        ),
    ),
    Wrong(
        "GPT",
        "sum_of_losses",
        "The loss is the sum over all targets: it grows with the batch, and with it the steps of the training. Take "
        "the mean.",
        change=("ignore_index=-100)", 'reduction="sum")'),
    ),
    Wrong(
        "GPT",
        "softmax_twice",
        "The cross-entropy gets probabilities. It takes the softmax itself, so this one comes on top, and the loss can "
        "never become small.",
        change=("F.cross_entropy(logits.flatten(0, 1)", "F.cross_entropy(logits.softmax(-1).flatten(0, 1)"),
    ),
    Wrong(
        "GPT",
        "gives_probabilities",
        "These are probabilities, after a softmax. Logits are wanted, before it.",
        change=("self.embedding.weight.T  # (B, T, V)", "self.embedding.weight.T\n        logits = logits.softmax(-1)"),
    ),
    Wrong(
        "GPT",
        "scaled_embedding",
        "The embeddings are multiplied by sqrt(D), as in the paper of 2017. This model does not do that.",
        change=("x = self.embedding(ids)", "x = self.embedding(ids) * self.embedding.weight.size(1) ** 0.5"),
    ),
    Wrong(
        "GPT",
        "untied_gradient",
        "The output matrix is detached: the embedding learns as input only. Tied weights learn from both ends.",
        change=("self.embedding.weight.T", "self.embedding.weight.detach().T"),
    ),
    Wrong(
        "GPT",
        "logits_only",
        "Without targets the logits come back alone. Give back a pair in both cases: the logits and None.",
        change=("return logits, None", "return logits"),
    ),
    Right(
        "GPT",
        "with_linear",
        code='''
class GPT(nn.Module):
    """With F.linear, and the loss picked out by hand."""

    def __init__(self, vocab_size, d_model, n_layers, n_heads, d_ff, *, max_seq_len=512):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, targets=None):
        B, T = ids.shape
        x = F.embedding(ids, self.embedding.weight)
        for layer in range(len(self.blocks)):
            x = self.blocks[layer](x, rotation=(self.cos[:T], self.sin[:T]))
        logits = F.linear(self.norm(x), self.embedding.weight)
        loss = None
        if targets is not None:
            real = targets != -100
            log_p = logits.log_softmax(-1)[real]
            loss = -log_p.gather(-1, targets[real][:, None]).mean()
        return logits, loss
''',
    ),
    Right(
        "GPT",
        "with_einsum",
        code='''
class GPT(nn.Module):
    """With einsum, and cross_entropy on (B, V, T)."""

    def __init__(self, vocab_size, d_model, n_layers, n_heads, d_ff, *, max_seq_len=512):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, targets=None):
        stream = self.embedding(ids)
        places = torch.arange(ids.shape[1])
        for block in self.blocks:
            stream = block(stream, rotation=(self.cos[places], self.sin[places]))
        logits = torch.einsum("btd,vd->btv", self.norm(stream), self.embedding.weight)
        loss = F.cross_entropy(logits.transpose(1, 2), targets) if targets is not None else None
        return logits, loss
''',
    ),
    # --- sinusoidal_positions -----------------------------------------------------------------------------------------
    Wrong(
        "sinusoidal_positions",
        "halves",
        "All sines come first and then all cosines. The paper has them as neighbours: sin, cos, sin, cos.",
        change=(
            "torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(start_dim=1)",
            "torch.cat((angle.sin(), angle.cos()), dim=1)",
        ),
    ),
    Wrong(
        "sinusoidal_positions",
        "cosine_first",
        "Cosine and sine have changed places: the even features are sines.",
        change=("(angle.sin(), angle.cos())", "(angle.cos(), angle.sin())"),
    ),
    Wrong(
        "sinusoidal_positions",
        "half_the_exponent",
        "The exponent is i/D where it should be 2i/D: the waves become longer only half as fast.",
        change=("torch.arange(0, d_model, 2) / d_model", "torch.arange(0, d_model, 2) / 2 / d_model"),
    ),
    Wrong(
        "sinusoidal_positions",
        "ever_faster",
        "The exponent has lost its minus: the waves become faster from pair to pair, and at once so fast that "
        "neighbouring positions look like chance.",
        change=("10_000.0 ** (-torch.arange", "10_000.0 ** (torch.arange"),
    ),
    Wrong(
        "sinusoidal_positions",
        "counts_from_1",
        "The first position is 1. It is 0, where all sines are 0 and all cosines 1.",
        change=("torch.arange(n_positions)[:, None]", "torch.arange(1, n_positions + 1)[:, None]"),
    ),
    Right(
        "sinusoidal_positions",
        "filled_in",
        code="""
def sinusoidal_positions(n_positions, d_model):
    table = torch.empty(n_positions, d_model)
    position = torch.arange(n_positions).unsqueeze(1)
    divisor = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    table[:, 0::2] = torch.sin(position * divisor)
    table[:, 1::2] = torch.cos(position * divisor)
    return table
""",
    ),
    Right(
        "sinusoidal_positions",
        "by_complex_numbers",
        code="""
def sinusoidal_positions(n_positions, d_model):
    angle = torch.outer(torch.arange(n_positions).float(), 1 / 10_000 ** (torch.arange(d_model // 2) * 2 / d_model))
    spun = torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(spun).flip(-1).reshape(n_positions, d_model)
""",
    ),
    # --- parameters_and_flops -----------------------------------------------------------------------------------------
    Wrong(
        "parameters_and_flops",
        "embedding_twice",
        "The embedding is counted twice. It is tied: input and output share one matrix.",
        change=("parameters = vocab_size * d_model", "parameters = 2 * vocab_size * d_model"),
    ),
    Wrong(
        "parameters_and_flops",
        "two_matrices_of_swiglu",
        "The feed-forward part is counted with two matrices. SwiGLU has three: gate, up and down.",
        change=("3 * d_model * d_ff", "2 * d_model * d_ff"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_norms",
        "The norms are missing: a weight for each feature, two norms in a block and one at the end.",
        change=("(matrices + 2 * d_model) + d_model", "matrices"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_attention",
        "The products between tokens are missing: scores, and averages of the values. They grow with the square of T.",
        change=("seq_len * per_token + between_tokens", "seq_len * per_token"),
    ),
    Wrong(
        "parameters_and_flops",
        "scores_only",
        "Of the products between tokens only the scores are counted. Averaging the values costs as much again.",
        change=("n_layers * 2 * (2 * seq_len", "n_layers * (2 * seq_len"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_logits",
        "The product with the tied embedding, which gives the logits, is missing. Looking up is free, this is not.",
        change=("(n_layers * matrices + vocab_size * d_model)", "n_layers * matrices"),
    ),
    Wrong(
        "parameters_and_flops",
        "multiplications_only",
        "Only the multiplications are counted. By custom a multiplication and its addition are two FLOPs.",
        change=(
            ("per_token = 2 * (n_layers", "per_token = (n_layers"),
            ("n_layers * 2 * (2 * seq_len", "n_layers * (2 * seq_len"),
        ),
    ),
    Wrong(
        "parameters_and_flops",
        "a_width_for_every_head",
        "The products between tokens are counted with the full width D in each head. A head has K = D/H; all heads "
        "together cost as much as one of width D.",
        change=("n_layers * 2 * (2 * seq_len", "n_layers * n_heads * 2 * (2 * seq_len"),
    ),
    Right(
        "parameters_and_flops",
        "matrix_by_matrix",
        code="""
def parameters_and_flops(*, vocab_size, d_model, n_layers, n_heads, d_ff, seq_len):
    block = [(d_model, d_model)] * 4 + [(d_ff, d_model), (d_ff, d_model), (d_model, d_ff)]
    shapes = block * n_layers + [(vocab_size, d_model)]
    entries = sum(rows * columns for rows, columns in shapes)
    norms = (2 * n_layers + 1) * d_model
    width = d_model // n_heads
    flops = 0
    for rows, columns in shapes:
        flops += 2 * seq_len * rows * columns
    for _ in range(n_layers):
        for _ in range(n_heads):
            flops += 2 * seq_len * width * seq_len + 2 * seq_len * seq_len * width
    return entries + norms, flops
""",
    ),
    Right(
        "parameters_and_flops",
        "in_one_formula",
        code="""
def parameters_and_flops(*, vocab_size, d_model, n_layers, n_heads, d_ff, seq_len):
    V, D, L, F, T = vocab_size, d_model, n_layers, d_ff, seq_len
    return D * (V + L * (4 * D + 3 * F + 2) + 1), 2 * T * D * (V + L * (4 * D + 3 * F + 2 * T))
""",
    ),
]
