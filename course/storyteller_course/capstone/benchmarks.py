"""A realistic piece of work for each part, as it comes up in training: what the results are compared on.

A trial is given a part and makes a function without arguments, which does the work once and gives its result,
gradients included. The sizes are those of the `tiny` preset.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from storyteller.config import ModelConfig, preset
from storyteller.corpus.load import load_stories
from storyteller.moe.dispatch import Experts
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.training.losses import WithAuxiliaryLoss
from storyteller.transformer.attention import rope_table
from storyteller.transformer.decoder import Decoder
from storyteller_course.capstone.roles import train_bpe

Part = Callable[..., Any]
Work = Callable[[], Any]

T, H, DH, E, K, V = 320, 4, 32, 8, 2, 2048  # tokens, heads, their width, experts, experts of a token, vocabulary
D = H * DH
N_STORIES, N_MERGES = 60, 60


TRIALS: dict[str, Callable[[Part], Work]] = {}  # by the name of the part


def trial_for(*names: str, **options: float) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    """Make a function the trial of these parts."""

    def register(trial: Callable[..., Work]) -> Callable[..., Work]:
        TRIALS.update(dict.fromkeys(names, partial(trial, **options)))
        return trial

    return register


def same(first: Any, second: Any) -> bool:
    """Do two results agree, numbers up to what rounding may do to them?"""

    def close(value: Any, other: Any) -> bool:
        if isinstance(value, Tensor) and isinstance(other, Tensor):
            if value.shape != other.shape:
                return False
            return torch.allclose(value.double(), other.double(), rtol=1e-3, atol=1e-5, equal_nan=True)
        if isinstance(value, float) or isinstance(other, float):
            return bool(abs(value - other) <= 1e-5 + 1e-3 * abs(other))
        return bool(value == other)

    (values, shape), (others, other_shape) = tree_flatten(first), tree_flatten(second)
    return shape == other_shape and all(close(value, other) for value, other in zip(values, others, strict=True))


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _with_gradients(part: Part, *inputs: Tensor, extra: Sequence[Any] = (), **options: Any) -> Work:
    """The output for some tensors, and the gradients of its sum by those that have any."""
    leaves = [x.detach().clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]

    def work() -> Any:
        output = part(*leaves, *extra, **options)
        first = output[0] if isinstance(output, tuple) else output
        return first.detach(), torch.autograd.grad(first.square().sum(), wanted)

    return work


@cache
def _texts() -> tuple[str, ...]:
    return tuple(story.text for story in load_stories("storyworld-small:everyday", limit=N_STORIES))


@cache
def _merges() -> tuple[tuple[int, int], ...]:
    return tuple(train_bpe(list(_texts()), N_MERGES))


@cache
def _config() -> ModelConfig:
    return preset("tiny").model


def _routed(seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """The router's logits and probabilities, (T, E) each, and the experts that each token is routed to, (T, k)."""
    logits = _random(T, E, seed=seed)
    return logits, logits.softmax(-1), logits.topk(K).indices


@trial_for("train_bpe", "train_bpe_fast")
def _train_bpe(part: Part) -> Work:
    return lambda: [tuple(pair) for pair in part(list(_texts()), N_MERGES)]


@trial_for("encode")
def _encode(part: Part) -> Work:
    return lambda: [list(part(text, list(_merges()))) for text in _texts()[:8]]


@trial_for("decode")
def _decode(part: Part) -> Work:
    ids = Tokenizer.train(_texts(), vocab_size=256 + N_MERGES + 1).encode(_texts()[0])
    return lambda: part(list(ids), list(_merges()))


@trial_for("attend")
def _attend(part: Part) -> Work:
    return _with_gradients(part, *(_random(1, H, T, DH, seed=seed) for seed in range(3)), causal=True)


@trial_for("apply_rope")
def _apply_rope(part: Part) -> Work:
    return _with_gradients(part, _random(1, 2 * H, T, DH), extra=rope_table(DH, T, 10_000.0))


@trial_for("RMSNorm")
def _norm(part: Part) -> Work:
    return _with_gradients(part(D, eps=1e-5), _random(1, T, D))


@trial_for("route_top_k")
def _route_top_k(part: Part) -> Work:
    return _with_gradients(part, _routed()[0], extra=(K,))


