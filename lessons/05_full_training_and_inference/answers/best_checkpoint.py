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
    Wrong(
        "best_checkpoint",
        "needs_a_number",
        "Checkpoints whose figure is NaN are left out before the search, so when all have diverged there is nothing"
        " to search in, and min raises. Let NaN count as infinite.",
        change=("best = min(bits,", "best = min([name for name in bits if not math.isnan(bits[name])],"),
    ),
    Wrong(
        "best_checkpoint",
        "nan_left_out",
        "The figures of checkpoints that are NaN are missing. Each checkpoint has one, also one that has diverged.",
        change=(
            "    return best, bits\n",
            "    return best, {name: one for name, one in bits.items() if not math.isnan(one)}\n",
        ),
    ),
    Wrong(
        "best_checkpoint",
        "last_corpus",
        "Only the last corpus is counted. The figure is that of all corpora together.",
        change=(
            "for name, parts in measured.items()",
            "for name, parts in ((name, parts[-1:]) for name, parts in measured.items())",
        ),
    ),
    Wrong(
        "best_checkpoint",
        "latest",
        "The last checkpoint is taken for the best. Training longer may make a model worse: take the one with the "
        "lowest figure.",
        change=("min(bits, key=lambda name: math.inf if math.isnan(bits[name]) else bits[name])", "list(bits)[-1]"),
    ),
    Wrong(
        "best_checkpoint",
        "decimal",
        "The nats are divided by log10(2). A bit is log(2) nats, with the natural logarithm.",
        change=("math.log(2)", "math.log10(2)"),
    ),
    Wrong(
        "best_checkpoint",
        "place",
        "The place of the best checkpoint is given. Its name is wanted.",
        change=("return best, bits", "return list(bits).index(best), bits"),
    ),
    Wrong(
        "best_checkpoint",
        "infinite_figure",
        "A figure that is NaN is given as infinite. Count it so when you compare, and give it as it is.",
        change=(
            "    best = min(",
            "    bits = {name: math.inf if math.isnan(figure) else figure for name, figure in bits.items()}\n"
            "    best = min(",
        ),
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
    Right(
        "best_checkpoint",
        "best_so_far",
        code="""
def best_checkpoint(measured):
    bits_per_byte = {}
    for name in measured:
        total_nats = 0.0
        total_bytes = 0
        for nats, n_bytes in measured[name]:
            total_nats += nats
            total_bytes += n_bytes
        bits_per_byte[name] = total_nats / total_bytes / 0.6931471805599453
    best_name, best_val = next(iter(measured)), float("inf")
    for name, value in bits_per_byte.items():
        if value < best_val:
            best_name, best_val = name, value
    return best_name, bits_per_byte
""",
    ),
    Right(
        "best_checkpoint",
        "with_tensors",
        code="""
def best_checkpoint(measured):
    bits = {}
    for name, parts in measured.items():
        table = torch.tensor(parts)
        bits[name] = float(table[:, 0].sum() / table[:, 1].sum()) / math.log(2)
    figures = torch.tensor(list(bits.values())).nan_to_num(nan=math.inf)
    return list(bits)[int(figures.argmin())], bits
""",
    ),
]
