"""What the student's parts cost in a step of training: the only speed that counts.

A part may be ten times slower than the library's and cost a step nothing that anybody would notice, so no part is
judged by itself. A whole step with all of the student's parts is timed beside one with none. Only where it takes more
than `MAX_TIMES` as long, parts go, the most expensive first, until it does not.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import torch

from storyteller.config import preset
from storyteller.training.batches import InMemoryTokens, TrainingBatches
from storyteller.training.trainer import Trainer
from storyteller_course.capstone.adapters import as_run_components

if TYPE_CHECKING:
    from storyteller_course.capstone.collect import Gathered

MAX_TIMES = 3.0  # times as long as a step of the library's parts alone
STEPS, N_TOKENS, N_DOCUMENTS = 5, 200, 8  # of a measurement: steps that count, tokens of a story, stories


def step_seconds(gathered: "Gathered") -> float:
    """The CPU seconds of a step of the `tiny` preset with these parts: a median, the first step not counted.

    CPU time, not time on the wall: it asks how much work there is, whatever else the machine does meanwhile.
    """
    tiny = preset("tiny")
    components = as_run_components(gathered, notice=lambda text: None)
    ids = torch.randint(1, tiny.model.vocab_size, (N_DOCUMENTS, N_TOKENS), generator=torch.Generator().manual_seed(1))
    trainer = Trainer(
        components.build_model(tiny.model, seed=1),
        replace(tiny.train, dtype="float32"),
        TrainingBatches(
            InMemoryTokens.pack(ids.tolist(), end_id=0),
            batch_size=tiny.train.batch_size,
            seq_len=tiny.model.max_seq_len,
            seed=1,
            align_documents=True,
        ),
        components=components.trainer,
    )
    trainer.model.train()
    seconds = []
    for _ in range(1 + STEPS):
        started = time.process_time()
        trainer.train_step()
        seconds.append(time.process_time() - started)
    return median(seconds[1:])


def too_slow(gathered: "Gathered", *, seconds_of: "Callable[[Gathered], float]" = step_seconds) -> Mapping[str, float]:
    """The student's parts that have to leave the training, and how many times as long a step took with each of them.

    Args:
        gathered: all parts, the student's at work.
        seconds_of: gives the seconds of a step with some parts.
    """
    own = [name for name, one in gathered.sources.items() if one.yours and one.role.trains and not one.role.once]
    gone: dict[str, float] = {}
    if not own:
        return gone
    course = seconds_of(gathered.without(own))
    now = seconds_of(gathered)
    while own and now > MAX_TIMES * course:
        lighter = {name: seconds_of(gathered.without([*gone, name])) for name in own}
        dearest = min(lighter, key=lambda name: lighter[name])
        gone[dearest] = now / course
        own.remove(dearest)
        now = lighter[dearest]
    return gone
