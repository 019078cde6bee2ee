"""Attention: how each token gathers what it needs from the tokens before it.

    >>> import torch
    >>> q = k = v = torch.ones(1, 2, 5, 4)  # 1 text, 2 heads, 5 tokens, head width 4
    >>> attend(q, k, v, causal=True).shape
    torch.Size([1, 2, 5, 4])

Legend: `B` batch, `T` tokens that ask (queries), `S` tokens that answer (keys: the cached ones, then the `T` new ones),
`D` model width, `H` query heads, `G` key and value heads (grouped-query attention has fewer of them), `K` head width.

Papers: Vaswani et al. 2017, "Attention Is All You Need", section 3.2 · Su et al. 2021, "RoFormer", section 3.2.2 ·
Ainslie et al. 2023, "GQA", section 2.2 · Shazeer 2019, "Fast Transformer Decoding", section 2.4 (the cache).
"""

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError


class Attend(Protocol):
    """What `Attention` asks of a replacement for `attend`."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """See `attend`."""


# rotate(x (B, H, T, K), cos, sin) -> (B, H, T, K), as `apply_rope` does
Rotate = Callable[[Tensor, Tensor, Tensor], Tensor]


def attend(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(K)) v: every query takes the average of the values, weighted by how well their keys fit.

    Args:
        q: (B, H, T, K), what each token looks for.
        k: (B, H, S, K), what each token offers to be found by.
        v: (B, H, S, K), what each token hands over.
        mask: bool, broadcastable to (B, H, T, S); True where a query may look.
        causal: query i may look at the keys 0 to i only. Needs S = T, and no mask.

    Returns:
        (B, H, T, K)

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
    """Who may look at whom when the queries are the last of the keys: real tokens that are not in the future.

    Args:
        n_queries: T.
        n_keys: S. Query i stands at column S - T + i.
        real: (B, S) bool, False for padding; None where nothing is padded.
        device: where the mask lives.

    Returns:
        (B, 1, T, S) bool, or (1, 1, T, S) without `real`. A token always sees itself, padding too: a query that may
        look nowhere would divide by zero in the softmax.
    """
    column = torch.arange(n_keys, device=device)  # (S,)
    query = column[n_keys - n_queries :, None]  # (T, 1)
    allowed = (column <= query)[None]  # (1, T, S)
    if real is not None:
        allowed = (allowed & real[:, None, :]) | (column == query)  # (B, T, S)
    return allowed[:, None]  # (B, 1, T, S)


def rope_frequencies(head_dim: int, base: float) -> Tensor:
    """By how much each pair of features turns from one position to the next, in radians: base^(-2i/K), (K/2,)."""
    return base ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)


def rope_table(head_dim: int, max_seq_len: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angle by which each position turns each pair of features.

    Pair i turns by position * base^(-2i/K): the first pairs are fast hands of the clock, the last ones slow.

    Returns:
        cos and sin, each (max_seq_len, K/2), float32.

    Source: Su et al. 2021 (RoFormer), section 3.2.2.
    """
    frequencies = rope_frequencies(head_dim, base)  # (K/2,)
    angle = torch.outer(torch.arange(max_seq_len, dtype=torch.float32), frequencies)  # (max_seq_len, K/2)
    return angle.cos(), angle.sin()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding: turn each pair of features by its position's angle.

    The product of a turned query and a turned key depends on their distance alone. Feature i is paired with feature
    i + K/2 (the "half-split" layout of Llama and Mixtral; the paper pairs neighbours, which is the same up to a
    permutation of the features).

    Args:
        x: (B, H, T, K)
        cos: (T, K/2), or (B, 1, T, K/2) where rows stand at different positions.
        sin: the same shape.

    Returns:
        (B, H, T, K), in the dtype of `x`; the rotation itself runs in the table's precision.

    Source: Su et al. 2021 (RoFormer), equation 34.
    """
    first, second = x.chunk(2, dim=-1)  # (B, H, T, K/2) each
    turned = torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)  # (B, H, T, K)
    return turned.to(x.dtype)


class KVCache:
    """The keys and values of every token read so far, so that a new token costs one step and not a whole text.

    The room is allocated once. `Decoder` writes into it: give the same cache to each call, first with the prompt, then
    with each new token. Positions go on where the cache ends.

        cache = model.new_cache(batch_size=1)
        logits = model(prompt, cache=cache, last_position_only=True).logits
        logits = model(next_token, cache=cache).logits

    Texts of different lengths are padded on the left, with an `attention_mask` for the prompt; the cache remembers it.
    It is made for generation: what it holds carries no gradient.

    Args:
        config: the model's.
        batch_size: B, texts generated at once.
        capacity: the most tokens a text may have in all, padding included; `config.max_seq_len` by default.
        dtype: of keys and values.
        device: where they live.

    Raises:
        StorytellerError: the capacity is larger than the model's `max_seq_len`.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        batch_size: int,
        capacity: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.capacity = config.max_seq_len if capacity is None else capacity
        if self.capacity > config.max_seq_len:
            raise StorytellerError(
                f"A cache for {self.capacity} tokens was asked for, but the model reads at most {config.max_seq_len}: "
                "generate fewer tokens, or train with a larger max_seq_len."
            )
        shape = (batch_size, config.n_kv_heads, self.capacity, config.head_dim)  # (B, G, capacity, K)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.real = torch.ones(batch_size, self.capacity, dtype=torch.bool, device=device)  # False for padding
        self.padded = False  # whether `real` holds any False
        self.length = 0  # columns in use

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new tokens' k and v, each (B, G, T, K), and return all that the layer has: (B, G, S, K) each."""
        end = self.length + k.size(2)
        keys, values = self.keys[layer][:, :, :end], self.values[layer][:, :, :end]  # (B, G, S, K) each
        keys[:, :, self.length :] = k.detach()
        values[:, :, self.length :] = v.detach()
        return keys.to(k.dtype), values.to(v.dtype)

    def mark(self, n_tokens: int, attention_mask: Tensor | None) -> Tensor | None:
        """Note which of the next tokens are real; return that of all columns, (B, S), or None if all are real."""
        end = self.length + n_tokens
        self.padded = self.padded or attention_mask is not None
        self.real[:, self.length : end] = True if attention_mask is None else attention_mask
        return self.real[:, :end] if self.padded else None

    def advance(self, n_tokens: int) -> None:
        """The next tokens are stored in every layer: let the cache end after them."""
        self.length += n_tokens

    def reset(self) -> None:
        """Forget everything and start a new text in the same room."""
        self.length, self.padded = 0, False


