"""What one does with a finished run: look at it, measure it, tell a story with it, give it away."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from storyteller.corpus.load import load_stories
from storyteller.evaluation.compare import compare
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.run_config import RunConfig
from storyteller.tokenizer import Tokenizer
from storyteller.training.losses import Metrics, WithAuxiliaryLoss
from storyteller.transformer.decoder import Decoder
from storyteller_course.capstone.adapters import OwnTokenizer
from storyteller_course.capstone.collect import Gathered
from storyteller_course.capstone.history import History
from storyteller_course.lesson_tools.full_training_and_inference import tell_with

TOLD, HELD_OUT = 40, 60  # stories told for each setting of `Run.evaluate`, and stories measured on
FIGURES = ("consistent", "ended", "words", "distinct 4-grams", "repetition")


@dataclass(frozen=True, kw_only=True)
class Run:
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
        title = f"{len(history.loss):,} steps: the loss falls to {last:.2f} nats a token"
        run_curves(series, title=title, marks=history.replanned, marked="new plan")

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
            title="Each colour is an expert, its width the share of the visits",
            columns=max(1, len(layers)),
        )

    def evaluate(self, samplings: Mapping[str, Sampling], *, told: int = TOLD) -> dict[str, dict[str, float]]:
        """Measure the model on held-out stories, let it tell `told` stories with each setting, and show the figures.

        Returns:
            The figures of each setting by name; see `storyteller.evaluation.compare.Row.figures`.
        """
        from storyteller.figures import table

        told = 2 if os.environ.get("STORYTELLER_FAST") == "1" else told
        texts = [story.text for story in islice(load_stories(self.config.corpus, split="validation"), HELD_OUT)]
        own = self.measured(texts)
        whose = "your" if self.parts.sources["evaluate"].yours else "the course's"
        print(f"By {whose} evaluate: loss {own['loss']:.3f}, {own['bits_per_byte']:.3f} bits per byte.")
        rows = compare(
            {self.folder.name: (self.model, self.tokenizer)},
            samplings,
            corpora={"held out": texts},
            openings=[""] * told,
        )
        figures = {row.sampling: row.figures() for row in rows}
        rows_shown = [[name, *(values[figure] for figure in FIGURES)] for name, values in figures.items()]
        table(rows_shown, header=["temperature", *FIGURES])
        return figures

    def measured(self, texts: list[str]) -> dict[str, float]:
        """Loss, perplexity and bits per byte of texts, by `pack` and `evaluate` of lesson 04."""
        pack, evaluate = (self.parts.afterwards(name) for name in ("pack", "evaluate"))
        documents = [self.tokenizer.encode(text, special="escape") for text in texts]
        inputs, targets = pack(documents, self.tokenizer.end_id, self.model.config.max_seq_len)  # (B, T) each
        batches = list(zip(inputs.split(8), targets.split(8), strict=True))
        # What is predicted: everything but the first token and the end marks, which are no text.
        text = self.tokenizer.decode(targets.flatten().tolist(), skip_special=True)
        with torch.no_grad():
            figures: dict[str, float] = evaluate(WithAuxiliaryLoss(self.model), batches, text)
        return figures

    def tell(self, opening: str, *, sampling: Sampling) -> str:
        """A story that begins with the opening, told by the student's loop, filters and tokenizer as far as solved."""
        encode, decode = (self.parts.afterwards(name) for name in ("encode", "decode"))
        tokenizer = OwnTokenizer(self.tokenizer.vocabulary, encode=encode, decode=decode)
        filters, generate = self.parts.filters(sampling), self.parts.afterwards("generate")
        [story] = tell_with(generate, self.model, tokenizer, [opening], sampling=sampling, filters=filters)
        return story

    def export(self, folder: str | Path, *, format: str = "hf") -> str:
        """Write the model for another program, with a model card that names the student's parts; gives the card."""
        from storyteller.export import export_run

        export_run(self.folder, Path(folder), format=format)
        return (Path(folder) / "README.md").read_text(encoding="utf-8")
