"""The decoder: from token ids to the logits of the next token.

    >>> from storyteller.config import preset
    >>> import torch
    >>> model = Decoder(preset("tiny").model, seed=1)  # dense; `storyteller.moe.layer.build_model` gives the MoE form
    >>> model(torch.tensor([[5, 6, 7]])).logits.shape
    torch.Size([1, 3, 2048])

Legend: `B` batch, `T` tokens in a sequence, `D` model width, `F` feed-forward width, `V` vocabulary.

The shape is that of Mistral (dense) and Mixtral (Mixture of Experts), so both can be compared logit for logit.
Papers: Vaswani et al. 2017, "Attention Is All You Need" · Zhang and Sennrich 2019, "Root Mean Square Layer
Normalization" · Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture" (pre-norm) · Shazeer 2020,
"GLU Variants Improve Transformer" · Jiang et al. 2023, "Mistral 7B" · Jiang et al. 2024, "Mixtral of Experts".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError
from storyteller.transformer.attention import ApplyRope, Attend, Attention, apply_rope, attend, causal_mask, rope_table
from storyteller.transformer.initialisation import initialize
from storyteller.transformer.kv_cache import KVCache

# Builds the feed-forward part of a layer, given the layer's number. The part takes (B, T, D) and returns (B, T, D) and
# its routing: a `storyteller.moe.router.Routing`, or None where it is dense.
FeedForward = Callable[[ModelConfig, int], nn.Module]
# Builds a norm, called as `RMSNorm` is: with the width and `eps`. Its only parameter is `weight`.
Norm = Callable[..., nn.Module]


class Output(NamedTuple):
    """What a forward pass gives."""

    logits: Tensor  # (B, T, V), or (B, 1, V) with last_position_only; before the softmax
    routing: list[Any]  # one `storyteller.moe.router.Routing` for each MoE layer; empty for a dense model


class RMSNorm(nn.Module):
    """Scale each token's features to a root mean square of 1, then by a learned weight for each feature.

    The mean of squares is taken in float32 whatever the input's dtype: bfloat16 keeps too few digits for the sum.

    Source: Zhang and Sennrich 2019, equation 4.
    """

    def __init__(self, width: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D), in the dtype of `x`."""
        if x.dtype in (torch.bfloat16, torch.float16):
            return F.rms_norm(x.float(), self.weight.shape, self.weight.float(), self.eps).to(x.dtype)
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
        # F.rms_norm is many small steps on a CPU, and for a single token each counts. Without gradients, six do.
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # (..., 1)
        mean_square = torch.addcmul(x.new_full((), self.eps), length, length, value=1 / x.size(-1))  # (..., 1), + eps
        return x * mean_square.rsqrt_() * self.weight


def swiglu(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """down(silu(gate(x)) * up(x)): one half of the hidden features decides how much of the other half passes.

    Args:
        x: (N, D), any leading dimensions.
        gate_up: (2F, D), the gate's F rows and then the up-projection's.
        down: (D, F)

    Returns:
        (N, D)

    Source: Shazeer 2020, equation 6.
    """
    gate, up = F.linear(x, gate_up).chunk(2, dim=-1)  # (N, F) each
    return F.linear(F.silu(gate) * up, down)


class SwiGLU(nn.Module):
    """The dense feed-forward part: every token passes through the same `swiglu`."""

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.d_model, 2 * config.d_ff, bias=False)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """(B, T, D) to (B, T, D), and no routing."""
        return swiglu(x, self.gate_up.weight, self.down.weight), None


class Block(nn.Module):
    """One layer: attention mixes the tokens, then the feed-forward part changes each on its own.

    Both parts read a normalized copy and add to the residual stream (pre-norm).

    Source: Xiong et al. 2020, figure 1b.
    """

    def __init__(
        self,
        config: ModelConfig,
        layer: int,
        *,
        attend: Attend,
        feed_forward: FeedForward,
        apply_rope: ApplyRope = apply_rope,
        norm: Norm = RMSNorm,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.attention_norm = norm(config.d_model, eps=config.norm_eps)
        self.attention = Attention(config, attend=attend, apply_rope=apply_rope)
        self.feed_forward_norm = norm(config.d_model, eps=config.norm_eps)
        self.feed_forward = feed_forward(config, layer)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor] | None, mask: Tensor | None, cache: KVCache | None
    ) -> tuple[Tensor, Any]:
        """(B, T, D) to (B, T, D), and the routing, which is None where the feed-forward part is dense."""
        x = x + self.attention(self.attention_norm(x), rope=rope, mask=mask, cache=cache, layer=self.layer)
        ff_output, routing = self.feed_forward(self.feed_forward_norm(x))
        return x + ff_output, routing


# What a decoder is made of, unless it is given something else.
LIBRARY_PARTS = {"attend": attend, "apply_rope": apply_rope, "norm": RMSNorm, "feed_forward": SwiGLU}


