"""A trainer's events as an MLflow run.

What is logged, and when:

    at the beginning    parameters: the model's and the training's settings, the corpus, parameters in all and active
    every step          loss, learning rate, gradient norm, tokens a second, each layer's balance loss
    every evaluation    validation loss, perplexity, bits per byte; how each router spreads its tokens; stories that the
                        model tells now; the curves so far, as pictures. (Routers and stories need the model's weights:
                        they are left out where no process has all of them.)
    every few seconds   the load of the machine, under the names that MLflow's page "System metrics" looks for
    at the end          checkpoint and tokenizer, as a registered model
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import torch

from storyteller.config import to_dict
from storyteller.figures.training import load_figure, losses_figure
from storyteller.inference.generate import tell
from storyteller.inference.generation_config import read_sampling
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling
from storyteller.moe.cost_model import count_parameters
from storyteller.moe.statistics import router_statistics
from storyteller.runs.openings import KnownOpenings
from storyteller.tokenizer import Tokenizer
from storyteller.tracking.background_writer import Job, Writer
from storyteller.tracking.registry import register, upload_model
from storyteller.tracking.store import EXPERIMENT, OpenRun, Point, find_or_start, log_points, now, store_uri
from storyteller.training.events import Evaluated, Event, Message, StepDone
from storyteller.training.trainer import Trainer

FLUSH_SECONDS = 2.0  # steps are collected for so long before they are written
MACHINE_SECONDS = 5.0  # between two looks at the machine
STORIES = 2  # told at each evaluation
STORY_TOKENS = 150  # of each
LOSSES = {"training": "loss", "validation": "validation/loss"}
MEGABYTE = 1e6


class Tracker:
    """While it is entered, everything that happens in a trainer is logged to MLflow.

        with Tracker(trainer, tokenizer) as tracker:
            trainer.run()

    A run that goes on from a checkpoint goes on in its MLflow run, which `mlflow.json` in the trainer's folder names.

    Args:
        trainer: has been resumed already, if it is to be.
        tokenizer: the one it trains with; for the stories.
        name: of the run; by default that of the trainer's folder.
        parameters: further settings to be logged, such as the preset and the corpus.
        experiment: the MLflow experiment that the run belongs to.
        model_name: under which the trained model is registered; by default `storyteller-` and the preset or the name.
        openings: of the stories that are generated at each evaluation; by default some that the run's stories have.
        sampling: how they are generated; by default the run's own way, and not to their end.
        uri: of the store; by default `store_uri()`.
        notice: called with what the user should know; None prints it.

    Raises:
        StorytellerError: mlflow is not installed, or the store's address cannot be used.
    """

    def __init__(
        self,
        trainer: Trainer,
        tokenizer: Tokenizer,
        *,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        experiment: str = EXPERIMENT,
        model_name: str | None = None,
        openings: Sequence[str] | None = None,
        sampling: Sampling | None = None,
        uri: str | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.trainer, self.tokenizer = trainer, tokenizer
        folder = trainer.folder
        known = KnownOpenings() if folder is None else KnownOpenings.load(folder)
        self.openings = openings or known.commonest[:STORIES] or [""] * STORIES
        own = STORY_SAMPLING if folder is None else read_sampling(folder)
        self.sampling = sampling or replace(own, max_new_tokens=STORY_TOKENS)
        self.uri = uri or store_uri()
        self.name = name or (trainer.folder.name if trainer.folder else "run")
        self.extra = dict(parameters or {})
        self.experiment = experiment
        self.model_name = model_name or f"storyteller-{self.extra.get('preset', self.name)}"
        self.notice = notice or print
        self._points: list[Point] = []
        self._flushed = time.monotonic()
        self._looked = 0.0  # when the machine was last looked at

    def __enter__(self) -> Self:
        self._goes_on = self.trainer.step > 0
        self._writer = Writer(self.uri, self._open_run, idle=self._look_at_machine, pause=MACHINE_SECONDS)
        self._writer.put(lambda run: None)  # opens the run now, not at the first flush
        self.trainer.subscribe(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.trainer.unsubscribe(self)
        unfinished = self.trainer.step < self.trainer.config.steps
        status = "FAILED" if isinstance(error, Exception) else "KILLED" if error or unfinished else "FINISHED"
        self._flush()
        self._writer.put(draw_curves)
        if status == "FINISHED" and self.trainer.saved is not None:
            self._writer.put(self._uploading(self.trainer.saved))
        self._writer.put(lambda run: run.client.set_terminated(run.run_id, status=status))
        try:
            self._writer.close()
        finally:
            self._pass_on_messages()

    def __call__(self, event: Event) -> None:
        """Log one event of the trainer."""
        match event:
            case StepDone():
                self._add(step_metrics(event), event.step)
            case Evaluated():
                self._evaluated(event)
            case Message(text=text):
                step = self.trainer.step
                self._writer.put(lambda run: run.client.set_tag(run.run_id, f"notice.step-{step:06d}", text[:5000]))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def parameters(self) -> dict[str, Any]:
        """What is logged as the run's parameters, by name."""
        config, counted = self.trainer.model.config, count_parameters(self.trainer.model.config)
        return {
            **self.extra,
            **{f"model.{name}": value for name, value in to_dict(config).items()},
            **{f"train.{name}": value for name, value in to_dict(self.trainer.config).items()},
            "train.dtype": self.trainer.dtype,  # the one that "auto" became
            "parameters.total": counted.total,
            "parameters.active": counted.active,
            "tokenizer": self.tokenizer.fingerprint[:12],
        }

    def _open_run(self, uri: str) -> OpenRun:
        run = find_or_start(
            uri,
            folder=self.trainer.folder,
            resumed=self._goes_on,
            experiment=self.experiment,
            name=self.name,
            parameters=self.parameters(),
        )
        self._goes_on = True  # should this store go away, the run goes on in another
        return run

    def _evaluated(self, event: Evaluated) -> None:
        step, loads = event.step, []
        figures = {f"validation/{name}": value for name, value in asdict(event.metrics).items() if value is not None}
        for layer, statistics in enumerate(self._router_statistics()):
            load = statistics.pop("load").tolist()
            loads.append(load)
            figures |= {f"router/layer_{layer}/{name}": value for name, value in statistics.items()}
            figures |= {f"router/layer_{layer}/load/expert_{expert}": share for expert, share in enumerate(load)}
        self._add(figures, step)
        self._flush()
        if self.trainer.processes.has_whole_model:
            stories = tell(self.trainer.model, self.tokenizer, self.openings, sampling=self.sampling)
            text = "\n\n---\n\n".join(stories) + "\n"
            self._writer.put(lambda run: run.client.log_text(run.run_id, text, f"stories/step-{step:06d}.txt"))
        self._writer.put(draw_curves)
        if loads:
            self._writer.put(lambda run: run.client.log_figure(run.run_id, load_figure(loads, step), "plots/load.png"))

    @torch.no_grad()
    def _router_statistics(self) -> list[dict[str, Any]]:
        """How each layer spreads one validation batch, in the mode of training, where experts may be full."""
        whole = self.trainer.processes.has_whole_model
        if not self.trainer.validation or not self.trainer.model.config.n_experts or not whole:
            return []
        batch = self.trainer.validation[0].to(self.trainer.device)
        mask = batch.attention_mask
        return [
            {**router_statistics(layer.probs, layer.expert_ids, attention_mask=mask), "dropped": layer.dropped_share}
            for layer in self.trainer.model(batch.inputs, attention_mask=mask).routing
        ]

    def _uploading(self, checkpoint: Path) -> Job:
        """The job that makes checkpoint and tokenizer a registered model."""
        facts = {"step": self.trainer.step, "corpus": self.extra.get("corpus", "")}
        if self.trainer.metrics is not None:
            facts |= {name: value for name, value in asdict(self.trainer.metrics).items() if value is not None}

        def upload(run: OpenRun) -> None:
            upload_model(run, checkpoint, self.tokenizer)
            register(run, self.model_name, facts)

        return upload

    def _add(self, metrics: Mapping[str, float], step: int) -> None:
        moment = now()
        self._points.extend((name, value, step, moment) for name, value in metrics.items())

    def _flush(self) -> None:
        points, self._points, self._flushed = self._points, [], time.monotonic()
        self._writer.put(lambda run: log_points(run, points))
        if time.monotonic() - self._looked > MACHINE_SECONDS:
            self._writer.put(self._look_at_machine)
        self._pass_on_messages()

    def _look_at_machine(self, run: OpenRun) -> None:
        self._looked = time.monotonic()
        moment, step = now(), self.trainer.step
        log_points(run, [(name, value, step, moment) for name, value in machine_metrics().items()], again=True)

    def _pass_on_messages(self) -> None:
        while not self._writer.messages.empty():
            self.notice(self._writer.messages.get())


