"""Which device to compute on."""

import torch

from storyteller.errors import StorytellerError


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a CUDA GPU where there is one.

    Raises:
        StorytellerError: this machine or this build of PyTorch has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise StorytellerError(f"The device {name!r} cannot be used ({reason}); use --device cpu.") from None
    return torch.device(name)