class Attention(nn.Module):
    """Multi-head attention; with `n_kv_heads` below `n_heads`, grouped-query attention.

    Each of the H heads attends on its own, in K = D/H features. In grouped-query attention, H/G neighbouring query
    heads share a key and a value head, which makes the cache smaller by that factor.

    Source: Vaswani et al. 2017, section 3.2.2; Ainslie et al. 2023, section 2.2.
    """

    def __init__(self, config: ModelConfig, *, attend: Attend = attend, rotate: Rotate = apply_rope) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim = config.n_heads, config.n_kv_heads, config.head_dim
        # One matrix for queries, keys and values: one large product is quicker than three small ones.
        self.qkv = nn.Linear(config.d_model, (self.n_heads + 2 * self.n_kv_heads) * self.head_dim, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)
        self.attend, self.rotate = attend, rotate

    @torch.no_grad()
    def start_as_copier(self, generator: torch.Generator, *, gain: float = 2.0) -> None:
        """Set weights with which a token looks for tokens like itself, and adds what it finds there to itself.

        Keys start equal to queries, so like finds like. Values and output are an orthogonal matrix and its transpose,
        whose product is `gain` times the identity, so what a head reads arrives as it was. Learning to copy a name
        from the first sentence into the last otherwise takes a small model most of a short run.

        Source: Trockman and Kolter 2023, Mimetic Initialization of Self-Attention Layers. Their recipe, for vision, has
        the same query-key product and a negative value-output product; the positive one they report of GPT-2.
        """
        H, G, K = self.n_heads, self.n_kv_heads, self.head_dim
        q, k, v = self.qkv.weight.split((H * K, G * K, G * K))  # (H*K, D) and twice (G*K, D)
        k.copy_(q.view(G, H // G, K, -1)[:, 0].reshape(G * K, -1))  # the first query head of each group
        random = torch.empty(v.size(1), v.size(0)).normal_(generator=generator)  # (D, G*K)
        basis = torch.linalg.qr(random).Q.T * gain**0.5  # (G*K, D), orthogonal rows
        v.copy_(basis)
        shared = basis.view(G, 1, K, -1).expand(G, H // G, K, -1).reshape(H * K, -1)  # each head reads its group's
        self.out.weight.copy_(shared.T * (G / H))

    @torch.no_grad()
    def start_looking_back(self, shared: Tensor, *, rope_base: float, lead: float = 3.0) -> None:
        """Set weights with which the first key head looks at the token before, whatever the tokens are.

        Queries and keys are made from what all tokens share, so a score depends on the distance alone: RoPE turns them
        on with each position, and a query that starts one step behind the keys fits the key one position back.

        Args:
            shared: (D,) what every token has in common: a vector whose product with any normalised token is 1.
            rope_base: as in `rope_table`.
            lead: by how much the score of the token before exceeds that of its neighbours.
        """
        H, G, K = self.n_heads, self.n_kv_heads, self.head_dim
        turn = rope_frequencies(K, rope_base)[:6]  # the fastest pairs; slow ones do not tell neighbours apart
        n = len(turn)
        size = (lead * K**0.5 / (1 - turn.cos()).sum()) ** 0.5
        query, key = torch.zeros(K), torch.zeros(K)
        key[:n] = size
        query[:n], query[K // 2 : K // 2 + n] = size * turn.cos(), -size * turn.sin()
        q, k, _ = self.qkv.weight.split((H * K, G * K, G * K))
        q.view(H, K, -1)[: H // G] = torch.outer(query, shared)  # all query heads that read the first key head
        k.view(G, K, -1)[0] = torch.outer(key, shared)

    def forward(
        self,
        x: Tensor,
        *,
        rotation: tuple[Tensor, Tensor] | None = None,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """Let every token look at the tokens before it.

        Args:
            x: (B, T, D)
            rotation: cos and sin of RoPE at the tokens' positions (see `apply_rope`), or None.
            mask: bool, (B, 1, T, S), as `causal_mask` makes it; None for plain causal attention.
            cache: earlier tokens' keys and values; the new ones are added.
            layer: which of the cache's layers is this one's.

        Returns:
            (B, T, D)
        """
        B, T, D = x.shape
        heads = self.qkv(x).view(B, T, -1, self.head_dim).transpose(1, 2)  # (B, H + 2G, T, K)
        H, G = self.n_heads, self.n_kv_heads
        qk, v = heads.split((H + G, G), dim=1)  # (B, H + G, T, K) and (B, G, T, K)
        if rotation is not None:
            qk = self.rotate(qk, *rotation)
        q, k = qk.split((H, G), dim=1)  # (B, H, T, K) and (B, G, T, K)
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, G, S, K)
        y = self._attend_in_groups(q, k, v, mask)  # (B, H, T, K)
        mixed: Tensor = self.out(y.transpose(1, 2).reshape(B, T, D))
        return mixed

    def _attend_in_groups(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Bring queries and shared keys to the same number of heads, and attend."""
        B, H, T, K = q.shape
        G = self.n_kv_heads
        if T == 1:
            # A lone new token sees everything. The queries that share a key stand in as T, so no key is copied.
            return self.attend(q.reshape(B, G, H // G, K), k, v, mask=mask).reshape(B, H, 1, K)
        if H != G:
            k, v = (part.repeat_interleave(H // G, dim=1) for part in (k, v))  # (B, H, S, K)
        return self.attend(q, k, v, mask=mask, causal=mask is None)
