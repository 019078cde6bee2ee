"""Known answers to `clip_gradients`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "clip_gradients",
        code='''
def clip_gradients(
    gradients: list[Tensor],
    max_norm: float,
) -> tuple[Tensor, list[Tensor]]:
    """Shorten the gradients of all parameters, taken as one long vector.

    Args:
        gradients: of any shapes; they are not changed.
        max_norm: the greatest length.

    Returns:
        The length before, (), and the gradients after, at most `max_norm` long. Where
        the length is not finite they are given back as they are.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", algorithm 1.
    """
    norms = [gradient.norm() for gradient in gradients]
    clipped = []
    for gradient, norm in zip(gradients, norms):
        clipped.append(gradient * (max_norm / (norm + 1e-6)))
    return torch.stack(norms).norm(), clipped
''',
    ),
    Wrong(
        "clip_gradients",
        "each_by_itself",
        "Each tensor is clipped by itself. So the proportions between the layers change, and with them "
        "the direction. Take one length for all of them together.",
        code="""
def clip_gradients(gradients, max_norm):
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    if not torch.isfinite(norm):
        return norm, gradients
    return norm, [gradient * min(1.0, max_norm / gradient.norm().item()) for gradient in gradients]
""",
    ),
    Wrong(
        "clip_gradients",
        "by_value",
        "Each number is cut off at max_norm. The large ones lose and the small ones do not, so the direction changes. "
        "Multiply all by one factor.",
        change=("gradient * (max_norm / norm) for", "gradient.clamp(-max_norm, max_norm) for"),
    ),
    Wrong(
        "clip_gradients",
        "no_root",
        "This is the square of the length: the root is missing.",
        change=(".sum().sqrt()", ".sum()"),
    ),
    Wrong(
        "clip_gradients",
        "sum_of_norms",
        "The lengths of the tensors are added. Lengths add up as in Pythagoras' theorem: add the "
        "squares, then take the root.",
        change=(
            "[gradient.square().sum() for gradient in gradients]).sum().sqrt()",
            "[gradient.square().sum().sqrt() for gradient in gradients]).sum()",
        ),
    ),
    Wrong(
        "clip_gradients",
        "largest_norm",
        "The longest tensor's length is taken for that of all. All squares of all tensors go into one sum.",
        change=(
            "[gradient.square().sum() for gradient in gradients]).sum().sqrt()",
            "[gradient.square().sum() for gradient in gradients]).max().sqrt()",
        ),
    ),
    Wrong(
        "clip_gradients",
        "always_scales",
        "Gradients that are short enough are made longer, up to max_norm. Near the end of training, "
        "where gradients are small, the steps would stay large. Leave them as they are.",
        change=("norm <= max_norm or not torch.isfinite(norm)", "not torch.isfinite(norm)"),
    ),
    Wrong(
        "clip_gradients",
        "norm_after",
        "You give back the length after clipping. The one before is wanted: it is what a curve should show.",
        change=("return norm, [gradient *", "return norm.clamp(max=max_norm), [gradient *"),
    ),
    Wrong(
        "clip_gradients",
        "nan_spreads",
        "With an infinite length the factor is 0, and infinity times 0 is nan; with a nan every number "
        "becomes nan. Give such gradients back as they are: the caller must see them and skip the update.",
        change=("norm <= max_norm or not torch.isfinite(norm)", "norm <= max_norm"),
    ),
    Wrong(
        "clip_gradients",
        "in_place",
        "The gradients that were handed in are changed. Give back new ones.",
        change=("[gradient * (max_norm / norm) for gradient", "[gradient.mul_(max_norm / norm) for gradient"),
    ),
    Wrong(
        "clip_gradients",
        "to_unit_length",
        "The gradients are shortened to length 1. Shorten them to `max_norm`.",
        change=("(max_norm / norm)", "(1 / norm)"),
    ),
    Wrong(
        "clip_gradients",
        "sum_of_absolutes",
        "The length is the sum of the absolute values. It is the root of the sum of the squares.",
        change=(
            "norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()",
            "norm = torch.stack([gradient.abs().sum() for gradient in gradients]).sum()",
        ),
    ),
    Wrong(
        "clip_gradients",
        "root_of_the_mean",
        "The length is divided by the number of entries, as a root mean square. It is the root of the sum.",
        change=(".sum().sqrt()", ".sum().div(sum(one.numel() for one in gradients)).sqrt()"),
    ),
    Wrong(
        "clip_gradients",
        "factor_squared",
        "The gradients are shortened twice: the factor is max_norm / norm, once.",
        change=("(max_norm / norm)", "(max_norm / norm) ** 2"),
    ),
    Right(
        "clip_gradients",
        "one_long_vector",
        code="""
def clip_gradients(gradients, max_norm):
    norm = torch.linalg.vector_norm(torch.cat([gradient.flatten() for gradient in gradients]))
    factor = 1.0
    if math.isfinite(norm) and norm > max_norm:
        factor = max_norm / norm
    return norm, [gradient * factor for gradient in gradients]
""",
    ),
    Right(
        "clip_gradients",
        "in_python",
        code="""
def clip_gradients(gradients, max_norm):
    norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
    if not math.isfinite(norm):
        return norm, list(gradients)
    factor = min(1.0, max_norm / (norm + 1e-12))
    return norm, [factor * gradient for gradient in gradients]
""",
    ),
    Right(
        "clip_gradients",
        "with_a_clamped_coefficient",
        code="""
def clip_gradients(gradients, max_norm):
    norms = [torch.linalg.vector_norm(g.float(), 2.0) for g in gradients]
    total_norm = torch.linalg.vector_norm(torch.stack(norms), 2.0)
    if total_norm.isnan() or total_norm.isinf():
        return total_norm, gradients
    clip_coef = max_norm / (total_norm + 1e-6)
    clip_coef_clamped = torch.clamp(clip_coef, max=1.0)
    return total_norm, [g.detach() * clip_coef_clamped for g in gradients]
""",
    ),
]
