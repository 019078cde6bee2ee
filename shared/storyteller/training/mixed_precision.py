"""Mixed precision: products in 16 bits where that is faster, weights and sums in 32."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16", "float16"]


def autocast(device: torch.device, dtype: str) -> AbstractContextManager:
    """Context manager: matrix products are computed in `dtype` ("float32", "bfloat16" or "float16").

    Source: Micikevicius et al., "Mixed Precision Training".
    """
    return torch.autocast(device.type, dtype=getattr(torch, dtype), enabled=dtype != "float32")


def grad_scaler(device: torch.device, dtype: str) -> torch.amp.GradScaler:
    """Scales the loss under float16, whose smallest number is 6e-8: small gradients would become 0. Else does nothing.

    Source: Micikevicius et al., "Mixed Precision Training", section 3.2.
    """
    return torch.amp.GradScaler(device.type, enabled=dtype == "float16")


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Context manager: numbers too small for float32's exponent count as 0 on this thread, where the CPU can do that.

    Once a model is sure of its next token, most of the vocabulary's probabilities are below 1e-38. Such denormal
    numbers make no difference to a gradient, and take a processor ten times as long.
    """
    smallest = torch.tensor(1e-45)
    was_on = bool(smallest * 1.0 == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(was_on)
