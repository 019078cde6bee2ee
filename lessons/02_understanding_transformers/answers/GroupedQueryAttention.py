"""Known answers to `GroupedQueryAttention`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

LAYERS = '''
class GroupedQueryAttention(nn.Module):
    """Queries in H heads, keys and values in G."""

    def __init__(self, d_model, n_heads, n_kv_heads):
        super().__init__()
        self.H, self.G, self.width = n_heads, n_kv_heads, d_model // n_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, n_kv_heads * self.width, bias=False)
        self.v = nn.Linear(d_model, n_kv_heads * self.width, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        self.q_norm = RMSNorm(self.width)
        self.k_norm = RMSNorm(self.width)
'''
NORMS = "q, k = self.q_norm(q), self.k_norm(k)"

answers = [
    Wrong(
        "GroupedQueryAttention",
        "heads_in_turn",
        "The key heads are handed out in turn, 0, 1, 0, 1: every other query head shares one. Neighbours share: "
        "0, 0, 1, 1. It could learn as well, but weights from elsewhere give something else.",
        change=(
            "part.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1)",
            "part.repeat(1, self.n_heads // self.n_kv_heads, 1, 1)",
        ),
    ),
    Wrong(
        "GroupedQueryAttention",
        "no_qk_norm",
        "Queries and keys are compared as the matrices give them. QK-norm brings each of them to one size first, by "
        "`self.q_norm` and `self.k_norm`.",
        change=(NORMS, "pass"),
    ),
    Wrong(
        "GroupedQueryAttention",
        "norm_after_rope",
        "The norm comes after RoPE. Its weights differ within a pair of features, so what was turned is bent, and the "
        "score depends on more than the distance. Normalise first, turn then.",
        change=(
            (NORMS, "pass"),
            (
                "apply_rope(q, *rope), apply_rope(k, *rope)",
                "apply_rope(q, *rope), apply_rope(k, *rope)\n        " + NORMS,
            ),
        ),
    ),
    Wrong(
        "GroupedQueryAttention",
        "normalises_the_values",
        "The values are normalised too. They are handed over and not compared: leave them as they are.",
        change=(NORMS, "q, k, v = self.q_norm(q), self.k_norm(k), self.k_norm(v)"),
    ),
    Wrong(
        "GroupedQueryAttention",
        "one_norm_for_both",
        "The queries' norm is used for the keys as well. Each has weights of its own.",
        change=(NORMS, "q, k = self.q_norm(q), self.q_norm(k)"),
    ),
    Wrong(
        "GroupedQueryAttention",
        "norm_over_all_heads",
        "The root mean square is taken over all heads of a token together (OLMo 2 does so), and a loud head makes the "
        "others quiet. Each head has its own: split into heads first.",
        change=(
            NORMS,
            "q = q * (q.pow(2).mean((1, 3), keepdim=True) + 1e-5).rsqrt() * self.q_norm.weight\n"
            "        k = k * (k.pow(2).mean((1, 3), keepdim=True) + 1e-5).rsqrt() * self.k_norm.weight",
        ),
    ),
    Wrong(
        "GroupedQueryAttention",
        "norms_without_weights",
        "Queries and keys are scaled, and the learned weights of the two norms are left out. Call `self.q_norm` and "
        "`self.k_norm`.",
        change=(
            NORMS,
            "q, k = (one * (one.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt() for one in (q, k))",
        ),
    ),
    Wrong(
        "GroupedQueryAttention",
        "keys_alone",
        "Only the keys are normalised. A query is compared as well.",
        change=(NORMS, "k = self.k_norm(k)"),
    ),
    Wrong(
        "GroupedQueryAttention",
        "no_rotation",
        "`rope` is not used: the model does not know in which order the tokens stand.",
        change=("if rope is not None:", "if False:"),
    ),
    Wrong(
        "GroupedQueryAttention",
        "never_causal",
        "Every token sees the tokens after it, and so the one that it is to predict: `causal=True`.",
        change=("causal=True", "causal=False"),
    ),
    Wrong(
        "GroupedQueryAttention",
        "one_value_head",
        "All query heads get the first value head. Values are shared within a group, as the keys are.",
        change=(
            "gathered = attend(q, k, v, causal=True)",
            "gathered = attend(q, k, v[:, :1].expand_as(k), causal=True)",
        ),
    ),
    Right(
        "GroupedQueryAttention",
        "group_by_group",
        code=LAYERS
        + """
    def forward(self, x, *, rope=None):
        B, T, D = x.shape
        q = self.q_norm(self.q(x).view(B, T, self.G, self.H // self.G, self.width))
        k = self.k_norm(self.k(x).view(B, T, self.G, 1, self.width))
        v = self.v(x).view(B, T, self.G, 1, self.width)
        found = []
        for group in range(self.G):
            queries, keys, values = (part[:, :, group].transpose(1, 2) for part in (q, k, v))
            if rope is not None:
                queries, keys = apply_rope(queries, *rope), apply_rope(keys, *rope)
            each = [attend(one[:, None], keys, values, causal=True) for one in queries.unbind(1)]
            found.append(torch.cat(each, dim=1))
        return self.out(torch.cat(found, dim=1).transpose(1, 2).reshape(B, T, D))
""",
    ),
    Right(
        "GroupedQueryAttention",
        "by_expanding",
        code=LAYERS
        + """
    def forward(self, x, *, rope=None):
        B, T, D = x.shape
        rep = self.H // self.G
        q = self.q_norm(self.q(x).view(B, T, self.H, self.width)).transpose(1, 2)
        k = self.k_norm(self.k(x).view(B, T, self.G, self.width)).transpose(1, 2)
        v = self.v(x).view(B, T, self.G, self.width).transpose(1, 2)
        if rope is not None:
            cos, sin = rope
            q, k = apply_rope(q, cos, sin), apply_rope(k, cos, sin)
        k = k[:, :, None].expand(B, self.G, rep, T, self.width).reshape(B, self.H, T, self.width)
        v = v[:, :, None].expand(B, self.G, rep, T, self.width).reshape(B, self.H, T, self.width)
        scores = torch.einsum("bhtd,bhsd->bhts", q, k) / self.width**0.5
        hidden = torch.ones(T, T, device=x.device).triu(1).bool()
        shares = softmax(scores.masked_fill(hidden, float("-inf")), dim=-1)
        return self.out(torch.einsum("bhts,bhsd->bthd", shares, v).reshape(B, T, D))
""",
    ),
    Right(
        "GroupedQueryAttention",
        "stacked",
        code=LAYERS
        + """
    def forward(self, x, *, rope=None):
        def split(part, n):
            return part.unflatten(-1, (n, self.width)).transpose(1, 2)

        q, k, v = split(self.q(x), self.H), split(self.k(x), self.G), split(self.v(x), self.G)
        q, k = self.q_norm(q), self.k_norm(k)
        if rope is not None:
            q = apply_rope(q, *rope)
            k = apply_rope(k, *rope)
        copies = self.H // self.G
        k = torch.stack([k] * copies, dim=2).flatten(1, 2)
        v = torch.stack([v] * copies, dim=2).flatten(1, 2)
        return self.out(attend(q, k, v, causal=True).transpose(1, 2).flatten(2))
""",
    ),
    Right(
        "GroupedQueryAttention",
        "groups_folded_into_the_queries",
        code=LAYERS
        + """
    def forward(self, x, *, rope=None):
        B, T, D = x.shape
        copies = self.H // self.G
        q, k, v = (
            part.view(B, T, -1, self.width).transpose(1, 2) for part in (self.q(x), self.k(x), self.v(x))
        )
        q, k = self.q_norm(q), self.k_norm(k)
        if rope is not None:
            q, k = (apply_rope(part, *rope) for part in (q, k))
        past = torch.ones(T, T, dtype=torch.bool, device=x.device).tril().repeat(copies, 1)
        gathered = attend(q.reshape(B, self.G, copies * T, self.width), k, v, mask=past)
        return self.out(gathered.view(B, self.H, T, self.width).transpose(1, 2).reshape(B, T, D))
""",
    ),
    Right(
        "GroupedQueryAttention",
        "made_from_the_other_attention",
        code='''
class GroupedQueryAttention(MultiHeadAttention):
    """The attention from before with other layers for keys and values."""

    def __init__(self, d_model, n_heads, n_kv_heads):
        super().__init__(d_model, n_heads)
        width = d_model // n_heads
        self.n_kv_heads = n_kv_heads
        self.k, self.v = (nn.Linear(d_model, n_kv_heads * width, bias=False) for _ in range(2))
        self.q_norm, self.k_norm = RMSNorm(width), RMSNorm(width)

    def forward(self, x, *, rope=None):
        q = self.q_norm(torch.stack(self.q(x).chunk(self.n_heads, dim=-1), dim=1))
        k = self.k_norm(torch.stack(self.k(x).chunk(self.n_kv_heads, dim=-1), dim=1))
        v = torch.stack(self.v(x).chunk(self.n_kv_heads, dim=-1), dim=1)
        if rope is not None:
            q, k = apply_rope(q, *rope), apply_rope(k, *rope)
        group = torch.arange(self.n_heads) * self.n_kv_heads // self.n_heads
        heads = attend(q, k[:, group], v[:, group], causal=True)
        return self.out(torch.cat(heads.unbind(dim=1), dim=-1))
''',
    ),
]
