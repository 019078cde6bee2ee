"""Slow and obviously right forms that several tests compare with."""

import torch
from torch import Tensor


def dispatch_by_loop(x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: list) -> Tensor:
    """One token after the other: slow and obviously right."""
    out = torch.zeros_like(x)
    for n in range(x.size(0)):
        for weight, e in zip(gate_weights[n], expert_ids[n].tolist(), strict=True):
            if e < len(experts):
                out[n] = out[n] + weight.to(x.dtype) * experts[e](x[n : n + 1])[0]
    return out
