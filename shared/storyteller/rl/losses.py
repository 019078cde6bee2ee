"""Losses for learning from a reward: policy gradients, clipped ratios, KL to a reference, preferences, filters.

    >>> import torch
    >>> log_probs = torch.tensor([[-1.0, -2.0]], requires_grad=True)  # of one story of two tokens
    >>> mask = torch.tensor([[True, True]])
    >>> loss = clipped_loss(log_probs, log_probs.detach(), torch.tensor([0.5]), mask)
    >>> loss.backward()
    >>> log_probs.grad  # as policy gradients have it: minus the advantage, over the number of tokens
    tensor([[-0.2500, -0.2500]])

All take log-probabilities, (B, T), of the tokens that are there to be predicted: 0 elsewhere, as `token_log_probs`
gives them. `mask` is True where a token counts: of the story, not of its prompt and not of the padding behind its end.

Legend: `B` stories, `T` tokens, `V` vocabulary, `P` pairs of stories.

Papers: Williams 1992, "Simple Statistical Gradient-Following Algorithms" (REINFORCE) · Schulman et al. 2017, "Proximal
Policy Optimization Algorithms" · Shao et al. 2024, "DeepSeekMath" (GRPO) · Yu et al. 2025, "DAPO" · Liu et al. 2025,
"Understanding R1-Zero-Like Training" (Dr. GRPO) · Schulman 2020, "Approximating KL Divergence" · Rafailov et al. 2023,
"Direct Preference Optimization" · Anthony et al. 2017, "Thinking Fast and Slow" (expert iteration).
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.training.batches import IGNORE_INDEX

Normalization = Literal["grpo", "dapo", "dr_grpo"]


def token_log_probs(logits: Tensor, targets: Tensor) -> Tensor:
    """log p(target) at each place; 0 where the target is -100: on the prompt, and on the padding.

    Args:
        logits: (B, T, V), already divided by the temperature where that shall count.
        targets: (B, T) int64

    Returns:
        (B, T) float32
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    # cross_entropy's kernel keeps one number a place for the gradient; log_softmax and gather keep a vocabulary.
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX, reduction="none")
    return -losses.view_as(targets)


def sequence_log_prob(logits: Tensor, targets: Tensor) -> Tensor:
    """log p(story | prompt): the sum over the story's tokens, its end token included.

    Args:
        logits: (B, T, V)
        targets: (B, T) int64; -100 on the prompt and on the padding.

    Returns:
        (B,)
    """
    return token_log_probs(logits, targets).sum(dim=1)


def token_weights(mask: Tensor, *, normalization: Normalization = "grpo", max_tokens: int | None = None) -> Tensor:
    """How much each token counts in a loss that is a sum over tokens; what the mask leaves out counts 0.

    - "grpo": the mean over a story's tokens, then over the stories. Every story counts the same, so a token of a long
      one counts for less: long wrong stories are cheap, and short right ones dear.
    - "dapo": the mean over all tokens. Every token counts the same, and long stories for more.
    - "dr_grpo": the sum over a story's tokens divided by a constant, then the mean over the stories. The constant is
      the same whatever the stories' lengths are, so the gradient is that of the expected reward, up to a factor.

    Args:
        mask: (B, T) bool
        normalization: one of the three.
        max_tokens: the constant of "dr_grpo": the most tokens that a story may have.

    Returns:
        (B, T) float32

    Raises:
        StorytellerError: another name, or "dr_grpo" without its constant.

    Source: Shao et al. 2024, equation 3; Yu et al. 2025, equation 8; Liu et al. 2025, section 3.2.
    """
    if normalization not in get_args(Normalization):
        raise StorytellerError(f"normalization is {normalization!r}; it must be grpo, dapo or dr_grpo.")
    counted = mask.float()  # (B, T)
    if normalization == "grpo":
        return counted / counted.sum(dim=1, keepdim=True).clamp(min=1) / mask.size(0)
    if normalization == "dapo":
        return counted / counted.sum().clamp(min=1)
    if max_tokens is None:
        raise StorytellerError("dr_grpo divides by a constant: give max_tokens, the most tokens that a story may have.")
    return counted / (mask.size(0) * max_tokens)


