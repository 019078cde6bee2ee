"""A finished run: what happened in it, step by step, and what one does with it: look, measure, tell, give away."""

import json
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch
from torch.nn.utils.rnn import pad_sequence

from storyteller.corpus.load import load_stories
from storyteller.evaluation.compare import compare, corpus_row
from storyteller.evaluation.text_metrics import CopyFinder
from storyteller.inference.generation_config import read_sampling
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.router import count_choices
from storyteller.runs.openings import KnownOpenings
from storyteller.runs.pipeline import VALIDATION_TOKENS
from storyteller.runs.run_config import RunConfig
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import IGNORE_INDEX, validation_batches
from storyteller.training.events import Event, StepDone
from storyteller.training.losses import Metrics, WithAuxiliaryLoss
from storyteller.training.token_shards import open_shards
from storyteller.transformer.decoder import Decoder, Output
from storyteller.utils.atomic_io import write_json
from storyteller_course.capstone.adapters import OwnTokenizer
from storyteller_course.capstone.collect import Gathered
from storyteller_course.capstone.parts_map import in_a_sentence, show_map
from storyteller_course.lesson_tools.full_training_and_inference import tell_with

HISTORY_FILE = "capstone.json"  # in the run's folder
MAX_LOAD_POINTS = 200  # of the experts' loads
SAMPLED = 24  # stories generated for each setting of `FinishedRun.evaluate`
ROWS = 8  # read at once in an evaluation
FIGURES = (
    "consistent",
    "ended",
    "words",
    "distinct 4-grams",
    "repetition",
    "copied words, median",
    "copied words, most",
)


