"""What a model costs before it is built: parameters, arithmetic, memory and hours, by formula.

    >>> from storyteller.config import preset
    >>> parameters = count_parameters(preset("full").model)
    >>> f"{parameters.total:,} in all, {parameters.active:,} for a token"
    '505,965,312 in all, 166,226,688 for a token'

Legend: `B` batch, `T` tokens in a sequence, `N` = B*T tokens flattened, `D` model width, `H` query heads, `G` key and
value heads, `Dh` head width, `E` experts, `k` experts that a token is routed to, `F` feed-forward width, `V`
vocabulary, `L` layers.

Sources: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1 · Chowdhery et al. 2022, "PaLM",
appendix B · Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models", section 4 (how
activations are counted).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from storyteller.config import ModelConfig, Preset, TrainConfig

FLOAT32 = 4  # bytes
BYTES: Mapping[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A kind of machine, and the speed that a training run on it is assumed to have."""

    name: str
    flops: float  # floating-point operations a second; far below the maker's peak
    dtype: str  # of the matrix products


# Assumed: this course has been run on none of them. Far below the peak, since small matrices and a router keep no
# machine fully busy.
MACHINES = (
    Machine(name="CPU, 8 cores", flops=0.15e12, dtype="float32"),
    Machine(name="laptop GPU, 8 GB", flops=8e12, dtype="bfloat16"),
    Machine(name="H100", flops=100e12, dtype="bfloat16"),
)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """How many numbers a model has learned, by part."""

    embedding: int  # token embedding, learned positions, and the output layer where it is not tied
    attention: int  # all layers
    router: int  # all layers; 0 when dense
    feed_forward: int  # all layers, all experts, shared ones included
    active_feed_forward: int  # all layers, the experts that one token is routed to
    norms: int

    @property
    def total(self) -> int:
        """All of them: what has to be stored."""
        return self.embedding + self.attention + self.router + self.feed_forward + self.norms

    @property
    def active(self) -> int:
        """Those that one token passes through: what has to be computed with."""
        return self.total - self.feed_forward + self.active_feed_forward


def count_parameters(config: ModelConfig) -> Parameters:
    """Count a model's parameters without building it.

    A layer's attention has D*(H + 2G)*Dh weights for queries, keys and values and D*H*Dh for the output; an expert, or
    the dense feed-forward part, 3*D*F (gate, up and down); the router D*E; the two norms 2*D.
    """
    D, L, V, F = config.d_model, config.n_layers, config.vocab_size, config.d_ff
    qkv_width = (config.n_heads + 2 * config.n_kv_heads) * config.head_dim
    positions = config.max_seq_len * D if config.positions == "learned" else 0
    return Parameters(
        embedding=V * D * (1 if config.tie_embeddings else 2) + positions,
        attention=L * (D * qkv_width + D * D),
        router=L * D * config.n_experts,
        feed_forward=L * (max(1, config.n_experts) + config.n_shared_experts) * 3 * D * F,
        active_feed_forward=L * ((config.top_k if config.n_experts else 1) + config.n_shared_experts) * 3 * D * F,
        norms=(2 * L + 1) * D,
    )


def forward_flops(config: ModelConfig, *, context: float | None = None) -> float:
    """Floating-point operations to predict one token, a multiplication and an addition counted as two.

    2 for every weight that the token is multiplied with (active parameters without norms and lookups; the output layer
    counts, tied or not), and 4 * L * D * context for attention: each of the H heads multiplies Dh numbers twice, for
    the score and for the mix, for every token attended to. Softmax, norms and activations are left out as too few to
    matter.

    Args:
        config: the model's shape.
        context: tokens that the token attends to. By default the mean over a full causal sequence,
            (max_seq_len + 1) / 2.

    Source: Kaplan et al. 2020, section 2.1 and table 1, whose C_forward = 2N + 2 * L * n_ctx * D is the same with
    n_ctx = 2 * context; PaLM, appendix B, counts a full context (no causal saving) and so twice the attention.
    """
    context = (config.max_seq_len + 1) / 2 if context is None else context
    parameters = count_parameters(config)
    weights = parameters.attention + parameters.router + parameters.active_feed_forward
    return 2 * (weights + config.vocab_size * config.d_model) + 4 * config.n_layers * config.d_model * context


def training_flops(config: ModelConfig, *, gradient_checkpointing: bool = False) -> float:
    """Floating-point operations to train on one token: forward once, backward twice that (Kaplan et al., section 2.1).

    Gradient checkpointing computes the layers forward a second time (not the output layer).
    """
    forward = forward_flops(config)
    again = forward - 2 * config.vocab_size * config.d_model if gradient_checkpointing else 0
    return 3 * forward + again


@dataclass(frozen=True, kw_only=True)
class TrainingMemory:
    """Bytes that one training step holds at its peak."""

    weights: int  # float32
    gradients: int  # float32
    optimizer: int  # AdamW's two averages, float32
    activations: int  # kept for the backward pass

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations


