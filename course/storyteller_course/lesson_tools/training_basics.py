"""Lesson 04: what its notebook measures with: peak memory."""

import weakref
from typing import Any

import torch
import torch._dynamo  # seconds that the first optimizer would take in the middle of a timed check
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Pair = tuple[Tensor, Tensor]  # inputs and targets, (B, T) int64 each


class PeakMemory(TorchDispatchMode):
    """Context manager: counts the bytes of all tensors made and not yet let go; `peak` is the most at any moment.

    It sees every operation, those of the backward pass included, and a storage that several tensors share once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 0, 0
        self.known: dict[int, weakref.ref] = {}  # storages, by identity

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._note(value.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return

        def gone(_: Any) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)
