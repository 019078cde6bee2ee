"""Known answers to `apply_rope`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "apply_rope",
        "pairs_neighbours",
        "Features 2i and 2i + 1 are turned as a pair, as the RoFormer paper has it. Here, as in Llama and Mixtral, "
        "feature i goes with feature i + Dh/2. Both work, but weights learned with one are noise to the other.",
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
    Wrong(
        "apply_rope",
        "halves_swapped",
        "The two halves of the result are in the wrong order.",
        change=("turned = a * cos - b * sin, a * sin + b * cos", "turned = a * sin + b * cos, a * cos - b * sin"),
    ),
    Wrong(
        "apply_rope",
        "half_turned",
        "Only the first of each pair is turned; the second stays as it is.",
        change=("turned = a * cos - b * sin, a * sin + b * cos", "turned = a * cos - b * sin, b"),
    ),
    Wrong(
        "apply_rope",
        "both_minus",
        "The second of each pair is a sin - b cos here. It is a sin + b cos.",
        change=("a * sin + b * cos", "a * sin - b * cos"),
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
    Right(
        "apply_rope",
        "llama_in_float32",
        code="""
def apply_rope(x, cos, sin):
    emb_cos = torch.cat((cos, cos), dim=-1).float()
    emb_sin = torch.cat((sin, sin), dim=-1).float()
    x1 = x[..., : x.shape[-1] // 2]
    x2 = x[..., x.shape[-1] // 2 :]
    rotated = torch.cat((-x2, x1), dim=-1)
    x_rotated = (x.float() * emb_cos) + (rotated.float() * emb_sin)
    return x_rotated.to(dtype=x.dtype)
""",
    ),
    Right(
        "apply_rope",
        "stacked_pairs",
        code="""
def apply_rope(x, cos, sin):
    xshaped = x.float().reshape(*x.shape[:-1], 2, -1)
    x_out2 = torch.stack(
        [
            xshaped[..., 0, :] * cos - xshaped[..., 1, :] * sin,
            xshaped[..., 1, :] * cos + xshaped[..., 0, :] * sin,
        ],
        -2,
    )
    return x_out2.flatten(-2).type_as(x)
""",
    ),
    Right(
        "apply_rope",
        "filled_in",
        code="""
def apply_rope(x, cos, sin):
    out = torch.empty_like(x)
    n = x.shape[-1] // 2
    for i in range(n):
        a, b = x[..., i], x[..., i + n]
        out[..., i] = a * cos[..., i] - b * sin[..., i]
        out[..., i + n] = a * sin[..., i] + b * cos[..., i]
    return out
""",
    ),
]
