"""Known answers to `learning_rate`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "learning_rate",
        "starts_at_zero",
        "The first update has the share 0 and changes nothing, and the warmup's last does not reach 1. The first is "
        "1 / warmup: count from 1.",
        change=("return (step + 1) / warmup", "return step / warmup"),
    ),
    Wrong(
        "learning_rate",
        "one_late",
        "The way down is one update behind: the share 1 comes twice, and the last update does not reach "
        "the final share.",
        change=("(step + 1 - warmup) / max(1, steps - warmup)", "(step - warmup) / max(1, steps - warmup)"),
    ),
    Wrong(
        "learning_rate",
        "cosine_from_the_start",
        "The cosine runs from the first update of the run, the warmup included, so that the rate drops "
        "at the end of the climb. Count from the end of the warmup.",
        change=("(step + 1 - warmup) / max(1, steps - warmup)", "(step + 1) / steps"),
    ),
    Wrong(
        "learning_rate",
        "falls_past_the_end",
        "The way down is divided by all steps, the warmup included, so that it is not finished with the last update.",
        change=("max(1, steps - warmup)", "steps"),
    ),
    Wrong(
        "learning_rate",
        "to_zero",
        "The rate falls to 0, not to the final share. Stretch the curve between 1 and the lowest.",
        change=("min_lr_ratio + (1 - min_lr_ratio) * (1 +", "(1 +"),
    ),
    Wrong(
        "learning_rate",
        "final_added",
        "The final share was added to the whole curve, so that it begins above 1. Stretch the curve: it goes from 1 to "
        "the lowest.",
        change=("min_lr_ratio + (1 - min_lr_ratio) * (1 +", "min_lr_ratio + (1 +"),
    ),
    Wrong(
        "learning_rate",
        "straight_down",
        "The way down is a straight line. Half a cosine is wanted: it stays high for longer and ends gently.",
        change=("(1 + math.cos(math.pi * done)) / 2", "(1 - done)"),
    ),
    Wrong(
        "learning_rate",
        "whole_cosine",
        "This is a whole cosine: it falls until the middle and climbs again. Half of one, from 0 to pi, is wanted.",
        change=("math.pi * done", "2 * math.pi * done"),
    ),
    Wrong(
        "learning_rate",
        "climbs_again",
        "After the last update the cosine begins to climb again. Whoever goes on training should stay at "
        "the final share: let p be 1 at most.",
        change=(
            "min(1.0, (step + 1 - warmup) / max(1, steps - warmup))",
            "(step + 1 - warmup) / max(1, steps - warmup)",
        ),
    ),
    Wrong(
        "learning_rate",
        "divides_by_zero",
        "Without a warmup this divides by 0. Ask first whether the step lies in the warmup at all.",
        code="""
def learning_rate(step, *, steps, warmup, min_lr_ratio):
    climb = (step + 1) / warmup
    if climb <= 1:
        return climb
    done = min(1.0, (step + 1 - warmup) / max(1, steps - warmup))
    return min_lr_ratio + (1 - min_lr_ratio) * (1 + math.cos(math.pi * done)) / 2
""",
    ),
    Wrong(
        "learning_rate",
        "quarter_of_a_cosine",
        "The way down is a quarter of a cosine, steepest at its end. Half a cosine is flat at both ends.",
        change=("(1 + math.cos(math.pi * done)) / 2", "math.cos(math.pi / 2 * done)"),
    ),
    Wrong(
        "learning_rate",
        "floor",
        "The cosine falls to 0 and is cut off at `min_lr_ratio`. It should arrive there with the last update: scale it "
        "into what is between the lowest share and 1.",
        change=(
            "return min_lr_ratio + (1 - min_lr_ratio) * (1 + math.cos(math.pi * done)) / 2",
            "return max(min_lr_ratio, (1 + math.cos(math.pi * done)) / 2)",
        ),
    ),
    Wrong(
        "learning_rate",
        "exponential",
        "The way down is exponential. It is half a cosine.",
        change=("min_lr_ratio + (1 - min_lr_ratio) * (1 + math.cos(math.pi * done)) / 2", "min_lr_ratio**done"),
    ),
    Wrong(
        "learning_rate",
        "warmup_from_final",
        "The climb begins at the final share. It goes from 1 / warmup to 1 in equal steps.",
        change=("return (step + 1) / warmup", "return min_lr_ratio + (1 - min_lr_ratio) * (step + 1) / warmup"),
    ),
    Right(
        "learning_rate",
        "the_smaller_of_two",
        code="""
def learning_rate(step, *, steps, warmup, min_lr_ratio):
    number = step + 1
    fall = min(max(number - warmup, 0) / max(steps - warmup, 1), 1)
    curve = min_lr_ratio + (1 - min_lr_ratio) * math.cos(math.pi / 2 * fall) ** 2
    return min(number / warmup, curve) if warmup else curve
""",
    ),
    Right(
        "learning_rate",
        "with_torch",
        code="""
def learning_rate(step, *, steps, warmup, min_lr_ratio):
    if step + 1 <= warmup:
        return float(torch.linspace(1 / warmup, 1, warmup, dtype=torch.float64)[step])
    angles = torch.linspace(0, math.pi, max(steps - warmup, 1) + 1, dtype=torch.float64)
    height = (angles[min(step + 1 - warmup, len(angles) - 1)].cos() + 1) / 2
    return float(height + (1 - height) * min_lr_ratio)
""",
    ),
    Right(
        "learning_rate",
        "three_branches",
        code="""
def learning_rate(step, *, steps, warmup, min_lr_ratio):
    it = step + 1
    if it <= warmup:
        return 1.0 * it / warmup
    if it >= steps:
        return min_lr_ratio
    decay_ratio = (it - warmup) / (steps - warmup)
    assert 0 <= decay_ratio <= 1
    coeff = 0.5 * (1.0 + math.cos(math.pi * decay_ratio))
    return min_lr_ratio + coeff * (1.0 - min_lr_ratio)
""",
    ),
]
