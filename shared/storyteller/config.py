"""Settings as frozen dataclasses, and the named presets.

    >>> from storyteller.config import preset
    >>> preset("tiny").model.n_experts
    8

Change one field with `dataclasses.replace(config, top_k=1)`; every construction is checked.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from storyteller.errors import StorytellerError, require

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of a decoder. `n_experts=0` gives the dense form (Mistral), more the Mixture of Experts (Mixtral)."""

    vocab_size: int  # V, special tokens included
    max_seq_len: int  # longest sequence the model sees, in tokens
    d_model: int  # D, width of the residual stream
    n_layers: int  # decoder blocks
    n_heads: int  # H, query heads
    n_kv_heads: int  # key and value heads; fewer than n_heads is grouped-query attention
    d_ff: int  # F, hidden width of one expert (of the whole feed-forward part when dense)
    n_experts: int = 8  # E, experts per layer; 0 is dense
    top_k: int = 2  # experts that each token is routed to
    router: Literal["softmax", "sigmoid"] = "softmax"  # how its logits become scores: as Mixtral's, or DeepSeek-V3's
    balance: Literal["loss", "bias"] = (
        "loss"  # what keeps the experts busy: a loss, or a bias on the choice (DeepSeek-V3)
    )
    n_shared_experts: int = 0  # experts beside the E that every token passes through, whatever the router chooses
    capacity_factor: float | None = None  # expert capacity over the even share N*k/E; None drops no token
    positions: Literal["rope", "learned"] = "rope"  # how the model knows the order of the tokens
    rope_base: float = 10_000.0  # theta of RoPE (RoFormer, section 3.2.2)
    norm_eps: float = 1e-5  # epsilon in RMSNorm
    tie_embeddings: bool = True  # the output layer shares the embedding's weights
    init_std: float = 0.02  # standard deviation of the initial weights
    # mimetic: attention begins as one that copies; induction: and that goes on as the story went on before
    init: Literal["normal", "mimetic", "induction"] = "normal"

    def __post_init__(self) -> None:
        for name in ("vocab_size", "max_seq_len", "d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff"):
            require(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; it must be 1 or more.")
        require(
            self.d_model % self.n_heads == 0 and self.head_dim % 2 == 0,
            f"d_model {self.d_model} over n_heads {self.n_heads} must be a whole, even head width.",
        )
        require(
            self.n_heads % self.n_kv_heads == 0,
            f"n_heads {self.n_heads} must be a multiple of n_kv_heads {self.n_kv_heads}.",
        )
        require(self.n_experts >= 0, f"n_experts is {self.n_experts}; it must be 0 (dense) or more.")
        require(
            not self.n_experts or 1 <= self.top_k <= self.n_experts,
            f"top_k is {self.top_k}; it must be between 1 and n_experts ({self.n_experts}).",
        )
        require(self.router in ("softmax", "sigmoid"), f"router is {self.router!r}; it must be 'softmax' or 'sigmoid'.")
        require(self.balance in ("loss", "bias"), f"balance is {self.balance!r}; it must be 'loss' or 'bias'.")
        require(
            self.n_shared_experts >= 0 and (self.n_experts > 0 or not self.n_shared_experts),
            f"n_shared_experts is {self.n_shared_experts}; it must be 0 or more, and 0 in a dense model.",
        )
        require(
            self.capacity_factor is None or self.capacity_factor > 0,
            f"capacity_factor is {self.capacity_factor}; it must be above 0, or None to drop no token.",
        )
        require(
            self.positions in ("rope", "learned"),
            f"positions is {self.positions!r}; it must be 'rope' or 'learned'.",
        )
        require(
            self.init in ("normal", "mimetic", "induction"),
            f"init is {self.init!r}; it must be 'normal', 'mimetic' or 'induction'.",
        )

    @property
    def head_dim(self) -> int:
        """Dh, the width of one attention head."""
        return self.d_model // self.n_heads


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained. A step is one update of the weights, from `grad_accum_steps` batches."""

    steps: int  # updates of the weights in the whole run
    batch_size: int = 8  # sequences in one forward pass
    grad_accum_steps: int = 1  # forward passes before one update
    learning_rate: float = 3e-3  # the highest rate, reached after the warmup
    min_lr_ratio: float = 0.1  # rate at the end, as a share of learning_rate
    warmup_ratio: float = 0.05  # share of the steps in which the rate climbs from 0
    weight_decay: float = 0.1  # AdamW's decay, on matrices only
    beta1: float = 0.9  # AdamW's memory of the gradient
    beta2: float = 0.95  # AdamW's memory of its square
    max_grad_norm: float = 1.0  # largest global norm of the gradient
    balance_weight: float = 0.01  # weight of the router's load-balance loss
    balance_scope: Literal["local", "global"] = "local"  # that loss over each forward pass, or over the whole step
    z_weight: float = 0.001  # weight of the router's z-loss
    bias_rate: float = 0.001  # of a model with balance "bias": what a step adds to or takes off an expert's bias
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # auto: the one in which a step is fastest
    align_documents: bool = False  # one story a training sequence, from its beginning; for stories that fit into one
    gradient_checkpointing: bool = False  # recompute activations instead of keeping them
    compile: Literal["auto", "on", "off"] = "auto"  # each block by torch.compile; auto: on a GPU with a compiler
    evaluate_every: int = 200  # steps between evaluations on the validation split
    checkpoint_every: int = 200  # steps between checkpoints
    async_checkpoints: bool = False  # write them while training goes on, from a copy of weights and optimizer
    keep_checkpoints: int = 2  # checkpoints kept on disk; at least 2, so that a damaged one has a predecessor
    seed: int = 1  # decides the initial weights and the order of the data

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "grad_accum_steps", "evaluate_every", "checkpoint_every"):
            require(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; it must be 1 or more.")
        require(self.learning_rate > 0, f"learning_rate is {self.learning_rate}; it must be above 0.")
        require(
            0 <= self.warmup_ratio <= 1, f"warmup_ratio is {self.warmup_ratio}; it is a share of the steps, 0 to 1."
        )
        require(0 <= self.min_lr_ratio <= 1, f"min_lr_ratio is {self.min_lr_ratio}; it is a share, 0 to 1.")
        require(
            self.max_grad_norm > 0,
            f"max_grad_norm is {self.max_grad_norm}; it must be above 0 (use a large number for no clipping).",
        )
        require(
            self.balance_scope in ("local", "global"),
            f"balance_scope is {self.balance_scope!r}; it must be 'local' or 'global'.",
        )
        require(self.keep_checkpoints >= 2, f"keep_checkpoints is {self.keep_checkpoints}; it must be 2 or more.")
        require(
            self.dtype in ("auto", "float32", "bfloat16", "float16"),
            f"dtype is {self.dtype!r}; it must be auto, float32, bfloat16 or float16.",
        )
        require(0 <= self.seed < 2**63, f"seed is {self.seed}; it must be 0 or more, and below 2 to the 63.")
        require(self.compile in ("auto", "on", "off"), f"compile is {self.compile!r}; it must be auto, on or off.")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model and the run that trains it."""

    name: str
    about: str  # one line for `storyteller info`
    model: ModelConfig
    train: TrainConfig
    corpus: str = "storyworld"  # what `load_stories` reads by default
    stories: int = 60_000  # training stories taken from an endless corpus


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="tiny",
            about="make story: three minutes of training on two CPU cores",
            model=ModelConfig(
                vocab_size=2048,
                max_seq_len=336,  # of 6,000 stories of its corpus the longest has 260 tokens
                d_model=128,
                n_layers=2,
                n_heads=4,
                n_kv_heads=4,
                d_ff=128,
                init_std=0.06,
                init="induction",
            ),
            # Two stories a step, for many steps in a short time; where there are two cores, side by side. The gradient
            # of two stories is noisy, which is why AdamW remembers its square for longer than usual.
            train=TrainConfig(
                steps=3_000,
                batch_size=1,
                grad_accum_steps=2,
                learning_rate=4e-3,
                min_lr_ratio=0.0,
                beta2=0.99,
                align_documents=True,
                evaluate_every=1_500,
                checkpoint_every=250,
            ),
            corpus="storyworld-tales-small",
            stories=20_000,
        ),
        Preset(
            name="small",
            about="about 15 million parameters: an evening on a CPU, minutes on a GPU, by estimate",
            model=ModelConfig(
                vocab_size=4096, max_seq_len=512, d_model=256, n_layers=6, n_heads=8, n_kv_heads=4, d_ff=344
            ),
            train=TrainConfig(steps=5_000, batch_size=32, learning_rate=2e-3),
            corpus="tinystories",
            stories=500_000,
        ),
        Preset(
            name="base",
            about="about 115 million parameters: a night on one laptop GPU, by estimate",
            model=ModelConfig(
                vocab_size=16_384, max_seq_len=1024, d_model=512, n_layers=8, n_heads=8, n_kv_heads=4, d_ff=1024
            ),
            train=TrainConfig(steps=15_000, batch_size=8, grad_accum_steps=8, learning_rate=1e-3),
            corpus="tinystories",
            stories=2_119_719,
        ),
        Preset(
            name="full",
            about="the course's 500M model: hours on one data-centre GPU, by estimate",
            model=ModelConfig(
                vocab_size=32_000, max_seq_len=2048, d_model=768, n_layers=12, n_heads=12, n_kv_heads=12, d_ff=2048
            ),
            train=TrainConfig(steps=8_000, batch_size=16, grad_accum_steps=8, learning_rate=4e-4, warmup_ratio=0.02),
            corpus="tinystories",
            stories=2_119_719,
        ),
    )
}


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        StorytellerError: there is none.
    """
    if name not in PRESETS:
        raise StorytellerError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]


# What fields were called in the files of version 0.1.0: `run.json` and a checkpoint's settings.
OLD_NAMES: Mapping[type, Mapping[str, str]] = {
    TrainConfig: {
        "accumulate": "grad_accum_steps",
        "final_rate": "min_lr_ratio",
        "warmup": "warmup_ratio",
        "clip": "max_grad_norm",
        "align": "align_documents",
    }
}


def with_current_names(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config as a file has them, under the names of this version."""
    names = OLD_NAMES.get(kind, {})
    return {names.get(name, name): value for name, value in values.items()}


def to_dict(config: ModelConfig | TrainConfig) -> dict[str, Any]:
    """The fields as plain data, for JSON."""
    return asdict(config)


def from_dict(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a config from plain data such as a JSON file holds, an older version's included.

    Raises:
        StorytellerError: a field is unknown or missing, or a value is out of range.
    """
    values = with_current_names(kind, values)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - known):
        raise StorytellerError(f"{kind.__name__} has no field {', '.join(unknown)}; it was written by another version.")
    try:
        return kind(**values)
    except TypeError as error:
        raise StorytellerError(f"{kind.__name__} cannot be built from this file: {error}.") from None
