"""A run whose model has learned nothing, for the tests of telling."""

from pathlib import Path

from storyteller.config import ModelConfig, to_dict
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.training.checkpoint import Checkpoint, model_weights, save_checkpoint


def make_run(folder: Path, *, n_experts: int = 4, max_seq_len: int = 64) -> Path:
    """Save tokenizer and checkpoint of an untrained model."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.train(["the fox and the owl sat in the old tree"] * 3, vocab_size=270)
    tokenizer.save(folder / "tokenizer.json")
    config = ModelConfig(
        vocab_size=270, max_seq_len=max_seq_len, d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=8,
        n_experts=n_experts, top_k=2,
    )  # fmt: skip
    values = {"tokenizer": tokenizer.fingerprint, "model_config": to_dict(config)}
    weights = model_weights(build_model(config, seed=1))
    save_checkpoint(folder, Checkpoint(step=1, weights=weights, state={}, values=values))
    return folder
