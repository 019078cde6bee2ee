"""What can befall a training run from outside: Ctrl-C, and too little memory."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from storyteller.config import TrainConfig
from storyteller.errors import StorytellerError


@contextmanager
def stop_at_interrupt() -> Iterator[threading.Event]:
    """Within it, the first Ctrl-C only sets the event, so that the loop can end at a good place.

    The second Ctrl-C interrupts at once, as always. Outside the main thread, where Python delivers no signals, the
    event is never set.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def explain_out_of_memory(config: TrainConfig) -> Iterator[None]:
    """Turn the many forms in which memory runs out into one sentence that says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        if config.batch_size > 2:
            way_out = "run the same command with --batch-size 2 --accumulate 8, which needs less memory"
        else:
            way_out = "choose a smaller preset or shorter sequences, or switch gradient checkpointing on"
        raise StorytellerError(
            f"Memory ran out with {config.batch_size} sequences in a batch: {way_out}; "
            f"a run with checkpoints goes on from the last one."
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # The CPU and Apple's devices raise a plain RuntimeError.
    phrases = ("can't allocate memory", "not enough memory", "out of memory")
    return any(phrase in str(error).lower() for phrase in phrases)
