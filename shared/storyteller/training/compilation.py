"""Compiled blocks: of the many small operations between a block's matrix products, `torch.compile` makes a few kernels.

A block is compiled, not the model: all blocks of a model share what was compiled for the first. Only passes with
gradients are; evaluation and generation, whose shapes change with every token, run as they do without. So do the
experts, unless they are grouped products.

The weights keep their names, so a checkpoint may be read, and its run go on, compiled or not.
"""

import functools
import inspect
from typing import Any

import torch
from torch import Tensor

from storyteller.errors import StorytellerError, first_line
from storyteller.moe.dispatch import Dispatch, Experts, choose_dispatch, dispatch_grouped, product_dtype
from storyteller.moe.layer import MoELayer
from storyteller.transformer.decoder import Block, Decoder


def compiles(wanted: str, device: torch.device) -> bool:
    """Whether a training on this device is compiled.

    Args:
        wanted: `TrainConfig.compile`. "auto": on a CUDA device, where a compiler is there.
        device: to train on.

    Raises:
        StorytellerError: it is "on", and nothing can be compiled here.
    """
    if wanted == "off" or (wanted == "auto" and device.type != "cuda"):
        return False
    missing = why_not(device.type)
    if missing is not None and wanted == "on":
        compiler = "Triton and a C compiler" if device.type == "cuda" else "a C++ compiler"
        raise StorytellerError(
            f"Blocks cannot be compiled for the device {device.type!r} here ({missing}): install {compiler}, or train "
            "with --compile off."
        )
    return missing is None


@functools.cache
def why_not(device_type: str) -> str | None:
    """What stands in the way of compiling for a device, found by trying with a tiny function; None if nothing does."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(4, device=device_type))
    except (RuntimeError, ImportError, OSError) as error:
        return first_line(getattr(error, "inner_exception", error))  # what stopped the compiler, not who called it
    return None


def use_compiled_blocks(model: Decoder, compiled: bool) -> None:
    """Compute the blocks of a model compiled from now on where there are gradients, or no longer.

    A block is compiled when it is first called, and once more where the shapes turn out to change: then for all shapes.

    Args:
        model: already divided among the processes of the run, if there are several.
        compiled: whether.
    """
    call = None
    if compiled:
        # Each model has its own count of recompilations, of which PyTorch allows 8; before 2.13 all of them share it.
        isolated = "isolate_recompiles" in inspect.signature(torch.compile).parameters
        options: dict[str, Any] = {"isolate_recompiles": True} if isolated else {}
        call = torch.compile(Block.__call__, **options)
        for part in model.modules():
            if isinstance(part, MoELayer) and not isinstance(part.dispatch, DispatchUncompiled):
                part.dispatch = DispatchUncompiled(part.dispatch)
    model.compiled_block = call


class DispatchUncompiled:
    """A dispatch that a compiled block leaves to Python: with sizes that follow the router, every batch is another.

    Grouped products have no such sizes, and are compiled with their block; PyTorch can do that in bfloat16 alone.

    Args:
        dispatch: the layer's own; None for what `choose_dispatch` chooses.
    """

    def __init__(self, dispatch: Dispatch | None) -> None:
        self.dispatch = dispatch
        self.uncompiled = torch.compiler.disable(_dispatch)

    def __call__(self, x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Experts) -> Tensor:
        """(N, D) to (N, D), as every dispatch."""
        dispatch = self.dispatch or choose_dispatch(x, experts)
        if dispatch is dispatch_grouped and product_dtype(x) == torch.bfloat16:
            return dispatch_grouped(x, gate_weights, expert_ids, experts)
        y: Tensor = self.uncompiled(dispatch, x, gate_weights, expert_ids, experts)
        return y


def _dispatch(dispatch: Dispatch, x: Tensor, gate_weights: Tensor, expert_ids: Tensor, experts: Experts) -> Tensor:
    return dispatch(x, gate_weights, expert_ids, experts)
