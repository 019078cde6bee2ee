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
    Wrong(
        "keep_top_k",
        "of_the_batch",
        "The k highest of the whole batch are kept, so a row may lose all its tokens and another none. Each row has"
        " its own k highest.",
        code="""
def keep_top_k(logits, top_k):
    ordered = logits.flatten().sort(descending=True).values
    kth = ordered[min(top_k * len(logits), len(ordered)) - 1]
    return torch.where(logits >= kth, logits, -math.inf)
""",
    ),
    Wrong(
        "keep_top_k",
        "low_but_finite",
        "The other tokens get a number that is low but finite. A token that must not come has minus infinity.",
        change=("torch.where(logits >= kth, logits, -math.inf)", "torch.where(logits >= kth, logits, -1e4)"),
    ),
    Wrong(
        "keep_top_k",
        "sorted_logits",
        "The logits come back sorted, so they belong to other tokens than before. Only the k-th value is taken from "
        "the sorted ones.",
        change=("torch.where(logits >= kth, logits, -math.inf)", "torch.where(ordered >= kth, ordered, -math.inf)"),
    ),
    Wrong(
        "keep_top_k",
        "only_k_columns",
        "Only the k highest logits of each row come back. Give a logit for every token of the vocabulary, minus "
        "infinity for the others.",
        change=("torch.where(logits >= kth, logits, -math.inf)", "ordered[:, :k]"),
    ),
    Wrong(
        "keep_top_k",
        "gives_probabilities",
        "The tokens that are kept have probabilities in place of their logits. Leave the logits as they are.",
        change=(
            "torch.where(logits >= kth, logits, -math.inf)",
            "torch.where(logits >= kth, logits.softmax(dim=-1), -math.inf)",
        ),
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
    Right(
        "keep_top_k",
        "assigned_to_a_copy",
        code="""
def keep_top_k(logits, top_k):
    v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
    logits = logits.clone()
    logits[logits < v[:, [-1]]] = -float("Inf")
    return logits
""",
    ),
    Right(
        "keep_top_k",
        "removed_by_mask",
        code="""
def keep_top_k(scores, k):
    k = min(k, scores.size(-1))
    indices_to_remove = scores < torch.topk(scores, k)[0][..., -1, None]
    return scores.masked_fill(indices_to_remove, -float("inf"))
""",
    ),
    Right(
        "keep_top_k",
        "kth_value",
        code="""
def keep_top_k(logits, top_k):
    n_tokens = logits.shape[-1]
    pivot = logits.kthvalue(max(1, n_tokens - top_k + 1), dim=-1, keepdim=True).values
    return torch.where(condition=logits < pivot, input=torch.tensor(float("-inf")), other=logits)
""",
    ),
]
