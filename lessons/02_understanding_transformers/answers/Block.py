"""Known answers to `Block`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
]