class Decoder(nn.Module):
    """A decoder-only transformer language model.

    Args:
        config: its shape.
        seed: decides the initial weights, whatever torch's global random state is.
        attend: the attention of every layer; see `storyteller.transformer.attention.attend`.
        apply_rope: turns queries and keys by their positions; see `storyteller.transformer.attention.apply_rope`.
        norm: builds each of the norms.
        feed_forward: builds each layer's feed-forward part; `SwiGLU`, the default, is dense.

    Attributes:
        replaced_parts: the names of the arguments that were given something else than the library's own part. The
            weights mean something together with these parts only, so a checkpoint keeps the names.
        checkpoint_blocks: recompute each block in the backward pass instead of keeping its activations: the same
            gradients, less memory, about a third more time. The trainer sets it.
        compiled_block: calls a block as `torch.compile` has made it, given the block and its arguments; None for plain
            calls. It is for passes with gradients alone. The trainer sets it.
    """

    cos: Tensor  # (max_seq_len, Dh/2), with sin the table of RoPE
    sin: Tensor

    def __init__(
        self,
        config: ModelConfig,
        *,
        seed: int = 1,
        attend: Attend = attend,
        apply_rope: ApplyRope = apply_rope,
        norm: Norm = RMSNorm,
        feed_forward: FeedForward = SwiGLU,
    ) -> None:
        super().__init__()
        self.config = config
        own = {"attend": attend, "apply_rope": apply_rope, "norm": norm, "feed_forward": feed_forward}
        self.replaced_parts = tuple(name for name, part in own.items() if part is not LIBRARY_PARTS[name])
        self.checkpoint_blocks = False
        self.compiled_block: Callable[..., tuple[Tensor, Any]] | None = None
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.max_seq_len, config.d_model) if config.positions == "learned" else None
        self.blocks = nn.ModuleList(
            Block(config, layer, attend=attend, apply_rope=apply_rope, norm=norm, feed_forward=feed_forward)
            for layer in range(config.n_layers)
        )
        self.norm = norm(config.d_model, eps=config.norm_eps)
        self.head = None if config.tie_embeddings else nn.Linear(config.d_model, config.vocab_size, bias=False)
        cos, sin = rope_table(config.head_dim, config.max_seq_len, config.rope_base)
        self.register_buffer("cos", cos, persistent=False)  # computed, so not part of a checkpoint
        self.register_buffer("sin", sin, persistent=False)
        initialize(self, seed=seed)

    def new_cache(self, *, batch_size: int, capacity: int | None = None, dtype: torch.dtype | None = None) -> KVCache:
        """An empty cache on the model's device, in its dtype; under autocast, name autocast's dtype instead."""
        like = self.embedding.weight
        dtype = like.dtype if dtype is None else dtype
        return KVCache(self.config, batch_size=batch_size, capacity=capacity, dtype=dtype, device=like.device)

    def forward(
        self,
        ids: Tensor,
        *,
        attention_mask: Tensor | None = None,
        cache: KVCache | None = None,
        last_position_only: bool = False,
    ) -> Output:
        """The logits of the token after each token.

        Args:
            ids: (B, T) int64.
            attention_mask: (B, T) bool, True = attend, as in transformers (the opposite of PyTorch's
                `key_padding_mask`); False for padding. No real token attends to padding, and it takes up no position;
                its own logits mean nothing. Leave it out where nothing is padded: that is faster.
            cache: keys and values of the tokens before these; these are added to it.
            last_position_only: logits of the last position only, (B, 1, V): all that generation needs.

        Raises:
            StorytellerError: more tokens than `max_seq_len` (or than the cache has room for).
        """
        T = ids.size(1)
        start = 0 if cache is None else cache.length
        room = self.config.max_seq_len if cache is None else cache.capacity
        if start + T > room:
            place = "this model reads" if cache is None else "the cache holds"
            raise StorytellerError(
                f"The text is {start + T} tokens long, but {place} at most {room}: shorten the text, "
                "or train with a larger max_seq_len."
            )
        real = attention_mask if cache is None else cache.update_mask(T, attention_mask)  # (B, S) or None
        # Without a mask, attention is causal by itself; a chunk after earlier tokens needs to know its positions.
        mask = None
        if real is not None or (start > 0 and T > 1):
            mask = causal_mask(T, start + T, real=real, device=ids.device)  # (B, 1, T, S)

        x, rope = self._embed(ids, start, real)  # (B, T, D)
        routing, in_training = [], torch.is_grad_enabled() and cache is None
        call = Block.__call__ if self.compiled_block is None or not in_training else self.compiled_block
        for block in self.blocks:
            if self.checkpoint_blocks and in_training:
                x, routed = checkpoint(call, block, x, rope, mask, None, use_reentrant=False, preserve_rng_state=False)
            else:
                x, routed = call(block, x, rope, mask, cache)
            if routed is not None:
                routing.append(routed)
        if cache is not None:
            cache.advance(T)
        x = self.norm(x[:, -1:] if last_position_only else x)
        head = self.embedding if self.head is None else self.head
        return Output(F.linear(x, head.weight), routing)  # (B, T, V)

    def _embed(self, ids: Tensor, start: int, real: Tensor | None) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Embed the tokens at their positions: (B, T, D), and RoPE's cos and sin unless positions are learned."""
        x = self.embedding(ids)  # (B, T, D)
        positions: Tensor | slice = slice(start, start + ids.size(1))
        if real is not None:
            # A token's position is the number of real tokens before it, so left padding shifts nothing.
            positions = (real.long().cumsum(dim=1) - 1).clamp(min=0)[:, start:]  # (B, T)
        if self.position is not None:
            return x + self.position.weight[positions], None
        cos, sin = self.cos[positions], self.sin[positions]  # (T, Dh/2) each, or (B, T, Dh/2) with padding
        return x, (cos, sin) if real is None else (cos[:, None], sin[:, None])  # (B, 1, T, Dh/2)
