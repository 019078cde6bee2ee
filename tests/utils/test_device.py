"""The device that a name stands for."""

import pytest
import torch

from storyteller.errors import StorytellerError
from storyteller.utils.device import pick_device

CPU = torch.device("cpu")


def test_a_device_that_is_not_there_is_one_sentence():
    assert pick_device("cpu") == CPU
    with pytest.raises(StorytellerError, match="--device cpu"):
        pick_device("warp")
