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
    Wrong(
        "cross_entropy",
        "mean_of_texts",
        "The mean is taken in each text, and then over the texts: a target of a text with few of them weighs more. "
        "Take the mean over all targets at once.",
        code="""
def cross_entropy(logits, targets):
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = logits - logits.logsumexp(dim=-1, keepdim=True)
    losses = []
    for row, wanted in zip(log_p, targets):
        places = (wanted != IGNORE_INDEX).nonzero()[:, 0]
        if len(places):
            losses.append(-row[places, wanted[places]].mean())
    return sum(losses) / max(1, len(losses)) + 0 * logits.sum()
""",
    ),
    Wrong(
        "cross_entropy",
        "zero_ignored",
        "Targets of 0 do not count either. 0 is a token like any other; only -100 is left out.",
        change=("counted = targets != IGNORE_INDEX", "counted = targets > 0"),
    ),
    Wrong(
        "cross_entropy",
        "perplexity",
        "This is the perplexity, e to the power of the loss.",
        change=("-chosen.sum() / max(1, len(chosen))", "(-chosen.sum() / max(1, len(chosen))).exp()"),
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
    Right(
        "cross_entropy",
        "one_hot_labels",
        code="""
def cross_entropy(logits, targets):
    logits = logits.float()
    B, T, V = logits.shape
    flat, labels = logits.view(B * T, V), targets.view(B * T)
    mask = (labels != -100).float()
    one_hot = torch.nn.functional.one_hot(labels.clamp(min=0), V).float()
    log_z = torch.logsumexp(flat, dim=-1)
    losses = log_z - (one_hot * flat).sum(-1)
    return (losses * mask).sum() / mask.sum().clamp(min=1.0)
""",
    ),
    Right(
        "cross_entropy",
        "indexed_with_arange",
        code="""
def cross_entropy(logits, targets):
    keep = targets.reshape(-1) != IGNORE_INDEX
    rows = logits.reshape(-1, logits.size(-1))[keep].float()
    labels = targets.reshape(-1)[keep]
    if labels.numel() == 0:
        return (logits.float() * 0).sum()
    maximum = rows.max(dim=1, keepdim=True).values
    log_probs = rows - maximum - torch.log(torch.sum(torch.exp(rows - maximum), dim=1, keepdim=True))
    return -log_probs[torch.arange(len(labels)), labels].mean()
""",
    ),
    Right(
        "cross_entropy",
        "in_float64",
        code="""
def cross_entropy(logits, targets):
    x, y = logits.flatten(0, 1).double(), targets.flatten()
    keep = (y != IGNORE_INDEX).nonzero().squeeze(-1)
    x, y = x[keep], y[keep]
    if len(y) == 0:
        return (logits * 0).sum().float()
    m = x.max(dim=1, keepdim=True).values
    nll = m.squeeze(1) + (x - m).exp().sum(1).log() - x[range(len(y)), y]
    return nll.mean()
""",
    ),
]
