"""Known answers to `apply_temperature`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "apply_temperature",
        "multiplies",
        "The logits are multiplied, so a low temperature makes the story wilder, not calmer. Divide by it.",
        change=("return logits / temperature", "return logits * temperature"),
    ),
    Wrong(
        "apply_temperature",
        "divides_probabilities",
        "The probabilities are divided. All of them shrink alike, so the next softmax sees nearly equal numbers and "
        "draws any token. Divide the logits, which are logarithms.",
        change=("return logits / temperature", "return logits.softmax(dim=-1) / temperature"),
    ),
    Wrong(
        "apply_temperature",
        "divides_by_zero",
        "At temperature 0 this divides by 0, which gives infinities and nan. There, leave only the likeliest token.",
        change=("    if temperature > 0:\n", "    if temperature >= 0:\n"),
    ),
    Wrong(
        "apply_temperature",
        "keeps_ties_at_zero",
        "At temperature 0 all tokens that share the highest logit are left, and one of them would be drawn by chance. "
        "Greedy is certain: take the first of them.",
        code="""
def apply_temperature(logits, temperature):
    if temperature > 0:
        return logits / temperature
    return logits.masked_fill(logits < logits.amax(dim=-1, keepdim=True), -math.inf)
""",
    ),
    Wrong(
        "apply_temperature",
        "one_row_at_zero",
        "At temperature 0 the highest logit of the whole batch is left, and the other rows have no token at all. Look "
        "in each row by itself.",
        code="""
def apply_temperature(logits, temperature):
    if temperature > 0:
        return logits / temperature
    result = torch.full_like(logits, -math.inf)
    result.view(-1)[logits.argmax()] = logits.max()
    return result
""",
    ),
    Wrong(
        "apply_temperature",
        "in_place",
        "The logits that were passed in are changed. Whoever shows the model's own probabilities beside the story then "
        "shows wrong ones. Make a new tensor.",
        change=("        return logits / temperature\n", "        return logits.div_(temperature)\n"),
    ),
    Wrong(
        "apply_temperature",
        "nearly_zero",
        "At temperature 0 the logits are divided by a very small number. That is nearly greedy, but nothing is "
        "removed: equal logits stay equal, and the next filters still see every token. Leave the first of the "
        "highest alone.",
        change=(
            (
                "    if temperature > 0:\n        return logits / temperature\n",
                "    return logits / max(temperature, 1e-5)\n",
            ),
        ),
    ),
    Wrong(
        "apply_temperature",
        "last_of_equals",
        "Of equal highest logits the last one is left at temperature 0. Take the first, as argmax does.",
        code="""
def apply_temperature(logits, temperature):
    if temperature > 0:
        return logits / temperature
    best = logits.size(-1) - 1 - logits.flip(-1).argmax(dim=-1, keepdim=True)
    return torch.full_like(logits, -math.inf).scatter(-1, best, logits.gather(-1, best))
""",
    ),
    Wrong(
        "apply_temperature",
        "gives_probabilities",
        "These are probabilities. The filters that come next take logits, and so does the softmax at the end: give "
        "the logits back.",
        change=("return logits / temperature", "return (logits / temperature).softmax(dim=-1)"),
    ),
    Wrong(
        "apply_temperature",
        "zeros_at_zero",
        "At temperature 0 the other tokens get the logit 0, which is not the probability 0: the softmax makes exp(0) "
        "= 1 of it. Give them minus infinity.",
        change=("torch.full_like(logits, -math.inf)", "torch.zeros_like(logits)"),
    ),
    Wrong(
        "apply_temperature",
        "powers_of_logits",
        "The logits are raised to a power. It is the probabilities that p ** (1 / T) speaks of; their logarithms, and"
        " so the logits, are divided by T.",
        change=("return logits / temperature", "return logits ** (1 / temperature)"),
    ),
    Right(
        "apply_temperature",
        "by_logarithms",
        code="""
def apply_temperature(logits, temperature):
    if temperature == 0:
        first = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).bool()
        return torch.where(first, logits, torch.tensor(-math.inf, dtype=logits.dtype))
    return logits * (1 / temperature)
""",
    ),
    Right(
        "apply_temperature",
        "row_by_row",
        code="""
def apply_temperature(logits, temperature):
    rows = []
    for row in logits:
        if temperature > 0:
            rows.append(row / temperature)
        else:
            new = torch.zeros_like(row) - math.inf
            new[int(row.argmax())] = 0.0
            rows.append(new)
    return torch.stack(rows)
""",
    ),
    Right(
        "apply_temperature",
        "by_index",
        code="""
def apply_temperature(logits, temperature):
    if temperature > 0.0:
        return logits / temperature
    greedy = torch.full(logits.shape, float("-inf"))
    greedy[torch.arange(logits.shape[0]), torch.argmax(logits, dim=-1)] = 1.0
    return greedy
""",
    ),
    Right(
        "apply_temperature",
        "in_float32_and_back",
        code="""
def apply_temperature(logits, temperature):
    scores = logits.to(torch.float32)
    if temperature != 0:
        return scores.div(temperature).to(logits.dtype)
    is_best = torch.arange(scores.size(1)) == scores.argmax(dim=1).unsqueeze(1)
    return scores.masked_fill(~is_best, -math.inf).to(logits.dtype)
""",
    ),
]