def step_metrics(done: StepDone) -> dict[str, float]:
    """One step's figures, under the names they have in MLflow."""
    return {
        "loss": done.loss,
        "learning_rate": done.learning_rate,
        "gradient_norm": done.gradient_norm,
        "tokens_per_second": done.tokens_per_second,
        "tokens": done.tokens,
        "router_z_loss": done.router_z_loss,
        **({"skipped": 1.0} if done.skipped else {}),
        **{f"router/layer_{layer}/load_balancing_loss": loss for layer, loss in enumerate(done.balance_losses)},
        **done.figures,
    }


def draw_curves(run: OpenRun) -> None:
    """Draw the loss of training and validation, from what the run has logged, into the run's `plots/loss.png`."""
    curves = {}
    for label, metric in LOSSES.items():
        points = sorted((point.step, point.value) for point in run.client.get_metric_history(run.run_id, metric))
        if points:
            curves[label] = points
    if curves:
        run.client.log_figure(run.run_id, losses_figure(curves), "plots/loss.png")


def machine_metrics() -> dict[str, float]:
    """Load of processor, memory, disk and GPU, under the names that MLflow's page "System metrics" looks for.

    The processor's load is the mean since the last call.
    """
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(Path.cwd()))
    metrics = {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system_memory_usage_percentage": memory.percent,
        "process_memory_usage_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
        "disk_usage_megabytes": disk.used / MEGABYTE,
        "disk_usage_percentage": disk.percent,
    }
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        metrics["gpu_0_memory_usage_megabytes"] = (total - free) / MEGABYTE
        metrics["gpu_0_memory_usage_percentage"] = 100 * (total - free) / total
    return {f"system/{name}": float(value) for name, value in metrics.items()}
