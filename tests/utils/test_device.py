"""The device that a name stands for."""

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.utils.device import pick_device

CPU = torch.device("cpu")


def test_a_device_that_is_not_there_is_one_sentence():
    assert pick_device("cpu") == CPU
    for name in ("warp", "tpu", "meta", "cpu:x", "cuda:99"):
        with pytest.raises(StorytellerError, match=r"cannot be used here.*--device cpu") as refused:
            pick_device(name)
        assert "ideep" not in str(refused.value)  # torch's own list of backends
