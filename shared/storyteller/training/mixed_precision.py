"""Mixed precision: products in 16 bits where that is faster, weights and sums in 32."""

import time
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import nn

Precision = Literal["float32", "bfloat16", "float16"]


def autocast(device: torch.device, dtype: str) -> AbstractContextManager:
    """Within it, matrix products are computed in `dtype` ("float32", "bfloat16" or "float16").

    Source: Micikevicius et al., "Mixed Precision Training".
    """
    return torch.autocast(device.type, dtype=getattr(torch, dtype), enabled=dtype != "float32")


def grad_scaler(device: torch.device, dtype: str) -> torch.amp.GradScaler:
    """Scales the loss under float16, whose smallest number is 6e-8: small gradients would become 0. Else does nothing.

    Source: Micikevicius et al., "Mixed Precision Training", section 3.2.
    """
    return torch.amp.GradScaler(device.type, enabled=dtype == "float16")


def probe_dtype(device: torch.device | str, *, seconds: float = 1.0) -> Precision:
    """The dtype in which this machine trains fastest, found by trying.

    Processors without bfloat16 instructions emulate them and may be several times slower than in float32, and no flag
    says so on every platform. So a small feed-forward network is trained in turns with both, for at most `seconds`.
    A CUDA device needs no trial: bfloat16 if it has it, else float16. Two calls on a busy machine may differ; what a
    run began with is kept in its checkpoints.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device.type != "cpu":  # autocast is young on other devices; float32 always works
        return "float32"
    with torch.random.fork_rng(devices=[]):
        width, rows = 128, 1024  # the shapes of the tiny preset
        model = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        x = torch.randn(rows, width)
    best = {"float32": float("inf"), "bfloat16": float("inf")}
    end = time.perf_counter() + seconds
    for trial in range(50):
        for dtype in best:
            started = time.perf_counter()
            with autocast(device, dtype):
                loss = model(x).square().mean()
            loss.backward()
            if trial:  # the first round warms up
                best[dtype] = min(best[dtype], time.perf_counter() - started)
        if trial and time.perf_counter() > end:
            break
    # A tie goes to float32, which rounds less.
    return "bfloat16" if best["bfloat16"] < 0.9 * best["float32"] else "float32"
