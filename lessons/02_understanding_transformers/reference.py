"""Lesson 02's answers in their plain form.

What stands in `storyteller_course.parts.understanding_transformers` or in the library in the same form is re-exported
from there.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.transformer.attention import causal_mask, rope_table
from storyteller_course.parts.understanding_transformers import (
    GPT,
    Block,
    MultiHeadAttention,
    SwiGLU,
    attend_in_heads,
    parameters_and_flops,
    sinusoidal_positions,
)

__all__ = [
    "GPT",
    "Block",
    "F",
    "MultiHeadAttention",
    "RMSNorm",
    "SwiGLU",
    "apply_rope",
    "attend",
    "attend_in_heads",
    "causal_mask",
    "parameters_and_flops",
    "rope_table",
    "sinusoidal_positions",
    "softmax",
]


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Turn any numbers into positive ones that sum to 1 along a dimension.

    Args:
        x: numbers of any size; some, but not all along `dim`, may be -inf.
        dim: the dimension along which they compete.

    Returns:
        exp(x) / sum of exp(x), in the shape of x, without overflow; 0 where x is -inf.
    """
    # Step 1: Take the largest number along dim away from all, so that the largest is 0. (Keep the dimension.)
    shifted = x - x.amax(dim, keepdim=True)
    # Step 2: The exponential of each: now no number is above 1.
    weights = shifted.exp()
    # Step 3: Divide by their sum along dim.
    return weights / weights.sum(dim, keepdim=True)


def attend(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """Every query takes the average of the values, weighted by how well their keys fit.

    Args:
        q: (B, H, T, K), what each token looks for.
        k: (B, H, S, K), what each token offers to be found by.
        v: (B, H, S, K), what each token hands over.
        mask: bool, broadcastable to (B, H, T, S); True where a query may look. None: everywhere.
        causal: query i may look at the keys 0 to i only. Then there are as many keys as queries, and no mask.

    Returns:
        (B, H, T, K)
    """
    # Step 1: The score of each query with each key: their dot product, divided by the square root of K.
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, T, S)
    # Step 2: If causal: the mask that is True on and below the diagonal.
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()  # (T, S)
    # Step 3: Where there is a mask and it is False, the score becomes -inf.
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    # Step 4: The softmax over the keys gives the weights; average the values with them.
    return softmax(scores, dim=-1) @ v  # (B, H, T, K)


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding: turn each pair of features by its position's angle.

    Args:
        x: (B, H, T, K); feature i and feature i + K/2 are a pair.
        cos: the cosine of each position's and pair's angle, (T, K/2), or (B, 1, T, K/2) where the texts of a batch
            stand at different positions.
        sin: the sine of the same angles.

    Returns:
        (B, H, T, K), each pair (a, b) turned to (a cos - b sin, a sin + b cos), in the dtype of x.
    """
    # Step 1: The first and the second half of the features.
    half = x.size(-1) // 2
    a, b = x[..., :half], x[..., half:]  # (B, H, T, K/2) each
    # Step 2: Turn every pair by its angle.
    turned = a * cos - b * sin, a * sin + b * cos  # (B, H, T, K/2) each
    # Step 3: The two halves one behind the other again, in the dtype of x.
    return torch.cat(turned, dim=-1).to(x.dtype)  # (B, H, T, K)


class RMSNorm(nn.Module):
    """Scale each token's features to a root mean square of 1, then by a learned weight for each feature.

    Args:
        width: D.
        eps: keeps the root away from 0.

    Source: Zhang and Sennrich 2019, equation 4.
    """

    def __init__(self, width: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x / sqrt(mean of x^2 + eps) * weight.

        Args:
            x: (..., D)

        Returns:
            (..., D)
        """
        # Step 1: The mean of the squares of each token's features.
        square = x.pow(2).mean(dim=-1, keepdim=True)  # (..., 1)
        # Step 2: Divide x by the root of it, with eps added under the root.
        scaled = x / torch.sqrt(square + self.eps)  # (..., D)
        # Step 3: Each feature times its weight.
        return scaled * self.weight  # (..., D)
