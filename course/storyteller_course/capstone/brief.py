"""The capstone brief: what trains and judges the runs with which a student tries one change.

    workshop = Workshop(parts, data="runs/apprentice")
    trained = workshop.train({**SETTINGS, "learning_rate": 8e-3}, 1)
    workshop.judge(trained)  # {"bits_per_byte": ..., "consistent": ..., "distinct_4": ..., "copied_words": ...}

All runs read the same tokens for the same number of updates, fewer than the capstone's: what helps in a short training
need not help in a long one.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch

from storyteller.config import preset
from storyteller.corpus.load import load_stories
from storyteller.evaluation.stories import sample_stories
from storyteller.evaluation.text_metrics import CopyFinder
from storyteller.figures import dots, table
from storyteller.figures.display import publish_html
from storyteller.inference.sampling_options import Sampling
from storyteller.runs import pipeline
from storyteller.runs.run_config import RunConfig
from storyteller.tokenizer import Tokenizer
from storyteller.tracking.store import EXPERIMENT, connect, load_mlflow, store_uri
from storyteller.training.batches import validation_batches
from storyteller.training.losses import byte_lengths, evaluate
from storyteller.training.token_shards import open_shards
from storyteller.transformer.decoder import Decoder
from storyteller_course.capstone.adapters import as_run_components
from storyteller_course.capstone.collect import Gathered
from storyteller_course.capstone.scaling import one_thread
from storyteller_course.capstone.train import make_run_config
from storyteller_course.exercises.practice_tracker import PracticeTracker

MLFLOW_PICTURE = "mlflow_runs.png"
UPDATES, FAST_UPDATES = 150, 2
JUDGED_STORIES, FAST_STORIES, MAX_TOKENS, TEMPERATURE = 24, 2, 250, 0.6
HELD_OUT_ROWS, HELD_OUT_BATCHES = 8, 8
COPIED_FROM = 3_000  # training stories in which copied words are looked for
# What a brief starts from. Any field of ModelConfig and TrainConfig may be added.
SETTINGS: Mapping[str, Any] = {
    "d_model": 128,
    "d_ff": 128,
    "n_experts": 8,
    "top_k": 2,
    "learning_rate": 4e-3,
    "min_lr_ratio": 0.0,
    "weight_decay": 0.1,
    "balance_weight": 0.01,
}


class Workshop:
    """Trains and judges models for a brief, with the student's parts.

    Args:
        parts: from `capstone.gather`.
        data: the folder of a finished run, whose tokens and vocabulary all runs share.
    """

    def __init__(self, parts: Gathered, *, data: str | Path) -> None:
        fast = os.environ.get("STORYTELLER_FAST") == "1"
        self.parts, self.folder = parts, Path(data)
        self.updates, self.stories = (FAST_UPDATES, FAST_STORIES) if fast else (UPDATES, JUDGED_STORIES)
        self.corpus = RunConfig.load(self.folder).corpus
        self.tokenizer = Tokenizer.load(self.folder / "tokenizer.json")
        self.copies = CopyFinder(story.text for story in load_stories(self.corpus, limit=COPIED_FROM))

    def train(self, settings: Mapping[str, Any], seed: int) -> Decoder:
        """A model with these settings, trained for `updates` updates.

        Raises:
            StorytellerError: a setting is none of ModelConfig or TrainConfig.
        """
        wanted = {**settings, "seed": seed, "dtype": "float32"}
        run = make_run_config(preset("tiny"), corpus=self.corpus, minutes=None, changes=wanted)
        trainer = pipeline.new_trainer(
            replace(run, train=replace(run.train, steps=self.updates)),
            pipeline.PreparedData(
                self.tokenizer, *(open_shards(self.folder / split, self.tokenizer) for split in ("train", "validation"))
            ),
            device=torch.device("cpu"),
            components=as_run_components(self.parts, notice=lambda text: None),
        )
        trainer.validation = []  # the judge measures
        with one_thread():
            trainer.run()
        return trainer.model.eval()

    def judge(self, model: Decoder) -> dict[str, float]:
        """How good a model is: four numbers, of held-out stories and of stories that it tells.

        Returns:
            "bits_per_byte" of held-out stories, each in a row of its own; of the stories that it tells: "consistent",
            the share that ends and holds together, "distinct_4", the share of their runs of four words that are
            different, and "copied_words", the median of the longest run of words that stands in a training story too.
        """
        held_out = validation_batches(
            open_shards(self.folder / "validation", self.tokenizer),
            batch_size=HELD_OUT_ROWS,
            seq_len=model.config.max_seq_len,
            limit=1 if self.stories == FAST_STORIES else HELD_OUT_BATCHES,
            align_documents=True,
        )
        sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=MAX_TOKENS, seed=1)
        told = sample_stories(model, self.tokenizer, [""] * self.stories, sampling=sampling, batch_size=self.stories)
        return {
            "bits_per_byte": evaluate(model, held_out, byte_lengths=byte_lengths(self.tokenizer)).bits_per_byte or 0.0,
            "consistent": told.complete_and_consistent,
            "distinct_4": told.distinct(4),
            "copied_words": float(median(self.copies.longest(story.text).words for story in told.stories)),
        }


def open_tracker() -> Any:
    """MLflow, which keeps its runs in the current folder or where MLFLOW_TRACKING_URI says; without it, a list."""
    if find_spec("mlflow") is None:
        print("MLflow is not installed: the runs are kept in this notebook only.")
        return PracticeTracker()
    connect(store_uri())  # makes the database where there is none
    mlflow = load_mlflow()
    mlflow.set_tracking_uri(store_uri())
    mlflow.set_experiment(EXPERIMENT)
    return mlflow


def show_mlflow_page() -> None:
    """Show how MLflow's page compares the four runs of a brief, as a picture that was taken of one of 300 updates."""
    picture = base64.b64encode((files(__package__) / MLFLOW_PICTURE).read_bytes()).decode()
    text = "MLflow's page of the experiment storyteller: the four runs of a brief of 300 updates, with what differs."
    publish_html(f'<img alt="{text}" style="max-width:100%" src="data:image/png;base64,{picture}"/>', text)


def show_results(results: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """A table of the judge's figures, a row for each run, and the bits per byte as dots.

    Args:
        results: the figures of each run, by what was done ("as it is" and "changed"), in the order of the seeds from 1
            on.
    """
    rows = [
        [f"{kind}, seed {seed}", *run.values()] for kind, runs in results.items() for seed, run in enumerate(runs, 1)
    ]
    table(rows, header=["", *next(iter(results.values()))[0]])
    bits = {kind: [run["bits_per_byte"] for run in runs] for kind, runs in results.items()}
    apart = "apart" if max(map(min, bits.values())) > min(map(max, bits.values())) else "not apart"
    dots(bits, title=f"The two groups are {apart}", xlabel="bits per byte of held-out stories; a dot for each seed")
