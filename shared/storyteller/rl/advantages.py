"""Advantages: how much better a story is than what was to be expected of its prompt.

    >>> import torch
    >>> rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])  # two prompts, four stories each
    >>> group_advantages(rewards)
    tensor([[ 0.8659, -0.8659, -0.8659,  0.8659],
            [ 0.0000,  0.0000,  0.0000,  0.0000]])
    >>> leave_one_out(rewards)[0]
    tensor([ 0.6667, -0.6667, -0.6667,  0.6667])

A prompt all of whose stories are equally good, as the second, teaches nothing.

Legend: `P` prompts, `G` stories of one prompt: its group; `B` = P * G stories, `T` tokens.

Papers: Shao et al. 2024, "DeepSeekMath" (GRPO) · Liu et al. 2025, "Understanding R1-Zero-Like Training" (Dr. GRPO) ·
Ahmadian et al. 2024, "Back to Basics: Revisiting REINFORCE Style Optimization" (RLOO).
"""

import torch
from torch import Tensor

STD_EPSILON = 1e-4  # added to the deviation, as in TRL


def group_advantages(rewards: Tensor, *, divide_by_std: bool = True) -> Tensor:
    """Each reward less the mean of its group; divided by the group's standard deviation, or not.

    The mean is a baseline: it takes nothing from the expected gradient but a factor (G - 1) / G, and much of its
    variance. The division makes every group count the same. So prompts that nearly always, or nearly never, succeed
    count for more than their differences are worth, which is why Dr. GRPO leaves it out.

    Args:
        rewards: (P, G), with G of at least 2.
        divide_by_std: by the standard deviation with G - 1 below the sum, and 1e-4 added.

    Returns:
        (P, G)

    Source: Shao et al. 2024, section 4.1.2; Liu et al. 2025, section 3.1.
    """
    centered = rewards - rewards.mean(dim=1, keepdim=True)  # (P, G)
    return centered / (rewards.std(dim=1, keepdim=True) + STD_EPSILON) if divide_by_std else centered


def leave_one_out(rewards: Tensor) -> Tensor:
    """Each reward less the mean of the others of its group: a baseline that the story itself has no part in.

    It is G / (G - 1) times the reward less the mean of the whole group.

    Args:
        rewards: (P, G), with G of at least 2.

    Returns:
        (P, G)

    Source: Ahmadian et al. 2024, equation 5 (RLOO).
    """
    G = rewards.size(1)
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (G - 1)  # (P, G)
    return rewards - others


def blame_tokens(advantages: Tensor, mask: Tensor, at_fault: Tensor) -> Tensor:
    """Each token's advantage, where it is known which tokens of a bad story are at fault.

    A story that calls the red kite blue is bad from there on: what came before was good, and what comes after changes
    nothing. So the whole advantage of a story below 0 goes to the tokens at fault, and its others get none: each of
    the n at fault, of a story of m tokens, gets m / n times the advantage. The gradient tells right from wrong where
    the choice was made, and leaves alone what varies between good stories, such as the names.

    Args:
        advantages: (B,), of each story.
        mask: (B, T) bool, True for the story's own tokens.
        at_fault: (B, T) bool; a row without any True gets its advantage on all its tokens, as one above 0 does.

    Returns:
        (B, T)
    """
    n_tokens, n_at_fault = mask.sum(dim=1, keepdim=True), at_fault.sum(dim=1, keepdim=True)  # (B, 1) each
    each = advantages[:, None].expand(mask.shape)  # (B, T)
    blamed = torch.where(at_fault, each * n_tokens / n_at_fault.clamp(min=1), 0.0)
    return torch.where((each < 0) & (n_at_fault > 0), blamed, each)
