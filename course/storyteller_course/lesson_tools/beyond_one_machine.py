"""Lesson 07: small stories and a small model to train on several ranks, and what a message costs by measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.corpus import load_stories
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import IGNORE_INDEX
from storyteller.transformer.decoder import Decoder
from storyteller_course.lesson_tools.sentences import first_sentences


def story_rows(count: int, *, seq_len: int = 64, vocab_size: int = 400) -> tuple[Tensor, Tokenizer]:
    """One to four sentences of so many stories, a row each, padded with IGNORE_INDEX: (count, seq_len + 1)."""
    stories = load_stories("storyworld-small:everyday", limit=count)
    texts = [first_sentences(story.text, 1 + place % 4) for place, story in enumerate(stories)]
    tokenizer = Tokenizer.train(texts[:200], vocab_size=vocab_size)
    rows = torch.full((count, seq_len + 1), IGNORE_INDEX)
    for row, ids in zip(rows, tokenizer.encode_batch(texts), strict=True):
        own = torch.tensor([tokenizer.end_id, *ids, tokenizer.end_id])[: seq_len + 1]
        row[: len(own)] = own
    return rows, tokenizer


def small_decoder(vocab_size: int, *, width: int = 32, seed: int = 1, **changes: Any) -> Decoder:
    """A model of two layers, or as the changes say; the same weights in every process."""
    sizes: dict[str, Any] = {
        "max_seq_len": 64, "d_model": width, "n_layers": 2, "n_heads": width // 16, "n_kv_heads": width // 16,
        "d_ff": 2 * width, "n_experts": 0,
    }  # fmt: skip
    return build_model(ModelConfig(vocab_size=vocab_size, **{**sizes, **changes}), seed=seed)


def adamw_on(part: Tensor, gradient: Tensor, state: Mapping[str, Any], *, lr: float) -> tuple[Tensor, dict[str, Any]]:
    """PyTorch's AdamW as a rule for any vector: the new one and the new state, whose tensors are of its shape."""
    leaf = torch.nn.Parameter(part.clone())
    leaf.grad = gradient.clone()
    optimizer = torch.optim.AdamW([leaf], lr=lr, betas=(0.9, 0.95), weight_decay=0.1)
    if state:
        optimizer.state[leaf] = {name: torch.as_tensor(value).clone() for name, value in state.items()}
    optimizer.step()
    after = {name: value if value.dim() else value.item() for name, value in optimizer.state[leaf].items()}
    return leaf.detach(), after


def fit_line(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Latency and bandwidth of messages of these sizes: the line that is nearest by relative error."""
    n, t = (torch.tensor(values, dtype=torch.float64) for values in (sizes, seconds))
    columns = torch.stack([1 / t, n / t], dim=1)
    latency, per_byte = torch.linalg.lstsq(columns, torch.ones_like(t)[:, None]).solution.flatten().tolist()
    return max(latency, min(seconds) / 10), 1 / max(per_byte, 1e-12)
