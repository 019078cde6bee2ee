"""A tiny model and tokenizer that tell stories of a few tokens."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from storyteller.config import ModelConfig, TrainConfig
from storyteller.moe.layer import build_model
from storyteller.rl.rewards import Told
from storyteller.rl.rollouts import Prompt
from storyteller.rl.settings import ReinforceConfig
from storyteller.rl.trainer import ReinforceTrainer
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

CONFIG = ModelConfig(
    vocab_size=270, max_seq_len=24, d_model=16, n_layers=2, n_heads=2, n_kv_heads=1, d_ff=12, n_experts=4, top_k=2,
    init_std=0.3,
)  # fmt: skip
PROMPTS = [Prompt("the fox"), Prompt("the owl sat"), Prompt("")]


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the fox and the owl sat in the old tree until the rain went away"] * 3, vocab_size=270)


def small_model(**changes: Any) -> Decoder:
    return build_model(replace(CONFIG, **changes), seed=3).eval()


def small_config(train: dict[str, Any] | None = None, **changes: Any) -> ReinforceConfig:
    of_updates = {"steps": 4, "batch_size": 3, "learning_rate": 1e-3, "min_lr_ratio": 1.0, "warmup_ratio": 0.0,
                  "dtype": "float32", "checkpoint_every": 2}  # fmt: skip
    values = {"prompts": 2, "group_size": 4, "max_new_tokens": 12, "min_words": 0, "novelty_weight": 0.0,
              "positive_weight": 1.0}  # fmt: skip
    return ReinforceConfig(train=TrainConfig(**(of_updates | (train or {}))), **(values | changes))


def letters(stories: list[Told]) -> list[float]:
    """A reward that every model can learn: the share of letters "e"."""
    return [story.text.count("e") / max(1, len(story.text)) for story in stories]


def small_trainer(folder: Path | None = None, **options: Any) -> ReinforceTrainer:
    given = {name: options.pop(name) for name in ("on_event", "parallel_microbatches", "reference") if name in options}
    model = options.pop("model", None) or small_model()
    reward = options.pop("reward", letters)
    prompts = options.pop("from_prompts", PROMPTS)
    return ReinforceTrainer(
        model, tokenizer(), prompts, {"letters": (reward, 1.0)}, small_config(**options), folder=folder, **given
    )
