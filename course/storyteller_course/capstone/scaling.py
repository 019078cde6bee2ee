"""The scaling lab: models of several sizes, each trained for several lengths, and the law that their losses follow.

    lab = ScalingLab(stories)
    points = [lab.point(width, steps) for width in WIDTHS for steps in LENGTHS]
    law = fit_law(points)                      # {"floor": ..., "A": ..., "alpha": ..., "B": ..., "beta": ...}
    law_loss(law, parameters=30_000, tokens=1e6)

Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models", section 3.3, is the model for all of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from storyteller.config import ModelConfig, TrainConfig
from storyteller.figures.charts import new_axes, show
from storyteller.figures.display import COLORS
from storyteller.moe.layer import build_model
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import InMemoryTokens, TrainingBatches, validation_batches
from storyteller.training.losses import evaluate
from storyteller.training.trainer import Trainer

VOCABULARY, SEQ_LEN, ROWS = 512, 64, 8  # so a batch has 512 tokens
HEAD_WIDTH = 8
LEARNING_RATE, AT_WIDTH = 0.01, 32  # wider models take smaller steps: the rate falls with the root of the width
HELD_OUT_BATCHES = 20
EXPONENTS = np.linspace(0.1, 1.5, 57)  # that a fit tries

Law = Mapping[str, float]


class Point(NamedTuple):
    """A finished run of the lab."""

    width: int  # d_model
    parameters: int
    tokens: int  # it was trained on
    loss: float  # nats a token, held out

    @property
    def flops(self) -> float:
        """Six operations for each parameter and token."""
        return 6.0 * self.parameters * self.tokens


class ScalingLab:
    """Dense models of two layers that differ in their width alone, on the same tokens in the same order.

    Args:
        stories: texts to train on.
        held_out: others, to measure on.
    """

    def __init__(self, stories: Sequence[str], held_out: Sequence[str]) -> None:
        tokenizer = Tokenizer.train(stories[:1000], vocab_size=VOCABULARY)
        self.vocab_size = tokenizer.vocab_size
        self.source, validation = (
            InMemoryTokens.pack((tokenizer.encode(text) for text in texts), end_id=tokenizer.end_id)
            for texts in (stories, held_out)
        )
        self.held_out = validation_batches(validation, batch_size=ROWS, seq_len=SEQ_LEN, limit=HELD_OUT_BATCHES)

    def config(self, width: int) -> ModelConfig:
        """The model of a width."""
        return ModelConfig(
            vocab_size=self.vocab_size,
            max_seq_len=SEQ_LEN,
            d_model=width,
            n_layers=2,
            n_heads=width // HEAD_WIDTH,
            n_kv_heads=width // HEAD_WIDTH,
            d_ff=2 * width,
            n_experts=0,
            init_std=0.06,
        )

    def parameters(self, width: int) -> int:
        """How many parameters the model of a width has."""
        return sum(parameter.numel() for parameter in build_model(self.config(width), seed=1).parameters())

    def width_for(self, parameters: float) -> int:
        """The width, a multiple of a head's, whose model is nearest to so many parameters."""
        widths = range(HEAD_WIDTH, 257, HEAD_WIDTH)
        return min(widths, key=lambda width: abs(np.log(self.parameters(width) / parameters)))

    def point(self, width: int, tokens: float, *, seed: int = 1) -> Point:
        """Train the model of a width on so many tokens, with a schedule that ends there, and measure it."""
        steps = max(2, round(tokens / (ROWS * SEQ_LEN)))
        rate = LEARNING_RATE * (AT_WIDTH / width) ** 0.5
        config = TrainConfig(steps=steps, batch_size=ROWS, grad_accum_steps=1, learning_rate=rate, dtype="float32")
        model = build_model(self.config(width), seed=seed)
        trainer = Trainer(model, config, TrainingBatches(self.source, batch_size=ROWS, seq_len=SEQ_LEN, seed=seed))
        with one_thread():
            trainer.run()
            loss = evaluate(model, self.held_out).loss
        return Point(width, self.parameters(width), steps * ROWS * SEQ_LEN, loss)


@contextmanager
def one_thread() -> Iterator[None]:
    """Context manager: PyTorch works on one thread, for the products of a small model are too short to be shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def law_loss(law: Law, *, parameters: float, tokens: float) -> float:
    """What a law says of a model with so many parameters, trained on so many tokens: nats a token."""
    return float(law["floor"] + law["A"] * parameters ** -law["alpha"] + law["B"] * tokens ** -law["beta"])


def fit_law(points: Iterable[Point]) -> dict[str, float]:
    """The law whose losses come nearest to those of the points.

    With both exponents given, the three other numbers are a linear least-squares fit. So all pairs of exponents of a
    grid are tried, and the best of those whose numbers are all positive is taken.
    """
    points = list(points)
    N, D, losses = (np.array([getattr(one, name) for one in points]) for name in ("parameters", "tokens", "loss"))
    best, best_error = None, np.inf
    for alpha in EXPONENTS:
        for beta in EXPONENTS:
            columns = np.stack([np.ones(len(points)), N**-alpha, D**-beta], axis=1)  # (points, 3)
            numbers = np.linalg.lstsq(columns, losses, rcond=None)[0]
            error = np.square(columns @ numbers - losses).sum()
            if error < best_error and min(numbers) >= 0:
                best, best_error = (*numbers, alpha, beta), error
    if best is None:
        raise ValueError("No law with positive numbers fits these points.")
    return dict(zip(("floor", "A", "B", "alpha", "beta"), map(float, best), strict=True))


def show_fit(points: Sequence[Point], law: Law) -> None:
    """Draw the losses of the points over their parameters, and the law as dashed lines: a colour for each length."""
    figure, axes = new_axes("Dots: measured. Dashed: the law", "parameters", "held-out loss (nats)")
    lengths = sorted({point.tokens for point in points})
    for tokens, color in zip(lengths, COLORS, strict=False):
        here = sorted((point.parameters, point.loss) for point in points if point.tokens == tokens)
        sizes = np.geomspace(here[0][0], here[-1][0], 50)
        axes.plot(*zip(*here, strict=True), "o", color=color, markersize=6, label=f"{tokens:,} tokens")
        fit = [law_loss(law, parameters=size, tokens=tokens) for size in sizes]
        axes.plot(sizes, fit, "--", color=color, linewidth=1.2)
    axes.set_xscale("log")
    axes.legend(frameon=False)
    show(figure)
