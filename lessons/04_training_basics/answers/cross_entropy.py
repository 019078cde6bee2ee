"""Known answers to `cross_entropy`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "cross_entropy",
        "counts_ignored",
        "The sum is divided by all places, those of -100 included. A batch with much padding would seem "
        "to be easy. Divide by the targets that count.",
        change=("max(1, len(chosen))", "targets.numel()"),
    ),
    Wrong(
        "cross_entropy",
        "token_zero_for_ignored",
        "At the places of -100 token 0 is taken for the target. There is nothing to predict there: leave "
        "them out of the sum and of the count.",
        code="""
def cross_entropy(logits, targets):
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = logits - logits.logsumexp(dim=-1, keepdim=True)
    return -log_p.gather(-1, targets.clamp(min=0)[..., None]).mean()
""",
    ),
    Wrong(
        "cross_entropy",
        "log_of_softmax",
        "e to the 1000 is infinite, and a probability of 0 has the logarithm minus infinity. Take the "
        "logarithm in one go: logit minus logsumexp, which subtracts the largest logit inside.",
        change=(
            "logits - logits.logsumexp(dim=-1, keepdim=True)",
            "(logits.exp() / logits.exp().sum(dim=-1, keepdim=True)).log()",
        ),
    ),
    Wrong(
        "cross_entropy",
        "no_logsumexp",
        "The logits themselves are averaged. A logit says nothing alone: subtract the logsumexp of all logits of its "
        "place.",
        change=("logits - logits.logsumexp(dim=-1, keepdim=True)", "logits"),
    ),
    Wrong(
        "cross_entropy",
        "no_minus",
        "The sign is wrong: this is the mean of log p, and training would make it smaller, that is "
        "worse. The surprise is -log p.",
        change=("return -chosen", "return chosen"),
    ),
    Wrong(
        "cross_entropy",
        "sum_not_mean",
        "This is the sum over the targets. Divide by their number, or a longer batch would have a larger "
        "loss and a larger gradient.",
        change=(" / max(1, len(chosen))", ""),
    ),
    Wrong(
        "cross_entropy",
        "normalised_over_places",
        "The probabilities are normalised over the places of a sequence instead of over the vocabulary. "
        "The vocabulary is the last dimension.",
        change=("logsumexp(dim=-1, keepdim=True)", "logsumexp(dim=1, keepdim=True)"),
    ),
    Wrong(
        "cross_entropy",
        "in_bits",
        "This is in bits. The loss of training is in nats, with the natural logarithm; bits come in the next exercise.",
        change=("return -chosen.sum()", "return -chosen.sum() / math.log(2)"),
    ),
    Wrong(
        "cross_entropy",
        "stays_coarse",
        "The sum over the vocabulary was taken in bfloat16, which has three digits. Go to float32 first.",
        change=("    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))\n", ""),
    ),
    Wrong(
        "cross_entropy",
        "nan_without_targets",
        "Without a target that counts, 0 is divided by 0. One such batch, and every weight is nan. "
        "Divide by 1 at least.",
        change=("max(1, len(chosen))", "torch.tensor(len(chosen))"),
    ),
    Right(
        "cross_entropy",
        "row_by_row",
        code="""
def cross_entropy(logits, targets):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    total, count = wide.sum() * 0, 0
    for row, wanted in zip(wide.reshape(-1, wide.shape[-1]), targets.reshape(-1).tolist()):
        if wanted != -100:
            total = total + row.logsumexp(0) - row[wanted]
            count += 1
    return total / max(count, 1)
""",
    ),
    Right(
        "cross_entropy",
        "shifted_by_the_largest",
        code="""
def cross_entropy(logits, targets):
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    logits = logits - logits.max(dim=-1, keepdim=True).values.detach()
    log_sum = logits.exp().sum(dim=-1).log()
    counted = (targets != IGNORE_INDEX)
    own = torch.take_along_dim(logits, targets.clamp(min=0).unsqueeze(-1), dim=-1).squeeze(-1)
    surprise = torch.where(counted, log_sum - own, torch.zeros_like(own))
    return surprise.sum() / counted.sum().clamp(min=1)
""",
    ),
]
