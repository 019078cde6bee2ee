"""Lesson 02: the weights of the lesson's model under the names of the library's."""

from collections.abc import Mapping

import torch
from torch import Tensor


def to_library(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a `GPT` under the names of the library's `Decoder`, which joins some of the matrices.

    Args:
        state: the `state_dict()` of a `GPT`.
    """
    joined = {"q": "qkv", "k": "qkv", "v": "qkv", "gate": "gate_up", "up": "gate_up"}
    found: dict[str, Tensor] = {}
    for name, weight in state.items():
        *path, part, kind = name.split(".")
        new = ".".join([*path, joined.get(part, part), kind])
        found[new] = torch.cat((found[new], weight)) if new in found else weight
    return found
