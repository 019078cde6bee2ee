"""A run that takes milliseconds, for the tests of training."""

from pathlib import Path
from typing import Any

import numpy as np

from storyteller.config import ModelConfig, TrainConfig
from storyteller.moe.layer import build_model
from storyteller.runs.run_config import RunConfig
from storyteller.training.batches import InMemoryTokens, TrainingBatches, validation_batches
from storyteller.training.components import TrainerComponents
from storyteller.training.trainer import Trainer

VOCABULARY = 31
SEQ_LEN = 8

# A whole run, from the corpus to stories, in about a second.
PLAN = RunConfig(
    preset="tiny",
    corpus="storyworld",
    stories=40,
    model=ModelConfig(
        vocab_size=400, max_seq_len=32, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_ff=8, n_experts=2, top_k=1
    ),
    train=TrainConfig(steps=6, batch_size=2, dtype="float32", checkpoint_every=3, evaluate_every=3),
)


def tiny_model_config(**changes: Any) -> ModelConfig:
    values: dict[str, Any] = {
        "vocab_size": VOCABULARY, "max_seq_len": 16, "d_model": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1,
        "d_ff": 12, "n_experts": 4, "top_k": 2,
    }  # fmt: skip
    return ModelConfig(**(values | changes))


def tiny_train_config(**changes: Any) -> TrainConfig:
    values = {"steps": 6, "batch_size": 2, "dtype": "float32", "checkpoint_every": 2, "evaluate_every": 3}
    return TrainConfig(**(values | changes))


def tiny_source(*, documents: int = 20, seed: int = 0) -> InMemoryTokens:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 3 * SEQ_LEN, size=documents)
    return InMemoryTokens.pack([random.integers(1, VOCABULARY, size=n).tolist() for n in lengths], end_id=0)


def tiny_trainer(
    folder: Path | None = None, *, model: dict[str, Any] | None = None, device: str = "cpu", **options: Any
) -> Trainer:
    """A trainer of a tiny model. Fields of TrainConfig and of TrainerComponents among the options go into these."""
    fields, components = (
        {name: options.pop(name) for name in list(options) if name in kind.__dataclass_fields__}
        for kind in (TrainConfig, TrainerComponents)
    )
    config = tiny_train_config(**fields)
    batches = TrainingBatches(tiny_source(), batch_size=config.batch_size, seq_len=SEQ_LEN, seed=config.seed)
    options.setdefault("validation", validation_batches(tiny_source(seed=9), batch_size=3, seq_len=SEQ_LEN))
    decoder = build_model(tiny_model_config(**(model or {})), seed=config.seed).to(device)
    return Trainer(decoder, config, batches, folder=folder, components=TrainerComponents(**components), **options)
