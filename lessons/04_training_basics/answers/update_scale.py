"""Known answers to `update_scale`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "update_scale",
        "divides_in_float16",
        "The division happens in float16: what was scaled up to be visible vanishes again. Go to float32 first.",
        change=("gradient.float() / scale", "(gradient / scale).float()"),
    ),
    Wrong(
        "update_scale",
        "no_skip",
        "After an overflow the gradients are handed on, and the update puts a nan into every weight. Give back None.",
        change=("return scale / 2, 0, None", "return scale / 2, 0, unscaled"),
    ),
    Wrong(
        "update_scale",
        "looks_for_nan_only",
        "Only a nan is looked for. An overflow begins as an infinity.",
        change=("gradient.isfinite().all() for", "not gradient.isnan().any() for"),
    ),
    Wrong(
        "update_scale",
        "first_tensor_only",
        "One infinity anywhere is enough to spoil the step: all the tensors must be finite, not some of them.",
        change=("if not all(", "if not any("),
    ),
    Wrong(
        "update_scale",
        "keeps_count",
        "After an overflow the count goes on. `interval` good steps in a row are wanted, so start anew at 0.",
        change=("return scale / 2, 0, None", "return scale / 2, good, None"),
    ),
    Wrong(
        "update_scale",
        "never_grows",
        "The scale never grows. After the first overflows it would stay small for ever, and small "
        "gradients would vanish.",
        change=("        return scale * 2, 0, unscaled\n", "        return scale, 0, unscaled\n"),
    ),
    Wrong(
        "update_scale",
        "scale_stays",
        "After an overflow the scale stays as it is, and the next step overflows again. Halve it.",
        change=("return scale / 2, 0, None", "return scale, 0, None"),
    ),
    Wrong(
        "update_scale",
        "one_step_late",
        "The count is compared before this step is counted, so the scale grows one step late.",
        change=("    if good == interval:\n", "    if good > interval:\n"),
    ),
    Wrong(
        "update_scale",
        "always_2000",
        "The scale grows after 2,000 good steps whatever `interval` says.",
        change=("good == interval", "good == 2000"),
    ),
    Wrong(
        "update_scale",
        "multiplies",
        "The gradients are multiplied by the scale. The loss was; take it out again.",
        change=("gradient.float() / scale", "gradient.float() * scale"),
    ),
    Wrong(
        "update_scale",
        "always_grows",
        "The scale doubles at every good step. It does after `interval` of them in a row.",
        change=("good == interval", "good > 0"),
    ),
    Wrong(
        "update_scale",
        "quarter",
        "After an overflow the scale is quartered. Half it.",
        change=("scale / 2, 0", "scale / 4, 0"),
    ),
    Wrong(
        "update_scale",
        "looks_for_infinity_only",
        "NaN is not looked for: an infinity minus an infinity is one.",
        change=("gradient.isfinite().all()", "(~gradient.isinf()).all()"),
    ),
    Right(
        "update_scale",
        "by_sums",
        code="""
def update_scale(scale, good, gradients, *, interval=2000):
    wide = [gradient.to(torch.float32) for gradient in gradients]
    total = sum(float(gradient.abs().sum()) for gradient in wide)
    if math.isinf(total) or math.isnan(total):
        return 0.5 * scale, 0, None
    unscaled = [gradient.div(scale) for gradient in wide]
    grown = good + 1 >= interval
    return (2 * scale if grown else scale), (0 if grown else good + 1), unscaled
""",
    ),
    Right(
        "update_scale",
        "with_a_loop",
        code="""
def update_scale(scale, good, gradients, *, interval=2000):
    result = []
    for gradient in gradients:
        if not bool(torch.isfinite(gradient).all()):
            return scale / 2, 0, None
        result.append(gradient.float() * (1 / scale))
    good = (good + 1) % interval
    if good == 0:
        scale = scale * 2.0
    return scale, good, result
""",
    ),
    Right(
        "update_scale",
        "found_inf_as_a_number",
        code="""
def update_scale(scale, good, gradients, *, interval=2000):
    found_inf = torch.zeros(1)
    inv_scale = 1.0 / scale
    grads = []
    for grad in gradients:
        grad = grad.to(dtype=torch.float32).clone()
        found_inf += float(not torch.isfinite(grad).all())
        grads.append(grad * inv_scale)
    if found_inf.item() > 0:
        return scale * 0.5, 0, None
    growth_tracker = good + 1
    if growth_tracker == interval:
        return scale * 2.0, 0, grads
    return scale, growth_tracker, grads
""",
    ),
]