def activation_bytes(
    config: ModelConfig, *, batch_size: int, seq_len: int, dtype: str = "bfloat16", gradient_checkpointing: bool = False
) -> int:
    """Bytes of activations at the peak of one forward and backward pass over N = batch_size * seq_len tokens.

    A layer keeps what its backward pass reads, for each token: see `_layer_numbers`. The output layer keeps its logits
    twice in float32 (the values and their gradient) and once in `dtype`. Under 16 bits, autocast also keeps a copy of
    the weights. With checkpointing, a layer keeps only its input in float32, and the peak is where the logits are or
    where one layer is recomputed, whichever is larger. Attention's scores are never kept
    (`scaled_dot_product_attention` recomputes them in blocks).

    On the CPU this and the gradients come to 0.7 to 1.5 times what a real step allocates; a test holds that.

    Args:
        config: the model's shape.
        batch_size: B
        seq_len: T
        dtype: of the matrix products.
        gradient_checkpointing: recompute each layer in the backward pass.

    Source: the way of counting is Korthikanti et al. 2022, section 4.1; the terms are this model's.
    """
    n_tokens = batch_size * seq_len
    narrow, wide = _layer_numbers(config)
    copies = 0 if dtype == "float32" else count_parameters(config).total * BYTES[dtype]
    layer = n_tokens * (narrow * BYTES[dtype] + wide * FLOAT32) + copies // config.n_layers
    logits = n_tokens * config.vocab_size * (2 * FLOAT32 + BYTES[dtype])
    if gradient_checkpointing:
        return config.n_layers * n_tokens * config.d_model * FLOAT32 + max(logits, layer)
    return config.n_layers * layer + logits


def _layer_numbers(config: ModelConfig) -> tuple[int, int]:
    """Numbers that one layer keeps for one token: those in the products' dtype, and those in float32."""
    D, F = config.d_model, config.d_ff
    k = config.n_shared_experts + (config.top_k if config.n_experts else 1)
    qkv = (config.n_heads + 2 * config.n_kv_heads) * config.head_dim
    # Queries, keys and values, then rotated (and keys and values repeated for every query head), then the mixed values.
    attention = qkv + 3 * D + D
    # For each expert routed to: the token, gate and up, silu(gate), their product, the output; dense needs no copies.
    feed_forward = k * (4 * F + (2 * D if config.n_experts else 0)) + D
    # The residual stream before and after each part, and each norm's result.
    return attention + feed_forward, 4 * D + 2 * config.n_experts


def training_memory(config: ModelConfig, train: TrainConfig, *, gradient_checkpointing: bool = False) -> TrainingMemory:
    """Bytes to train with AdamW, with the preset's batch size, in bfloat16 unless the run says otherwise."""
    weights = count_parameters(config).total * FLOAT32
    dtype = "bfloat16" if train.dtype == "auto" else train.dtype
    activations = activation_bytes(
        config,
        batch_size=train.batch_size,
        seq_len=config.max_seq_len,
        dtype=dtype,
        gradient_checkpointing=gradient_checkpointing,
    )
    return TrainingMemory(weights=weights, gradients=weights, optimizer=2 * weights, activations=activations)


def cache_bytes(config: ModelConfig, *, batch_size: int = 1, dtype: str = "float32") -> int:
    """Bytes of keys and values for `batch_size` texts of full length: 2 * L * B * T * G * Dh numbers."""
    kv_width = config.n_kv_heads * config.head_dim
    return 2 * config.n_layers * batch_size * config.max_seq_len * kv_width * BYTES[dtype]


def inference_memory(config: ModelConfig, *, batch_size: int = 1, dtype: str = "float32") -> int:
    """Bytes to generate: all weights (a token may be routed to any expert) and the cache of keys and values."""
    weights = count_parameters(config).total * BYTES[dtype]
    return weights + cache_bytes(config, batch_size=batch_size, dtype=dtype)


def training_tokens(preset: Preset) -> int:
    """Tokens that the preset's whole run reads at most, those read again in a later epoch included.

    With `align_documents`, sequences end with their story and have fewer than `max_seq_len`.
    """
    train = preset.train
    return train.steps * train.grad_accum_steps * train.batch_size * preset.model.max_seq_len


def training_hours(preset: Preset, machine: Machine) -> float:
    """Hours that the preset's whole run would take at the machine's assumed speed: tokens * FLOPs a token / speed."""
    per_token = training_flops(preset.model, gradient_checkpointing=preset.train.gradient_checkpointing)
    return training_tokens(preset) * per_token / machine.flops / 3600


def count(number: float) -> str:
    """A large number in three digits.

    >>> count(14_925_056), count(505_965_312), count(3.9e9), count(950)
    ('14.9 million', '506 million', '3.9 billion', '950')
    """
    for scale, name in ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if number >= scale:
            return f"{number / scale:.3g}{name}"
    return f"{number:.3g}"


def size(n_bytes: float) -> str:
    """Bytes, in the unit that suits.

    >>> size(2_175_000_000), size(11_800_000)
    ('2.2 GB', '12 MB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def duration(hours: float) -> str:
    """Hours, in the unit that suits.

    >>> duration(0.03), duration(16.9), duration(1444), duration(0.001)
    ('2 minutes', '17 hours', '60 days', 'under a minute')
    """
    if hours * 60 < 1:
        return "under a minute"
    if hours < 1.5:
        return f"{hours * 60:.0f} minutes"
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"
