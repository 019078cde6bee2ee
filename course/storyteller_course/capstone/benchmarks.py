"""A realistic piece of work for each part, as it comes up in training: what speed and results are compared on.

A trial is given a part and makes a function without arguments, which does the work once and gives its result,
gradients included. The sizes are those of the `tiny` preset.
"""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from storyteller.config import ModelConfig, preset
from storyteller.corpus.load import load_stories
from storyteller.moe.dispatch import Experts
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.attention import rope_table
from storyteller.transformer.decoder import Decoder
from storyteller_course.capstone.library_forms import train_bpe
from storyteller_course.capstone.roles import ROLE_OF
from storyteller_course.lesson_tools.training_basics import WithBalance

Part = Callable[..., Any]
Work = Callable[[], Any]

T, H, K, E, VISITS, V = 320, 4, 32, 8, 2, 2048  # tokens, heads, their width, experts, visits a token, vocabulary
D = H * K
N_STORIES, N_MERGES = 60, 60


def same(first: Any, second: Any) -> bool:
    """Do two results agree, numbers up to what rounding may do to them?"""
    (ones, shape), (others, other_shape) = tree_flatten(first), tree_flatten(second)
    if shape != other_shape:
        return False
    return all(_close(one, other) for one, other in zip(ones, others, strict=True))


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape:
            return False
        return torch.allclose(one.double(), other.double(), rtol=1e-3, atol=1e-5, equal_nan=True)
    if isinstance(one, float) or isinstance(other, float):
        return bool(abs(one - other) <= 1e-5 + 1e-3 * abs(other))
    return bool(one == other)


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _with_gradients(part: Part, *inputs: Tensor, extra: Sequence[Any] = (), **options: Any) -> Work:
    """The output for some tensors, and the gradients of its sum by those that have any."""
    leaves = [one.detach().clone().requires_grad_() if one.is_floating_point() else one for one in inputs]
    wanted = [one for one in leaves if one.requires_grad]

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


def _experts() -> Experts:
    d_ff = _config().d_ff
    return Experts(_random(E, 2 * d_ff, D, seed=3) / 8, _random(E, D, d_ff, seed=4) / 8)