@dataclass(kw_only=True)
class History:
    """What happened in a run, for its pictures; kept in the run's folder.

    One number a step, from the first on; of the loads, now and then a share for each layer and expert.
    In a run that goes on from a checkpoint it forgets the steps that are made again.
    """

    loss: list[float] = field(default_factory=list)
    balance: list[float] = field(default_factory=list)  # mean over the layers
    learning_rate: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)  # steps of the whole run, as planned when the step was made
    loads: list[list[list[float]]] = field(default_factory=list)  # point -> layer -> expert
    load_steps: list[int] = field(default_factory=list)  # the step of each point
    calls: Counter[str] = field(default_factory=Counter)  # how often each of the student's parts was called
    _routing: list[Any] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        """Note one event of a trainer."""
        if not isinstance(event, StepDone):
            return
        # A run that goes on from a checkpoint repeats steps: what was noted of them before goes.
        for series in (self.loss, self.balance, self.learning_rate, self.gradient_norm, self.planned):
            del series[event.step - 1 :]
        points = bisect_left(self.load_steps, event.step)
        del self.loads[points:], self.load_steps[points:]
        self.loss.append(event.loss)
        self.balance.append(sum(event.balance_losses) / max(1, len(event.balance_losses)))
        self.learning_rate.append(event.learning_rate)
        self.gradient_norm.append(event.gradient_norm)
        self.planned.append(event.steps)
        if event.step % max(1, event.steps // MAX_LOAD_POINTS) == 0 and self._routing:
            self.loads.append(
                [  # of each layer, the share of the routed tokens that each expert received
                    (count_choices(layer.expert_ids, layer.logits.size(1)) / layer.expert_ids.numel()).tolist()
                    for layer in self._routing
                ]
            )
            self.load_steps.append(event.step)

    @property
    def replanned(self) -> list[int]:
        """The first steps after the run was made shorter or longer, as the machine's pace was not that of the trial."""
        return [step for step, (was, now) in enumerate(pairwise(self.planned), start=2) if now != was]

    def record_routing(self, module: Any, arguments: Any, output: Output) -> None:
        """A hook of the model: keep the routing of the latest pass in training."""
        if module.training:
            self._routing = list(output.routing)

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        write_json(
            folder / HISTORY_FILE, {name: value for name, value in vars(self).items() if not name.startswith("_")}
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from the run's folder; empty where there is none, or it is damaged."""
        try:
            values = json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8"))
            return cls(**{**values, "calls": Counter(values["calls"])})
        except (OSError, ValueError, TypeError, KeyError):
            return cls()


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A finished run of the capstone, with the model as any program of this course loads it."""

    folder: Path
    config: RunConfig
    parts: Gathered
    by_student: Mapping[str, bool]  # part -> whether the student's was at work in this run
    history: History
    model: Decoder
    tokenizer: Tokenizer
    tracked: bool  # MLflow has a run of the folder's name
    metrics: Metrics | None  # of the last evaluation in the training

    @property
    def sampling(self) -> Sampling:
        """How its stories are told where nothing else is asked for."""
        return read_sampling(self.folder)

    @property
    def openings(self) -> KnownOpenings:
        """How the stories begin that it has read."""
        return KnownOpenings.load(self.folder)

    @property
    def idle(self) -> list[str]:
        """The student's parts for the training that were never called in it."""
        trained = [name for name, source in self.parts.sources.items() if source.role.trains]
        return [name for name in trained if self.by_student.get(name) and not self.history.calls[name]]

    def curves(self) -> None:
        """Draw loss, gradient, balance and learning rate of every step; a line where the number of steps changed."""
        from storyteller.figures.training import run_curves

        history = self.history
        series: dict[str, Sequence[float]] = {
            "loss (nats)": history.loss,
            "gradient norm": history.gradient_norm,
            "balance loss": history.balance,
            "learning rate": history.learning_rate,
        }
        last = sum(history.loss[-20:]) / max(1, len(history.loss[-20:]))
        title = f"{len(history.loss):,} updates: the loss falls to {last:.2f} nats a token"
        run_curves(series, title=title, marks=history.replanned, marked="new plan", log=("loss (nats)",))

    def routing(self) -> None:
        """Draw the share of the tokens that each expert received in the course of the training."""
        from storyteller.figures import loads

        layers = {
            f"layer {layer}": [point[layer] for point in self.history.loads]
            for layer in range(len(self.history.loads[0]) if self.history.loads else 0)
        }
        loads(
            layers,
            steps=self.history.load_steps,
            title="Each colour is an expert, its width the share of the choices",
            columns=max(1, len(layers)),
            xlabel="update",
        )

    def evaluate(self, samplings: Mapping[str, Sampling], *, n_stories: int = SAMPLED) -> dict[str, dict[str, float]]:
        """Measure the model on held-out stories, let it tell `n_stories` stories a setting, and show the figures.

        Beside its own stories stand as many held-out ones. Copied is what also stands in the training stories.

        Returns:
            The figures of each setting by name; see `storyteller.evaluation.compare.Row.figures`.
        """
        from storyteller.figures import table

        n_stories = 2 if os.environ.get("STORYTELLER_FAST") == "1" else n_stories
        own = self.measured()
        whose = "your" if self.parts.sources["evaluate"].yours else "the course's"
        print(f"By {whose} evaluate: loss {own['loss']:.3f}, {own['bits_per_byte']:.3f} bits per byte.")
        copies = CopyFinder(story.text for story in load_stories(self.config.corpus, limit=self.config.stories))
        name = self.folder.name
        rows = compare(
            {name: (self.model, self.tokenizer)},
            samplings,
            corpora={},
            openings=[""] * n_stories,
            trained_on={name: copies},
        )
        figures = {row.sampling: row.figures() for row in rows}
        texts = [story.text for story in load_stories(self.config.corpus, split="validation", limit=n_stories)]
        figures["held-out stories"] = corpus_row(self.config.corpus, texts, copies=copies).figures()
        rows_shown = [[name, *(values[figure] for figure in FIGURES)] for name, values in figures.items()]
        table(rows_shown, header=["temperature", *FIGURES])
        return figures

    def measured(self) -> dict[str, float]:
        """Loss, perplexity and bits per byte, by lesson 04's `evaluate`, of the rows of the training's evaluations.

        A row begins with a story, as all rows did that the model was trained on.
        """
        evaluate, T = self.parts.afterwards("evaluate"), self.model.config.max_seq_len
        source = open_shards(self.folder / "validation", self.tokenizer)
        rows = validation_batches(
            source,
            batch_size=1,
            seq_len=T,
            limit=max(1, VALIDATION_TOKENS // T),
            align_documents=self.config.train.align_documents,
        )
        inputs = pad_sequence([row.inputs[0] for row in rows], batch_first=True)  # (rows, the longest row's T)
        targets = pad_sequence([row.targets[0] for row in rows], batch_first=True, padding_value=IGNORE_INDEX)
        # What is predicted: everything but the end marks, which are no text.
        text = self.tokenizer.decode(targets[targets >= 0].tolist(), skip_special=True)
        batches = list(zip(inputs.split(ROWS), targets.split(ROWS), strict=True))
        with torch.no_grad():
            figures: dict[str, float] = evaluate(WithAuxiliaryLoss(self.model), batches, text)
        return figures

    def tell(self, opening: str, *, sampling: Sampling | None = None) -> str:
        """A story that begins with the opening, by the student's loop, filters, cache and tokenizer as far as solved.

        A line is printed where the model has read no story that begins so. `sampling` is by default the run's own.
        """
        sampling = sampling or self.sampling
        if note := self.openings.note(opening):
            print(note)
        encode, decode = (self.parts.afterwards(name) for name in ("encode", "decode"))
        tokenizer = OwnTokenizer(self.tokenizer.vocabulary, encode=encode, decode=decode)
        filters, generate = self.parts.filters(sampling), self.parts.afterwards("generate")
        [story] = tell_with(
            generate,
            self.model,
            tokenizer,
            [opening],
            sampling=sampling,
            filters=filters,
            step=self.parts.afterwards("attend_cached"),
        )
        return story

    def map(self) -> None:
        """Show by whose code each part is that was at work."""
        show_map(self.by_student)

    @property
    def whose(self) -> str:
        """What of it is the student's, in a sentence."""
        return in_a_sentence(self.by_student)

    def export(self, folder: str | Path, *, format: str = "hf") -> str:
        """Write the model for another program, with a model card that names the student's parts; gives the card."""
        from storyteller.export import export_run

        export_run(self.folder, Path(folder), format=format)
        return (Path(folder) / "README.md").read_text(encoding="utf-8")

    def write_page(self, file: str | Path) -> Path:
        """Write one file that tells this model's stories in any browser, offline; the student's parts at its foot."""
        from storyteller.export import export_run

        export_run(self.folder, Path(file), format="html")
        return Path(file)
