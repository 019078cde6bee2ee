"""Known answers to `best_checkpoint`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "best_checkpoint",
        "mean_of_figures",
        "The figures of the corpora are averaged, so a corpus of 80 bytes counts as much as one of 800. Add up nats "
        "and bytes, and divide once.",
        change=(
            "sum(nats for nats, _ in parts) / math.log(2) / sum(size for _, size in parts)",
            "sum(nats / math.log(2) / size for nats, size in parts) / len(parts)",
        ),
    ),
    Wrong(
        "best_checkpoint",
        "in_nats",
        "This is in nats. A bit is log(2) nats, so there are more bits than nats.",
        change=(" / math.log(2)", ""),
    ),
    Wrong(
        "best_checkpoint",
        "multiplies_by_log_2",
        "The nats are multiplied by log(2). There are more bits than nats: divide.",
        change=(" / math.log(2)", " * math.log(2)"),
    ),
    Wrong(
        "best_checkpoint",
        "the_highest",
        "The checkpoint with the highest figure is named. Fewer bits per byte are better.",
        code="""
def best_checkpoint(measured):
    bits = {}
    for name, parts in measured.items():
        bits[name] = sum(one[0] for one in parts) / math.log(2) / sum(one[1] for one in parts)
    return max(bits, key=lambda name: -1.0 if math.isnan(bits[name]) else bits[name]), bits
""",
    ),
    Wrong(
        "best_checkpoint",
        "nan_wins",
        "A checkpoint whose figure is NaN can win: every comparison with NaN is false, so min keeps it when it comes "
        "first.",
        change=("math.inf if math.isnan(bits[name]) else bits[name]", "bits[name]"),
    ),
    Wrong(
        "best_checkpoint",
        "last_of_equals",
        "Of equally good checkpoints the last is named. The first one needed less training.",
        change=("best = min(bits,", "best = min(reversed(bits),"),
    ),
    Right(
        "best_checkpoint",
        "in_a_loop",
        code="""
def best_checkpoint(measured):
    best, bits = None, {}
    for name, parts in measured.items():
        nats, size = map(sum, zip(*parts))
        bits[name] = nats / (size * math.log(2))
        if best is None or bits[name] < bits[best] or math.isnan(bits[best]):
            best = name
    return best, bits
""",
    ),
    Right(
        "best_checkpoint",
        "sorted",
        code="""
def best_checkpoint(measured):
    bits = {name: math.log2(math.e) * sum(p[0] for p in parts) / sum(p[1] for p in parts)
            for name, parts in measured.items()}
    order = sorted(bits, key=lambda name: (math.isnan(bits[name]), bits[name]))
    return order[0], bits
""",
    ),
]
