"""Which device to compute on."""

import torch

from storyteller.errors import StorytellerError, first_line


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a CUDA GPU where there is one.

    Raises:
        StorytellerError: this machine or this build of PyTorch has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name).item()  # "meta" makes tensors too, but they hold no numbers
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        known = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        # For CUDA, torch says what is missing; for other names it lists its own backends, which helps nobody.
        reason = f" ({first_line(error)})" if name.startswith("cuda") else ""
        possible = " or ".join(["cpu", *(kind for kind, is_there in known.items() if is_there)])
        raise StorytellerError(f"The device {name!r} cannot be used here{reason}; use --device {possible}.") from None
    return torch.device(name)