def reinforce_loss(log_probs: Tensor, advantages: Tensor, mask: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """-sum of weight * advantage * log p: its gradient is REINFORCE's estimate of that of the expected reward, negated.

    The value itself means nothing; only its gradient does.

    Args:
        log_probs: (B, T), of the stories' tokens under the model that learns.
        advantages: (B,), of each story, or (B, T), of each token; no gradient goes through them.
        mask: (B, T) bool
        weights: (B, T), from `token_weights`; None for its "grpo".

    Returns:
        ()

    Source: Williams 1992, section 5.
    """
    weights = token_weights(mask) if weights is None else weights
    return -(weights * _by_token(advantages) * log_probs).sum()


def _by_token(advantages: Tensor) -> Tensor:
    """Advantages without a gradient that go with (B, T): (B, T), or (B, 1) where all tokens of a story share one."""
    return advantages.detach() if advantages.dim() == 2 else advantages.detach()[:, None]


def clipped_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """-sum of weight * min(ratio * A, clip(ratio) * A), where ratio = p / p_old of each token.

    Stories that were told by an earlier state of the model are weighted by how much likelier it makes them now. Once a
    ratio has left the interval in the direction that its advantage pushes to, it has no gradient: one batch of stories
    cannot move the model further than that. Where both models are the same, the gradient is REINFORCE's.

    Args:
        log_probs: (B, T), under the model that learns.
        old_log_probs: (B, T), under the model that told the stories.
        advantages: (B,), of each story, or (B, T), of each token.
        mask: (B, T) bool
        epsilon: the interval is 1 - epsilon to 1 + epsilon ...
        epsilon_high: ... or to 1 + epsilon_high, so that unlikely tokens may grow sooner (DAPO's "clip higher").
        weights: (B, T), from `token_weights`; None for its "grpo".

    Returns:
        ()

    Source: Schulman et al. 2017, equation 7; Shao et al. 2024, equation 3; Yu et al. 2025, section 3.1.
    """
    weights = token_weights(mask) if weights is None else weights
    ratio = torch.where(mask, log_probs - old_log_probs.detach(), 0.0).exp()  # (B, T)
    high = epsilon if epsilon_high is None else epsilon_high
    A = _by_token(advantages)  # (B, T) or (B, 1)
    return -(weights * torch.minimum(ratio * A, ratio.clamp(1 - epsilon, 1 + high) * A)).sum()


def clipped_share(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
) -> Tensor:
    """The share of the tokens that `clipped_loss`, with the same arguments, takes no gradient from: ()."""
    ratio = torch.where(mask, log_probs - old_log_probs, 0.0).exp()  # (B, T)
    A = _by_token(advantages)  # (B, T) or (B, 1)
    too_high = (ratio > 1 + (epsilon if epsilon_high is None else epsilon_high)) & (A > 0)
    too_low = (ratio < 1 - epsilon) & (A < 0)
    return ((too_high | too_low) & mask).sum() / mask.sum().clamp(min=1)


def kl_k3(log_probs: Tensor, ref_log_probs: Tensor) -> Tensor:
    """An estimate of KL(p || p_ref) from each token drawn from p: r - 1 - log r, where r = p_ref / p.

    -log r alone is right on average, and often negative. r - 1 is 0 on average, so adding it changes nothing there; it
    makes every single estimate at least 0, and their variance smaller.

    Args:
        log_probs: of the tokens under the model that drew them, any shape.
        ref_log_probs: of the same tokens under the reference, without a gradient.

    Returns:
        of the same shape; 0 where both are 0, as on a prompt.

    Source: Schulman 2020; Shao et al. 2024, equation 4.
    """
    log_ratio = ref_log_probs - log_probs
    return log_ratio.exp() - 1 - log_ratio


def dpo_loss(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, *, beta: float = 0.1
) -> Tensor:
    """-log sigmoid(beta * (how much likelier the better story became - how much likelier the worse one became)).

    Args:
        chosen: (P,), log p of the better story of each pair (`sequence_log_prob`) under the model that learns.
        rejected: (P,), of the worse one.
        ref_chosen: (P,), of the better one under the reference.
        ref_rejected: (P,), of the worse one under the reference.
        beta: how firmly the reference holds; the larger, the nearer to it the model stays.

    Returns:
        (), the mean over the pairs.

    Source: Rafailov et al. 2023, equation 7.
    """
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)  # (P,)
    return -F.logsigmoid(beta * margin).mean()


def filtered_cross_entropy(logits: Tensor, targets: Tensor, keep: Tensor) -> Tensor:
    """Expert iteration: the mean of -log p over the tokens of the stories that are kept; 0 where none is.

    A filter is a reward of 1 or 0: up to a factor, this is `reinforce_loss` with that reward and no baseline.

    Args:
        logits: (B, T, V)
        targets: (B, T) int64; -100 on the prompt and on the padding.
        keep: (B,) bool, the stories to learn from.

    Returns:
        ()

    Source: Anthony et al. 2017, section 3; in this form Zelikman et al. 2022, "STaR", section 3.1.
    """
    kept = (targets != IGNORE_INDEX) & keep[:, None]  # (B, T)
    log_probs = token_log_probs(logits, targets)
    return -torch.where(kept, log_probs, 0.0).sum() / kept.sum().clamp(min=1)
