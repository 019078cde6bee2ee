"""Known answers to `keep_top_k`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "keep_top_k",
        "zeros_instead",
        "The removed tokens get the logit 0. That is no small one: the softmax still gives them a share, and more than "
        "it gives to tokens with negative logits. Minus infinity is the logit of probability 0.",
        change=("logits, -math.inf)", "logits, 0.0)"),
    ),
    Wrong(
        "keep_top_k",
        "one_threshold",
        "The threshold of the first row is used for all rows. Each row has a k-th highest logit of its own.",
        change=("kth = ordered[:, k - 1 : k]", "kth = ordered[:1, k - 1 : k]"),
    ),
    Wrong(
        "keep_top_k",
        "loses_the_kth",
        "The k-th itself is removed: only what is higher stays. It is one of the k.",
        change=("logits >= kth", "logits > kth"),
    ),
    Wrong(
        "keep_top_k",
        "one_too_many",
        "One token too many stays. Counted from 0, the k-th of the sorted logits is the one at place k - 1.",
        code="""
def keep_top_k(logits, top_k):
    ordered = logits.sort(dim=-1, descending=True).values
    place = min(top_k, logits.size(-1) - 1)
    return torch.where(logits >= ordered[:, place : place + 1], logits, -math.inf)
""",
    ),
    Wrong(
        "keep_top_k",
        "lowest_k",
        "The k lowest are kept. Sort with the highest first.",
        change=(("descending=True", "descending=False"), ("logits >= kth", "logits <= kth")),
    ),
    Wrong(
        "keep_top_k",
        "breaks_ties",
        "Of tokens that are equal to the k-th only some are kept, which ones is left to chance. Compare with the k-th "
        "logit instead of collecting k places.",
        code="""
def keep_top_k(logits, top_k):
    best = logits.topk(min(top_k, logits.size(-1)), dim=-1)
    return torch.full_like(logits, -math.inf).scatter(-1, best.indices, best.values)
""",
    ),
    Wrong(
        "keep_top_k",
        "needs_k_tokens",
        "With k larger than the vocabulary this breaks. There it should keep everything.",
        code="""
def keep_top_k(logits, top_k):
    kth = logits.topk(top_k, dim=-1).values[:, -1:]
    return torch.where(logits >= kth, logits, -math.inf)
""",
    ),
    Wrong(
        "keep_top_k",
        "in_place",
        "The logits that were passed in are changed. Make a new tensor, as torch.where does.",
        code="""
def keep_top_k(logits, top_k):
    kth = logits.topk(min(top_k, logits.size(-1)), dim=-1).values[:, -1:]
    logits[logits < kth] = -math.inf
    return logits
""",
    ),
    Right(
        "keep_top_k",
        "with_topk",
        code="""
def keep_top_k(logits, top_k):
    least = torch.topk(logits, min(top_k, logits.shape[1])).values.amin(dim=1)
    return logits.masked_fill(logits < least.unsqueeze(1), float("-inf"))
""",
    ),
    Right(
        "keep_top_k",
        "by_counting",
        code="""
def keep_top_k(logits, top_k):
    higher = (logits[:, None, :] > logits[:, :, None]).sum(dim=-1)
    result = logits.clone()
    result[higher >= top_k] = -math.inf
    return result
""",
    ),
]
