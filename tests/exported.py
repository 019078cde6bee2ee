"""Small runs that are exported in the tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from storyteller.config import ModelConfig, TrainConfig, to_dict
from storyteller.moe.layer import build_model
from storyteller.runs.run_config import RunConfig
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import Checkpoint, model_weights, save_checkpoint
from storyteller.transformer.decoder import Decoder

TEXT = (
    "Once upon a time, in a house by the sea, there lived a fox who'd 3 plums, 12 pears and a café.\n\n"
    "“Naïve?” asked the owl. “We'll see!” It was 日本語 to her 🦊 … "
)
# Large weights, so that a wrong factor anywhere shows in the logits.
CONFIG = ModelConfig(
    vocab_size=320, max_seq_len=64, d_model=64, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=48, n_experts=4, top_k=2,
    init_std=0.15,
)  # fmt: skip
FORMS = {
    f"{'moe' if n_experts else 'dense'}-{n_kv_heads} kv heads-{'tied' if tied else 'untied'}": replace(
        CONFIG, n_experts=n_experts, n_kv_heads=n_kv_heads, tie_embeddings=tied
    )
    for n_experts in (4, 0)
    for n_kv_heads in (4, 2)
    for tied in (True, False)
}


STORY = "Once upon a time a fox found a plum. The owl asked for it, so they had tea."


def make_run(
    folder: Path, config: ModelConfig = CONFIG, *, plan: dict[str, Any] | None = None, knows: str | None = None
) -> Path:
    """A run's folder with a tokenizer and one checkpoint: of random weights, or of a model that knows one story."""
    tokenizer = Tokenizer.train([TEXT] * 3, vocab_size=config.vocab_size)
    config = replace(config, vocab_size=tokenizer.vocab_size)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder / "tokenizer.json")
    train = TrainConfig(steps=7)
    values = {
        "tokenizer": tokenizer.fingerprint,
        "model_config": to_dict(config),
        "train_config": to_dict(train),
        "tokens": 12_345,
        "dtype": "float32",
        "metrics": {"loss": 1.5, "perplexity": 4.48, "bits_per_byte": 0.75, "tokens": 999},
    }
    model = build_model(config, seed=7)
    if knows is not None:
        learn(model, [tokenizer.end_id, *tokenizer.encode(knows), tokenizer.end_id])
    save_checkpoint(folder, Checkpoint(step=7, weights=model_weights(model), state={}, values=values))
    if plan is not None:
        settings = {"preset": "tiny", "corpus": "storyworld-small:everyday", "stories": 12_000} | plan
        RunConfig(model=config, train=train, **settings).save(folder)
    return folder


def learn(model: Decoder, ids: list[int], *, steps: int = 30) -> None:
    """Teach a model one text by heart."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    text = torch.tensor([ids])
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(text[:, :-1]).logits[0], text[0, 1:])
        loss.backward()
        optimizer.step()
    assert loss < 0.1
