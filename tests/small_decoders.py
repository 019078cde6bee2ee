"""The forms of a small decoder that several tests try."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from storyteller.config import ModelConfig

# Large weights, so that every part shows in the logits.
MOE = ModelConfig(
    vocab_size=61,
    max_seq_len=24,
    d_model=16,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    d_ff=12,
    n_experts=4,
    top_k=2,
    init_std=0.3,
)
CONFIGS = {
    "moe": MOE,
    "dense": replace(MOE, n_experts=0),
    "learned positions": replace(MOE, positions="learned"),
    "untied": replace(MOE, tie_embeddings=False),
    "one key head": replace(MOE, n_kv_heads=1),
}


def random_ids(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(MOE.vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def left_pad(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Ids (B, T) with zeros on the left, and the mask of the real ones."""
    longest = max(len(row) for row in rows)
    ids = torch.stack([F.pad(row, (longest - len(row), 0)) for row in rows])
    return ids, torch.stack([torch.arange(longest) >= longest - len(row) for row in rows])
