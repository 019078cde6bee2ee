"""What a run says when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from storyteller.config import TrainConfig
from storyteller.errors import StorytellerError


@contextmanager
def explain_oom(config: TrainConfig) -> Iterator[None]:
    """Context manager: the many forms in which memory runs out become one sentence that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # The CPU and Apple's devices raise a plain RuntimeError.
        phrases = ("can't allocate memory", "not enough memory", "out of memory")
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not known and not any(phrase in str(error).lower() for phrase in phrases):
            raise
        if config.batch_size > 2:
            way_out = "run the same command with --batch-size 2 --grad-accum-steps 8, which needs less memory"
        else:
            way_out = "choose a smaller preset or shorter sequences, or switch gradient checkpointing on"
        raise StorytellerError(
            f"Memory ran out with {config.batch_size} sequences in a batch: {way_out}; "
            f"a run with checkpoints goes on from the last one."
        ) from error
