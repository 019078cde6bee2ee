"""Attention: how each token gathers what it needs from the tokens before it; and RoPE, which tells positions apart.

    >>> import torch
    >>> q = k = v = torch.ones(1, 2, 5, 4)  # 1 text, 2 heads, 5 tokens, 4 features a head
    >>> attend(q, k, v, causal=True).shape
    torch.Size([1, 2, 5, 4])

Legend: `B` batch, `T` query positions, `S` key positions (the cached ones, then the `T` new ones), `D` model width, `H`
query heads, `G` key and value heads (grouped-query attention has fewer of them), `Dh` head width.

Papers: Vaswani et al. 2017, "Attention Is All You Need", section 3.2 · Su et al. 2021, "RoFormer", section 3.2.2 ·
Ainslie et al. 2023, "GQA", section 2.2.
"""

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.transformer.kv_cache import KVCache


class Attend(Protocol):
    """What `Attention` asks of a replacement for `attend`."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """See `attend`."""


# apply_rope(x (B, H, T, Dh), cos, sin) -> (B, H, T, Dh)
ApplyRope = Callable[[Tensor, Tensor, Tensor], Tensor]


def attend(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(Dh)) v: every query takes the average of the values, weighted by how well their keys match.

    Args:
        q: (B, H, T, Dh), the queries.
        k: (B, H, S, Dh), the keys.
        v: (B, H, S, Dh), the values.
        mask: bool, broadcastable to (B, H, T, S); True where a query attends to a key.
        causal: query i attends to the keys 0 to i only. Needs S = T, and no mask.

    Returns:
        (B, H, T, Dh)

    Raises:
        ValueError: `causal` with a mask, or with S different from T, where "the keys before" has two meanings.

    Source: Vaswani et al. 2017, section 3.2.1.
    """
    if causal and (mask is not None or q.size(-2) != k.size(-2)):
        raise ValueError(
            f"causal=True wants as many keys as queries and no mask; got {k.size(-2)} keys for {q.size(-2)} queries "
            f"and {'no mask' if mask is None else 'a mask'}: put the causal rule into the mask instead."
        )
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


def causal_mask(n_queries: int, n_keys: int, *, real: Tensor | None = None, device: torch.device) -> Tensor:
    """Which keys each query attends to, when the queries are the last of the keys: real tokens, none in the future.

    Args:
        n_queries: T.
        n_keys: S. Query i is at column S - T + i.
        real: (B, S) bool, False for padding; None where nothing is padded.
        device: where the mask lives.

    Returns:
        (B, 1, T, S) bool, or (1, 1, T, S) without `real`. A token always attends to itself, padding too: a query
        without any key would divide by zero in the softmax.
    """
    column = torch.arange(n_keys, device=device)  # (S,)
    query = column[n_keys - n_queries :, None]  # (T, 1)
    allowed = (column <= query)[None]  # (1, T, S)
    if real is not None:
        allowed = (allowed & real[:, None, :]) | (column == query)  # (B, T, S)
    return allowed[:, None]  # (B, 1, T, S)


def rope_frequencies(head_dim: int, base: float) -> Tensor:
    """By how much each pair of features turns from one position to the next, in radians: base^(-2i/Dh), (Dh/2,)."""
    return base ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)


def rope_table(head_dim: int, max_seq_len: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angle by which each position turns each pair of features.

    Pair i turns by position * base^(-2i/Dh): the first pairs have the highest frequency, the last ones the lowest.

    Returns:
        cos and sin, each (max_seq_len, Dh/2), float32.

    Source: Su et al. 2021 (RoFormer), section 3.2.2.
    """
    frequencies = rope_frequencies(head_dim, base)  # (Dh/2,)
    angle = torch.outer(torch.arange(max_seq_len, dtype=torch.float32), frequencies)  # (max_seq_len, Dh/2)
    return angle.cos(), angle.sin()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding: turn each pair of features by its position's angle.

    The product of a turned query and a turned key depends on their distance alone. Feature i is paired with feature
    i + Dh/2 (the "half-split" layout of Llama and Mixtral; the paper pairs neighbours, which is the same up to a
    permutation of the features).

    Args:
        x: (B, H, T, Dh)
        cos: (T, Dh/2), or (B, 1, T, Dh/2) where rows are at different positions.
        sin: the same shape.

    Returns:
        (B, H, T, Dh), in the dtype of `x`; the rotation itself runs in the table's precision.

    Source: Su et al. 2021 (RoFormer), equation 34.
    """
    first, second = x.chunk(2, dim=-1)  # (B, H, T, Dh/2) each
    turned = torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)  # (B, H, T, Dh)
    return turned.to(x.dtype)


class Attention(nn.Module):
    """Multi-head attention; with `n_kv_heads` below `n_heads`, grouped-query attention.

    Each of the H heads attends on its own, in Dh = D/H features. In grouped-query attention, H/G neighbouring query
    heads share a key and a value head, which makes the cache smaller by that factor.

    Source: Vaswani et al. 2017, section 3.2.2; Ainslie et al. 2023, section 2.2.
    """

    def __init__(self, config: ModelConfig, *, attend: Attend = attend, apply_rope: ApplyRope = apply_rope) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim = config.n_heads, config.n_kv_heads, config.head_dim
        # One matrix for queries, keys and values: one large product is quicker than three small ones.
        self.qkv = nn.Linear(config.d_model, (self.n_heads + 2 * self.n_kv_heads) * self.head_dim, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)
        self.attend, self.apply_rope = attend, apply_rope

    def forward(
        self,
        x: Tensor,
        *,
        rope: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """Let every token attend to the tokens before it.

        Args:
            x: (B, T, D)
            rope: cos and sin of RoPE at the tokens' positions (see `apply_rope`), or None.
            mask: bool, (B, 1, T, S), as `causal_mask` makes it; None for plain causal attention.
            cache: earlier tokens' keys and values; the new ones are added.
            layer: which of the cache's layers is this one's.

        Returns:
            (B, T, D)
        """
        B, T, D = x.shape
        H, G, Dh = self.n_heads, self.n_kv_heads, self.head_dim
        heads = self.qkv(x).view(B, T, -1, Dh).transpose(1, 2)  # (B, H + 2G, T, Dh)
        qk, v = heads.split_with_sizes((H + G, G), dim=1)  # (B, H + G, T, Dh) and (B, G, T, Dh)
        if rope is not None:
            qk = self.apply_rope(qk, *rope)
        q, k = qk.split_with_sizes((H, G), dim=1)  # (B, H, T, Dh) and (B, G, T, Dh)
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, G, S, Dh) each
        if T == 1:
            # A single query attends to all keys. The queries that share a key head stand in as T: no key is copied.
            y = self.attend(q.reshape(B, G, H // G, Dh), k, v, mask=mask).reshape(B, H, 1, Dh)
        else:
            if H != G:
                k, v = (part.repeat_interleave(H // G, dim=1) for part in (k, v))  # (B, H, S, Dh) each
            y = self.attend(q, k, v, mask=mask, causal=mask is None)  # (B, H, T, Dh)
        mixed: Tensor = self.out(y.transpose(1, 2).reshape(B, T, D))
        return mixed
