"""Weights in 8 bits: each row of a matrix as whole numbers from -127 to 127, times one scale.

Symmetric quantization by row: the scale is the row's largest magnitude / 127, so 0 stays 0. Norms and routers stay in
float32: they are small, and a router that is rounded sends tokens to other experts.

    >>> import torch
    >>> values, scales = quantize(torch.tensor([[0.5, -1.27], [0.0, 0.0]]))
    >>> values.tolist(), scales.tolist()
    ([[50, -127], [0, 0]], [0.009999999776482582, 0.0])

Source: Dettmers et al. 2022, "LLM.int8()", section 2.1 (absmax quantization), by row.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

LARGEST = 127  # of int8; -128 has no counterpart


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to whole numbers of a scale of its own.

    Args:
        weight: (..., columns)

    Returns:
        int8 values in the shape of `weight`, and float32 scales (...,). A row of zeros has the scale 0.
    """
    weight = weight.detach().float()
    scales = weight.abs().amax(dim=-1) / LARGEST  # (...,)
    steps = weight / scales.where(scales > 0, 1.0)[..., None]  # (..., columns)
    return steps.round().clamp(-LARGEST, LARGEST).to(torch.int8), scales


def dequantize(values: Tensor, scales: Tensor) -> Tensor:
    """The weights that the 8 bits stand for, in float32: (..., columns)."""
    return values.float() * scales[..., None]


def is_quantized(name: str, weight: Tensor) -> bool:
    """Whether a weight of the state dict is kept in 8 bits."""
    return weight.dim() > 1 and not name.endswith("router.weight")


def rounded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of the model that the page computes: every weight as 8 bits give it back."""
    return {
        name: dequantize(*quantize(weight)) if is_quantized(name, weight) else weight.detach().float()
        for name, weight in state.items()
    }


def pack(state: Mapping[str, Tensor]) -> tuple[list[dict[str, Any]], bytes]:
    """The weights as one row of bytes, and where each tensor lies in it, in bytes.

    Returns:
        For each tensor its name, and either `at` and `length` (float32), or `at`, `rows`, `columns` and `scales_at`
        (int8, with a float32 scale for each row). All float32 comes first, where it is aligned.
    """
    layout: list[dict[str, Any]] = []
    floats: list[Tensor] = []
    whole: list[Tensor] = []
    n_floats = n_whole = 0
    for name, weight in state.items():
        if not is_quantized(name, weight):
            layout.append({"name": name, "at": 4 * n_floats, "length": weight.numel()})
            floats.append(weight.detach().float().flatten())
        else:
            values, scales = quantize(weight)
            entry: dict[str, Any] = {"name": name, "at": n_whole, "rows": scales.numel(), "columns": weight.size(-1)}
            layout.append(entry | {"scales_at": 4 * n_floats})
            floats.append(scales.flatten())
            whole.append(values.flatten())
            n_whole += values.numel()
        n_floats += floats[-1].numel()
    for entry in layout:
        if "columns" in entry:
            entry["at"] += 4 * n_floats
    content = torch.cat(floats).numpy().astype("<f4").tobytes()
    return layout, content + (torch.cat(whole).numpy().tobytes() if whole else b"")
