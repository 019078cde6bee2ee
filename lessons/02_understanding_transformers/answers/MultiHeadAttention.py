"""Known answers to `MultiHeadAttention`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
            "            q, k = apply_rope(q, *rope), apply_rope(k, *rope)",
            "            q, k, v = (apply_rope(part, *rope) for part in (q, k, v))",
        ),
    ),
    Wrong(
        "MultiHeadAttention",
        "turns_queries_only",
        "Only the queries are turned. The score then depends on where the query stands, and not on its distance from "
        "the key. Turn both.",
        change=("q, k = apply_rope(q, *rope), apply_rope(k, *rope)", "q = apply_rope(q, *rope)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "never_turns",
        "`rope` is not used: the attention does not know where tokens stand.",
        change=("if rope is not None:", "if rope is not None and context is not None:"),
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
                "q, k = apply_rope(q, *rope), apply_rope(k, *rope)",
                "q, k = (apply_rope(one.transpose(1, 2), *rope).transpose(1, 2) for one in (q, k))",
            ),
        ),
    ),
    Wrong(
        "MultiHeadAttention",
        "one_head",
        "The features are not split: one head of width D attends, whatever n_heads is.",
        change=("(self.n_heads, -1)", "(1, -1)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "adds_x",
        "x is added here. That is the block's part; attention gives only what it found.",
        change=("        return mixed\n", "        return mixed + x\n"),
    ),
    Wrong(
        "MultiHeadAttention",
        "keys_and_values_swapped",
        "Keys and values have changed places in the call of `attend`.",
        change=("attend(q, k, v, causal", "attend(q, v, k, causal"),
    ),
    Wrong(
        "MultiHeadAttention",
        "turns_keys_only",
        "Only the keys are turned. The score then depends on where the key stands, and not on its distance from the "
        "query. Turn both.",
        change=("q, k = apply_rope(q, *rope), apply_rope(k, *rope)", "k = apply_rope(k, *rope)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "values_from_k",
        "The values are made with the keys' matrix. They have one of their own, `self.v`.",
        change=("self.v(source)", "self.k(source)"),
    ),
    Wrong(
        "MultiHeadAttention",
        "causal_with_rope_only",
        "The mask is there only where `rope` is given. It depends on the context: without one, a token must not see "
        "what comes later.",
        change=("causal=context is None", "causal=rope is not None"),
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

    def forward(self, x, context=None, *, rope=None):
        def heads(layer, source):
            return torch.einsum("btd,hkd->bhtk", source, layer.weight.unflatten(0, (self.n_heads, -1)))

        other = x if context is None else context
        q, k, v = heads(self.q, x), heads(self.k, other), heads(self.v, other)
        if rope:
            cos, sin = rope
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

    def forward(self, x, context=None, *, rope=None):
        mask = None
        if context is None:
            mask = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()[None, None]
        q = self.split(self.q(x))
        k, v = (self.split(layer(x if context is None else context)) for layer in (self.k, self.v))
        if rope is not None:
            q = apply_rope(q, *rope)
            k = apply_rope(k, *rope)
        return self.out(attend(q, k, v, mask=mask).permute(0, 2, 1, 3).reshape(x.shape))
''',
    ),
    Right(
        "MultiHeadAttention",
        "as_in_nanogpt",
        code='''
class MultiHeadAttention(nn.Module):
    """With the sizes by name."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, context=None, *, rope=None):
        B, T, C = x.size()
        source = context if context is not None else x
        S, hs = source.size(1), C // self.n_heads
        q = self.q(x).view(B, T, self.n_heads, hs).transpose(1, 2)
        k = self.k(source).view(B, S, self.n_heads, hs).transpose(1, 2)
        v = self.v(source).view(B, S, self.n_heads, hs).transpose(1, 2)
        if rope is not None:
            q = apply_rope(q, rope[0], rope[1])
            k = apply_rope(k, rope[0], rope[1])
        y = attend(q, k, v, causal=(context is None))
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.out(y)
''',
    ),
    Right(
        "MultiHeadAttention",
        "a_list_of_heads",
        code='''
class MultiHeadAttention(nn.Module):
    """One head after the other, as wrappers of single heads do."""

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, context=None, *, rope=None):
        keys = x if context is None else context
        width = self.q.weight.size(0) // self.n_heads
        heads = []
        for h in range(self.n_heads):
            rows = slice(h * width, (h + 1) * width)
            q = (x @ self.q.weight[rows].T)[:, None]
            k = (keys @ self.k.weight[rows].T)[:, None]
            v = (keys @ self.v.weight[rows].T)[:, None]
            if rope is not None:
                q, k = (apply_rope(one, *rope) for one in (q, k))
            heads.append(attend(q, k, v, causal=context is None)[:, 0])
        return self.out(torch.cat(heads, dim=-1))
''',
    ),
]