def _routed(seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """The router's logits and probabilities of all tokens, (T, E) each, and the experts that they visit, (T, k)."""
    logits = _random(T, E, seed=seed)
    return logits, logits.softmax(-1), logits.topk(VISITS).indices


def _learn(part: Part) -> Work:
    return lambda: [tuple(pair) for pair in part(list(_texts()), N_MERGES)]


def _encode(part: Part) -> Work:
    return lambda: [list(part(text, list(_merges()))) for text in _texts()[:8]]


def _decode(part: Part) -> Work:
    ids = Tokenizer.train(_texts(), vocab_size=256 + N_MERGES + 1).encode(_texts()[0])
    return lambda: part(list(ids), list(_merges()))


def _attend(part: Part) -> Work:
    return _with_gradients(part, *(_random(1, H, T, K, seed=seed) for seed in range(3)), causal=True)


def _rope(part: Part) -> Work:
    return _with_gradients(part, _random(1, 2 * H, T, K), extra=rope_table(K, T, 10_000.0))


def _norm(part: Part) -> Work:
    return _with_gradients(part(D, eps=1e-5), _random(1, T, D))


def _route(part: Part) -> Work:
    return _with_gradients(part, _routed()[0], extra=(VISITS,))


def _dispatch(part: Part) -> Work:
    logits, _, experts = _routed()
    weights = logits.topk(VISITS).values.softmax(-1)
    run = _experts()
    return _with_gradients(lambda x, w: part(x, w, experts, run), _random(T, D), weights)


def _layer(part: Part) -> Work:
    made = part(_config(), 0)
    with torch.no_grad():
        for seed, parameter in enumerate(made.parameters()):
            parameter.copy_(_random(*parameter.shape, seed=seed) / 8)
    return _with_gradients(made, _random(1, T, D))


def _balance(part: Part) -> Work:
    _, probs, experts = _routed()
    return _with_gradients(part, probs, extra=(experts,))


def _z(part: Part) -> Work:
    return _with_gradients(part, _routed()[0])


def _loss(part: Part) -> Work:
    targets = torch.randint(V, (1, T), generator=torch.Generator().manual_seed(5))
    return _with_gradients(part, _random(1, T, V), extra=(targets,))


def _model() -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    """A small model as lesson 04 calls it, and two batches for it."""
    model = WithBalance(copy.deepcopy(_built()))
    ids = torch.randint(V, (2, 1, 65), generator=torch.Generator().manual_seed(6))
    return model, [(one[:, :-1], one[:, 1:]) for one in ids]


@cache
def _built() -> Decoder:
    return build_model(_config(), seed=1)


def _accumulate(part: Part) -> Work:
    model, batches = _model()

    def work() -> Any:
        loss = part(model, batches)
        return float(loss), [parameter.grad for parameter in model.parameters()]

    return work


def _clip(part: Part) -> Work:
    shapes = [(V, D), *[(D, D)] * 8, *[(D,)] * 5]
    gradients = [_random(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    return lambda: part([gradient.clone() for gradient in gradients], 1.0)


def _groups(part: Part) -> Work:
    model = _built()
    return lambda: [(len(group["params"]), group["weight_decay"]) for group in part(model, 0.1)]


def _adamw(part: Part) -> Work:
    parameter, gradient = _random(V, D), _random(V, D, seed=1)

    def work() -> Any:
        new, state = part(parameter, gradient, {}, lr=1e-3)
        return part(new, gradient, state, lr=1e-3)[0]

    return work


def _schedule(part: Part) -> Work:
    return lambda: [float(part(step, steps=300, warmup=20, final=0.1)) for step in range(300)]


def _pack(part: Part) -> Work:
    documents = [list(range(300, 500))] * 50
    return lambda: part(documents, 0, 64)


def _evaluate(part: Part) -> Work:
    model, batches = _model()
    return lambda: part(model, batches, "x" * 400)


def _filter(*value: float) -> Callable[[Part], Work]:
    return lambda part: lambda: part(_random(1, V), *value)


def _penalty(part: Part) -> Work:
    return lambda: part(_random(1, V), _random(1, V, seed=1) > 0, 1.2)


def _choose(part: Part) -> Work:
    return lambda: part(_random(8, V), torch.zeros(8, V, dtype=torch.bool), [], torch.rand(8, generator=_seeded()))


def _generate(part: Part) -> Work:
    table = _random(V, V, seed=2)
    prompts = torch.arange(8).view(2, 4)
    draws = torch.rand(2, 12, generator=_seeded())
    return lambda: part(lambda ids: table[ids], prompts, [], draws, stop=0, context=16)


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


TRIALS: dict[str, Callable[[Part], Work]] = {
    "train_bpe": _learn,
    "train_bpe_fast": _learn,
    "encode": _encode,
    "decode": _decode,
    "attend": _attend,
    "apply_rope": _rope,
    "RMSNorm": _norm,
    "route_top_k": _route,
    "dispatch_sorted": _dispatch,
    "MoELayer": _layer,
    "load_balancing_loss": _balance,
    "router_z_loss": _z,
    "cross_entropy": _loss,
    "accumulate": _accumulate,
    "clip_gradients": _clip,
    "decay_groups": _groups,
    "adamw_step": _adamw,
    "learning_rate": _schedule,
    "pack": _pack,
    "evaluate": _evaluate,
    "apply_temperature": _filter(0.8),
    "keep_top_k": _filter(50),
    "keep_top_p": _filter(0.9),
    "keep_min_p": _filter(0.1),
    "penalize_repetition": _penalty,
    "choose": _choose,
    "generate": _generate,
}
assert TRIALS.keys() == ROLE_OF.keys()
