"""Lesson 05's answers in their plain form.

What stands in `storyteller_course.parts.full_training_and_inference` in the same form is re-exported from there.
"""

import math

import torch
from torch import Tensor

from storyteller_course.parts.full_training_and_inference import (
    Cache,
    Filter,
    apply_temperature,
    attend_cached,
    best_checkpoint,
    choose,
    generate,
    story_figures,
    wrong_marks,
)

__all__ = [
    "Cache",
    "Filter",
    "apply_temperature",
    "attend_cached",
    "best_checkpoint",
    "choose",
    "generate",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "penalize_repetition",
    "story_figures",
    "wrong_marks",
]


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Keep the k likeliest tokens of each row.

    Args:
        logits: (B, V); they are not changed.
        top_k: 1 or more; more than V keeps everything.

    Returns:
        (B, V): the logits of each row's k highest, and of those that are equal to the k-th; minus infinity elsewhere.

    Source: Fan et al. 2018, section 5.4.
    """
    # Step 1: The k-th highest logit of each row; where there are fewer than k tokens, the lowest.
    k = min(top_k, logits.size(-1))
    ordered = logits.sort(dim=-1, descending=True).values  # (B, V)
    kth = ordered[:, k - 1 : k]  # (B, 1)
    # Step 2: Minus infinity for whatever is lower.
    return torch.where(logits >= kth, logits, -math.inf)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep, in each row, the smallest number of likeliest tokens that together reach the probability `top_p`.

    Args:
        logits: (B, V); they are not changed.
        top_p: above 0, at most 1.

    Returns:
        (B, V): the logits of the tokens that are kept, minus infinity elsewhere.

    Source: Holtzman et al. 2020, section 3.1.
    """
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)  # (B, V) each, likeliest first
    likelier = probs.cumsum(dim=-1) - probs  # (B, V): what the tokens before this one have together
    removed = torch.zeros_like(logits, dtype=torch.bool)
    removed = removed.scatter(-1, order, likelier >= top_p)  # (B, V), each row in the order of the vocabulary
    return logits.masked_fill(removed, -math.inf)


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make the tokens that a text already holds less likely.

    Args:
        logits: (B, V); they are not changed.
        seen: (B, V) bool, True where the row already holds that token.
        penalty: above 1 makes them less likely; 1 changes nothing.

    Returns:
        (B, V): the logits of seen tokens lowered by the factor `penalty`; the others as they are.

    Source: Keskar et al. 2019, section 4.1.
    """
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)  # (B, V): both ways down
    return torch.where(seen, lowered, logits)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens that are at least `min_p` times as likely as the likeliest one of their row.

    Args:
        logits: (B, V); they are not changed.
        min_p: above 0, below 1.

    Returns:
        (B, V): the logits of the tokens that are kept, minus infinity elsewhere.

    Source: Nguyen et al. 2024, section 3.
    """
    # Step 1: The probabilities, and the greatest of each row.
    probs = logits.softmax(dim=-1)  # (B, V)
    greatest = probs.amax(dim=-1, keepdim=True)  # (B, 1)
    # Step 2: Minus infinity for what is less likely than that share of it.
    return logits.masked_fill(probs < min_p * greatest, -math.inf)
