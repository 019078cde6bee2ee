"""Known answers to `Block`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "Block",
        "gate_and_up_swapped",
        "silu goes over the up-projection, and the gate is multiplied as it is. It could learn as well, but weights "
        "from elsewhere give something else.",
        change=(
            ("F.silu(self.gate(x))", "F.silu(self.up(x))"),
            ("opening * self.up(x)", "opening * self.gate(x)"),
        ),
    ),
    Wrong(
        "Block",
        "sigmoid",
        "The gate opens by a sigmoid: that is the older GLU. silu(z) is z * sigmoid(z).",
        change=("F.silu(self.gate(x))", "torch.sigmoid(self.gate(x))"),
    ),
    Wrong(
        "Block",
        "gelu",
        "The gate goes through GELU: that is GEGLU, of the same paper. Here it is silu.",
        change=("F.silu(self.gate(x))", "F.gelu(self.gate(x))"),
    ),
    Wrong(
        "Block",
        "relu",
        "The gate goes through ReLU. silu is smooth and lets a little through below 0.",
        change=("F.silu(self.gate(x))", "F.relu(self.gate(x))"),
    ),
    Wrong(
        "Block",
        "added",
        "Gate and up-projection are added. A gate multiplies: only so can it shut a feature.",
        change=("opening * self.up(x)", "opening + self.up(x)"),
    ),
    Wrong(
        "Block",
        "silu_on_both",
        "The up-projection goes through silu as well. Only the gate does.",
        change=("opening * self.up(x)", "opening * F.silu(self.up(x))"),
    ),
    Wrong(
        "Block",
        "silu_after_the_product",
        "silu goes over the product of gate and up-projection. It belongs to the gate alone, before the product.",
        change=(
            ("F.silu(self.gate(x))", "self.gate(x)"),
            ("opening * self.up(x)", "F.silu(opening * self.up(x))"),
        ),
    ),
    Wrong(
        "Block",
        "no_gate",
        "The gate is missing: this is an ordinary layer, down(silu(up(x))).",
        change=(("F.silu(self.gate(x))", "F.silu(self.up(x))"), ("opening * self.up(x)", "opening")),
    ),
    Wrong(
        "Block",
        "no_silu",
        "The gate has no silu, so it is only a second factor.",
        change=("F.silu(self.gate(x))", "self.gate(x)"),
    ),
    Wrong(
        "Block",
        "feed_forward_adds_x",
        "The feed-forward part adds x itself, and `forward` adds it again. `feed_forward` gives only what it found.",
        change=("        return back\n", "        return back + x\n"),
    ),
    Wrong(
        "Block",
        "gate_twice",
        "The gate's projection is multiplied with its own silu. The other factor is the up-projection.",
        change=("opening * self.up(x)", "opening * self.gate(x)"),
    ),
    Wrong(
        "Block",
        "tanh",
        "The gate has a tanh. It is silu: z * sigmoid(z).",
        change=("F.silu(self.gate(x))", "torch.tanh(self.gate(x))"),
    ),
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
                "x = x + self.attention(self.attention_norm(x), rope=rope)",
                "x = self.attention_norm(x + self.attention(x, rope=rope))",
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
                "x = x + self.attention(self.attention_norm(x), rope=rope)",
                "x = self.attention_norm(x)\n        x = x + self.attention(x, rope=rope)",
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
                "x = x + self.attention(self.attention_norm(x), rope=rope)",
                "old, x = x, x + self.attention(self.attention_norm(x), rope=rope)",
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
                "x = x + self.attention(self.attention_norm(x), rope=rope)",
                "x = x + self.feed_forward(self.feed_forward_norm(x)) ",
            ),
            (
                "        x = x + self.feed_forward(self.feed_forward_norm(x))  # (B, T, D)\n",
                "        x = x + self.attention(self.attention_norm(x), rope=rope)\n",
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
        "`rope` is not handed on to the attention: the model does not know in which order the tokens stand.",
        change=(", rope=rope)", ")"),
    ),
    Wrong(
        "Block",
        "adds_in_place",
        "x itself is changed, as by x += ...: the caller's tensor is another one after the call. Write x = x + ...",
        change=(("x = x + self.attention(", "x += self.attention("),),
    ),
    Wrong(
        "Block",
        "one_norm_for_attention",
        "The attention reads through the norm of the feed-forward part. It has one of its own.",
        change=(
            "self.attention(self.attention_norm(x), rope=rope)",
            "self.attention(self.feed_forward_norm(x), rope=rope)",
        ),
    ),
    Wrong(
        "Block",
        "feed_forward_without_the_sum",
        "The feed-forward part reads what the attention found alone. It reads the new x, the sum.",
        change=(
            "        x = x + self.attention(self.attention_norm(x), rope=rope)  # (B, T, D)\n",
            "        y = x\n        x = self.attention(self.attention_norm(x), rope=rope)\n"
            "        return y + x + self.feed_forward(self.feed_forward_norm(x))\n",
        ),
    ),
    Wrong(
        "Block",
        "sees_the_future",
        "x is handed to the attention as a context too, and to a context it attends without a mask. Give it x alone.",
        change=(
            "self.attention(self.attention_norm(x), rope=rope)",
            "self.attention(self.attention_norm(x), self.attention_norm(x), rope=rope)",
        ),
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
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def feed_forward(self, x):
        z = self.gate(x)
        return self.down(self.up(x) * z / (1 + torch.exp(-z)))

    def forward(self, x, *, rope=None):
        heard = self.attention(self.attention_norm(x), rope=rope)
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
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def feed_forward(self, x):
        both = F.linear(x, torch.cat((self.gate.weight, self.up.weight)))
        gate, up = both.tensor_split(2, dim=-1)
        return torch.einsum("...f,df->...d", torch.sigmoid(gate) * gate * up, self.down.weight)

    def forward(self, x, *, rope=None):
        for name, options in (("attention", {"rope": rope}), ("feed_forward", {})):
            part, norm = getattr(self, name), getattr(self, name + "_norm")
            x = part(norm(x), **options) + x
        return x
''',
    ),
    Right(
        "Block",
        "as_in_llama",
        code='''
class Block(nn.Module):
    """With the residual kept by name."""

    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.attention_norm = RMSNorm(d_model)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward_norm = RMSNorm(d_model)
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def feed_forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))

    def forward(self, x, *, rope=None):
        residual = x
        hidden_states = self.attention_norm(x)
        hidden_states = self.attention(hidden_states, rope=rope)
        hidden_states = residual + hidden_states
        residual = hidden_states
        hidden_states = self.feed_forward(self.feed_forward_norm(hidden_states))
        return residual + hidden_states
''',
    ),
    Right(
        "Block",
        "one_sum_at_the_end",
        code='''
class Block(nn.Module):
    """The stream as what came in plus two contributions; silu by its own module."""

    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.attention_norm = RMSNorm(d_model)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward_norm = RMSNorm(d_model)
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def feed_forward(self, x):
        return torch.matmul(nn.SiLU()(self.gate(x)) * self.up(x), self.down.weight.T)

    def forward(self, x, *, rope=None):
        gathered = self.attention(self.attention_norm(x), None, rope=rope)
        return x + gathered + self.feed_forward(self.feed_forward_norm(x + gathered))
''',
    ),
]
