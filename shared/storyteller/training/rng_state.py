"""The global random generators: seeded, saved and put back.

The library draws from generators of its own, with seeds that its callers give. This is for parts that a student has put
into the model or the trainer: a run with such a part must also go on as if it had never stopped.
"""

import random

import numpy as np
import torch
from torch import Tensor


def seed_random(seed: int) -> None:
    """Start every global random generator from a seed of at least 0.

    As `torch.manual_seed` does, but only for devices that are there: for each of the others that writes the whole call
    stack down, in case the device should turn up later, which takes longer than most calls of a student's code.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)


def random_state() -> dict[str, Tensor]:
    """The state of every global random generator: Python's, numpy's and PyTorch's, also on each CUDA device."""
    _, python, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)  # type: ignore[call-overload]
    tensors = {
        "random/torch": torch.get_rng_state(),
        "random/python": torch.from_numpy(np.array(python, dtype=np.int64)),  # 625 numbers; torch.tensor is slow
        "random/python_gauss": torch.tensor([] if gauss is None else [gauss], dtype=torch.float64),
        "random/numpy": torch.from_numpy(numpy["state"]["key"].astype(np.int64)),
        "random/numpy_place": torch.tensor([numpy["state"]["pos"], numpy["has_gauss"]]),
        "random/numpy_gauss": torch.tensor(numpy["gauss"], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        tensors |= {f"random/cuda{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return tensors


def restore_random(tensors: dict[str, Tensor]) -> None:
    """Put the global random generators back to where `random_state` found them."""
    torch.set_rng_state(tensors["random/torch"])
    gauss = tensors["random/python_gauss"].tolist()
    random.setstate((3, tuple(tensors["random/python"].tolist()), gauss[0] if gauss else None))
    position, has_gauss = tensors["random/numpy_place"].tolist()
    key = tensors["random/numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", key, position, has_gauss, tensors["random/numpy_gauss"].item()))
    for index in range(torch.cuda.device_count()):
        if f"random/cuda{index}" in tensors:  # a run may go on where there are more devices
            torch.cuda.set_rng_state(tensors[f"random/cuda{index}"], index)
