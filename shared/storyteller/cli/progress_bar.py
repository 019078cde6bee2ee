"""How training looks while it runs: a live bar in a terminal, a plain line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from storyteller.training.events import Evaluated, Event, Message, StepDone

PLAIN_LINE_INTERVAL_S = 15.0  # seconds between two lines where there is no terminal, such as in a log


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds.

    >>> clock(125)
    '2:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def amount(number: float) -> str:
    """A count in three digits or so.

    >>> amount(950), amount(12_345), amount(3_400_000)
    ('950', '12.3k', '3.40M')
    """
    if number < 1_000:
        return f"{number:.0f}"
    return f"{number / 1_000:.1f}k" if number < 1_000_000 else f"{number / 1_000_000:.2f}M"


class TrainingProgress:
    """Called with each event of a trainer (`on_event`): shows tokens seen, loss, tokens a second and the time left."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=None, figures="")
        self.last_line = time.monotonic()

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StepDone(step=step, steps=steps):
                learned = f"loss {event.loss:.3f}"
                if "reward" in event.figures:  # where the loss says nothing
                    learned = f"reward {event.figures['reward']:.2f}  distinct-4 {event.figures['distinct_4']:.2f}"
                figures = (
                    f"{amount(event.tokens)} tokens  {learned}  "
                    f"{amount(event.tokens_per_second)} tokens/s  {clock(event.seconds_left)} left"
                )
                self.bar.update(self.task, completed=step, total=steps, figures=figures)
                if not self.console.is_terminal and time.monotonic() - self.last_line > PLAIN_LINE_INTERVAL_S:
                    self.last_line = time.monotonic()
                    self.say(f"training {step / steps:4.0%}  {figures}")
            case Evaluated(step=step, metrics=metrics):
                bits = "" if metrics.bits_per_byte is None else f", {metrics.bits_per_byte:.3f} bits per byte"
                self.say(f"step {step}: validation loss {metrics.loss:.3f}{bits}")
            case Message(text=text):
                self.say(text)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