@trial_for("dispatch_sorted")
def _dispatch_sorted(part: Part) -> Work:
    logits, _, experts = _routed()
    weights = logits.topk(K).values.softmax(-1)
    d_ff = _config().d_ff
    run = Experts(_random(E, 2 * d_ff, D, seed=3) / 8, _random(E, D, d_ff, seed=4) / 8)
    return _with_gradients(lambda x, w: part(x, w, experts, run), _random(T, D), weights)


@trial_for("MoELayer")
def _layer(part: Part) -> Work:
    made = part(_config(), 0)
    with torch.no_grad():
        for seed, parameter in enumerate(made.parameters()):
            parameter.copy_(_random(*parameter.shape, seed=seed) / 8)
    return _with_gradients(made, _random(1, T, D))


@trial_for("load_balancing_loss")
def _load_balancing_loss(part: Part) -> Work:
    _, probs, experts = _routed()
    return _with_gradients(part, probs, extra=(experts,))


@trial_for("router_z_loss")
def _router_z_loss(part: Part) -> Work:
    return _with_gradients(part, _routed()[0])


@trial_for("cross_entropy")
def _cross_entropy(part: Part) -> Work:
    targets = torch.randint(V, (1, T), generator=torch.Generator().manual_seed(5))
    return _with_gradients(part, _random(1, T, V), extra=(targets,))


def _model() -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    """A small model as lesson 04 calls it, and two batches for it."""
    model = WithAuxiliaryLoss(copy.deepcopy(_built()))
    ids = torch.randint(V, (2, 1, 65), generator=torch.Generator().manual_seed(6))
    return model, [(row[:, :-1], row[:, 1:]) for row in ids]


@cache
def _built() -> Decoder:
    return build_model(_config(), seed=1)


@trial_for("accumulate")
def _accumulate(part: Part) -> Work:
    model, batches = _model()

    def work() -> Any:
        loss = part(model, batches)
        return float(loss), [parameter.grad for parameter in model.parameters()]

    return work


@trial_for("clip_gradients")
def _clip_gradients(part: Part) -> Work:
    shapes = [(V, D), *[(D, D)] * 8, *[(D,)] * 5]
    gradients = [_random(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    return lambda: part([gradient.clone() for gradient in gradients], 1.0)


@trial_for("decay_groups")
def _decay_groups(part: Part) -> Work:
    model = _built()
    return lambda: [(len(group["params"]), group["weight_decay"]) for group in part(model, 0.1)]


@trial_for("adamw_step")
def _adamw_step(part: Part) -> Work:
    parameter, gradient = _random(V, D), _random(V, D, seed=1)

    def work() -> Any:
        new, state = part(parameter, gradient, {}, lr=1e-3)
        return part(new, gradient, state, lr=1e-3)[0]

    return work


@trial_for("learning_rate")
def _learning_rate(part: Part) -> Work:
    return lambda: [float(part(step, steps=300, warmup=20, min_lr_ratio=0.1)) for step in range(300)]


@trial_for("evaluate")
def _evaluate(part: Part) -> Work:
    model, batches = _model()
    return lambda: part(model, batches, "x" * 400)


@trial_for("penalize_repetition")
def _penalize_repetition(part: Part) -> Work:
    return lambda: part(_random(1, V), _random(1, V, seed=1) > 0, 1.2)


@trial_for("choose")
def _choose(part: Part) -> Work:
    return lambda: part(_random(8, V), torch.zeros(8, V, dtype=torch.bool), [], torch.rand(8, generator=_seeded()))


@trial_for("generate")
def _generate(part: Part) -> Work:
    table = _random(V, V, seed=2)
    prompts = torch.arange(8).view(2, 4)
    draws = torch.rand(2, 12, generator=_seeded())
    return lambda: part(lambda ids: table[ids], prompts, [], draws, stop=0, context=16)


@trial_for("attend_cached")
def _attend_cached(part: Part) -> Work:
    cos, sin = rope_table(DH, T, 10_000.0)
    q, k, v = (_random(1, H, T, DH, seed=seed) for seed in range(3))

    def work() -> Any:
        first, cache = part(q[:, :, : T // 2], k[:, :, : T // 2], v[:, :, : T // 2], None, cos, sin)
        rest, _ = part(q[:, :, T // 2 :], k[:, :, T // 2 :], v[:, :, T // 2 :], cache, cos, sin)
        return first, rest

    return work


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@trial_for("apply_temperature", strength=0.8)
@trial_for("keep_top_k", strength=50)
@trial_for("keep_top_p", strength=0.9)
@trial_for("keep_min_p", strength=0.1)
def _filter(part: Part, *, strength: float) -> Work:
    return lambda: part(_random(1, V), strength)
