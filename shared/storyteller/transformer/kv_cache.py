"""The cache of keys and values with which a decoder generates: prefill with the prompt, then decode token by token.

Legend: `B` batch, `T` new tokens, `S` all tokens so far, `G` key and value heads, `Dh` head width.

Paper: Shazeer 2019, "Fast Transformer Decoding", section 2.4.
"""

import torch
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.errors import StorytellerError


class KVCache:
    """The keys and values of every token read so far, so that a new token costs one step and not a whole text.

    The memory is allocated once. `Decoder` writes into it: give the same cache to each call, first with the prompt
    (prefill), then with each new token (decode). Positions go on where the cache ends.

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
        shape = (batch_size, config.n_kv_heads, self.capacity, config.head_dim)  # (B, G, capacity, Dh)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.n_layers)]
        self.is_token = torch.ones(batch_size, self.capacity, dtype=torch.bool, device=device)  # False for padding
        self.has_padding = False  # whether `is_token` holds any False
        self.length = 0  # columns in use

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new tokens' k and v, each (B, G, T, Dh), and return all that the layer has: (B, G, S, Dh) each."""
        keys, values = self.keys[layer], self.values[layer]  # (B, G, capacity, Dh) each
        start, T = self.length, k.size(2)
        keys.narrow(2, start, T).copy_(k.detach())
        values.narrow(2, start, T).copy_(v.detach())
        keys, values = keys.narrow(2, 0, start + T), values.narrow(2, 0, start + T)  # (B, G, S, Dh) each
        return (keys, values) if keys.dtype == k.dtype else (keys.to(k.dtype), values.to(v.dtype))

    def update_mask(self, n_tokens: int, attention_mask: Tensor | None) -> Tensor | None:
        """Note which of the next tokens are no padding.

        Args:
            n_tokens: T, how many are next.
            attention_mask: (B, T) bool, True = attend, as in transformers; None where none of them is padding.

        Returns:
            (B, S) bool, the same of all columns so far, or None if there is no padding.
        """
        end = self.length + n_tokens
        self.has_padding = self.has_padding or attention_mask is not None
        if not self.has_padding:  # then all of `is_token` is True
            return None
        self.is_token[:, self.length : end] = True if attention_mask is None else attention_mask
        return self.is_token[:, :end]

    def advance(self, n_tokens: int) -> None:
        """The next tokens are stored in every layer: the cache now ends after them."""
        self.length += n_tokens

    def drop_row(self, row: int) -> None:
        """Forget one row; the last row takes its place, so that no other is copied."""
        for layers in (self.keys, self.values):
            for layer, tensor in enumerate(layers):
                tensor[row, :, : self.length] = tensor[-1, :, : self.length]
                layers[layer] = tensor[:-1]
        self.is_token[row] = self.is_token[-1]
        self.is_token = self.is_token[:-1]

    def reset(self) -> None:
        """Forget everything and start a new text in the same memory."""
        self.length, self.has_padding = 0, False
        self.is_token.fill_(True)
