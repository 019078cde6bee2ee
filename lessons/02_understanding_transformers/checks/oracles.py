"""Oracles that several exercises share: other ways to the same results."""

import torch
import torch.nn.functional as F

from storyteller.config import ModelConfig
from storyteller_course import equal, shaped, true


def gradients_of(function, *inputs, cotangent):
    """Outputs and gradients of a function of tensors, by PyTorch."""
    inputs = [one.detach().requires_grad_() for one in inputs]
    return torch.autograd.grad((function(*inputs) * cotangent).sum(), inputs)


def cos_and_sin(n_tokens, head_dim):
    """cos and sin of RoPE for the positions 0 to T - 1, with a base so small that all pairs turn visibly."""
    speeds = torch.tensor([50.0 ** (-2 * i / head_dim) for i in range(head_dim // 2)])
    angle = torch.arange(n_tokens)[:, None] * speeds  # (T, Dh/2)
    return angle.cos(), angle.sin()


def config_of(d_model, n_heads, d_ff, *, vocab_size=8, n_layers=1, max_seq_len=16):
    """The library's dense model of this shape."""
    return ModelConfig(
        vocab_size=vocab_size, max_seq_len=max_seq_len, d_model=d_model, n_layers=n_layers, n_heads=n_heads,
        n_kv_heads=n_heads, d_ff=d_ff, n_experts=0,
    )  # fmt: skip


def sees_no_future(module, x, place, *, rope):
    """The output at one place, (B, T, D), depends on token 0 and on none after that place, by its gradients."""
    cotangent = torch.zeros_like(x)
    cotangent[:, place] = 1.0
    [gradient] = module.gradients(x, cotangent=cotangent, rope=rope).inputs
    shaped(gradient, x.shape, "the gradient of x")
    ahead = gradient[:, place + 1 :]
    equal(ahead, torch.zeros_like(ahead), f"the gradient of output {place} by the tokens after it")
    true(gradient[:, 0].abs().sum() > 0, f"Output {place} does not depend on token 0.", got=gradient)


def head_by_head(q, k, v, n_heads, causal=False):
    """Cut the features by hand, attend in each slice, and join."""
    slices = [[part.chunk(n_heads, dim=-1)[head] for part in (q, k, v)] for head in range(n_heads)]
    return torch.cat([F.scaled_dot_product_attention(*one, is_causal=causal) for one in slices], dim=-1)


def projections(draw, d_model):
    """Weights for a multi-head attention."""
    return {f"{name}.weight": draw.tensor(d_model, d_model, scale=0.3) for name in ("q", "k", "v", "out")}


def loaded(student, name, *args, state):
    """The student's module with these weights."""
    module = student.new(name, *args)
    module.load(state)
    return module


def gated(draw, d_model, d_ff):
    """Weights for the feed-forward part of a block."""
    shapes = {"gate": (d_ff, d_model), "up": (d_ff, d_model), "down": (d_model, d_ff)}
    return {f"{name}.weight": draw.tensor(*shape, scale=0.5) for name, shape in shapes.items()}


def block_state(draw, d_model, d_ff, prefix=""):
    """Weights for a block."""
    parts = {
        "attention": projections(draw, d_model),
        "attention_norm": {"weight": draw.tensor(d_model) + 1.5},
        "feed_forward_norm": {"weight": draw.tensor(d_model) + 1.5},
    }
    named = {f"{prefix}{part}.{name}": one for part, state in parts.items() for name, one in state.items()}
    return named | {f"{prefix}{name}": one for name, one in gated(draw, d_model, d_ff).items()}
