"""Checkpoints and sampling settings side by side: how well they predict, and what their own stories are like.

    rows = compare(
        {"half-way": load_model(run / "step-001500"), "end": load_model(run)},
        {"0.5": Sampling(temperature=0.5), "1.0": Sampling(temperature=1.0)},
        corpora={"storyworld": held_out},
        openings=[""] * 50,
        trained_on={"half-way": copies, "end": copies},  # copies = CopyFinder(training_stories)
    )
    print(rows[0].figures())

Read the figures together. A low temperature makes stories consistent and alike; a model that memorizes its training
data is consistent and varied, and tells nothing of its own.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from storyteller.evaluation.stories import SampledStory, SampleReport, measure, sample_stories
from storyteller.evaluation.text_metrics import Copied, CopyFinder
from storyteller.inference.sampling_options import Sampling
from storyteller.storyworld import contradictions
from storyteller.tokenizer import Tokenizer
from storyteller.training.losses import Metrics
from storyteller.transformer.decoder import Decoder

Notice = Callable[[str], None]  # called with a sentence


@dataclass(frozen=True, kw_only=True)
class Row:
    """One checkpoint with one sampling setting."""

    checkpoint: str
    sampling: str
    metrics: Mapping[str, Metrics]  # by corpus; the sampling has no part in it
    report: SampleReport
    copied: tuple[Copied, ...]  # each story's longest run of words out of the training texts; empty if not looked for

    def figures(self) -> dict[str, float]:
        """The figures by name, as for a table, JSON or a tracker; shares are 0 to 1, lengths in words."""
        predicted = {
            f"{figure}, {corpus}": value
            for corpus, metrics in self.metrics.items()
            for figure, value in (("perplexity", metrics.perplexity), ("bits per byte", metrics.bits_per_byte))
            if value is not None
        }
        of_stories = {
            "consistent": self.report.complete_and_consistent,  # as `make story` counts
            "ended": self.report.ended,
            "words": self.report.words,
            "distinct 2-grams": self.report.distinct(2),
            "distinct 4-grams": self.report.distinct(4),
            "repetition": self.report.repetition,
        }
        lengths = [copied.words for copied in self.copied]
        copied = {"copied words, median": median(lengths), "copied words, most": max(lengths)} if lengths else {}
        return predicted | of_stories | copied


def compare(
    models: Mapping[str, tuple[Decoder, Tokenizer]],
    samplings: Mapping[str, Sampling],
    *,
    corpora: Mapping[str, Sequence[str]],
    openings: Sequence[str],
    trained_on: Mapping[str, CopyFinder] | None = None,
    aligned: Collection[str] = (),
    notice: Notice = lambda text: None,
) -> list[Row]:
    """Measure every checkpoint on every corpus, and let it tell stories with every setting.

    Args:
        models: checkpoints by name, each a model and its tokenizer.
        samplings: settings by name. Give them all the same seed, so that they differ in nothing else.
        corpora: held-out texts by name.
        openings: how the stories begin, one story each; "" leaves the beginning to the model.
        trained_on: the training texts of a checkpoint, by its name, to find what is copied from them.
        aligned: names of the checkpoints that were trained on whole stories, which are measured on whole stories.
        notice: called with what is being done.

    Returns:
        A row for each checkpoint and setting, in their order.

    Raises:
        StorytellerError: a corpus is empty, or a tokenizer is not its model's.
    """
    rows = []
    finders = trained_on or {}
    for checkpoint, (model, tokenizer) in models.items():
        notice(f"Reading held-out stories with {checkpoint} ...")
        metrics = {
            name: measure(model, tokenizer, texts, align_documents=checkpoint in aligned)
            for name, texts in corpora.items()
        }
        for name, sampling in samplings.items():
            notice(f"Letting {checkpoint} tell {len(openings)} stories with {name} ...")
            report = sample_stories(model, tokenizer, openings, sampling=sampling)
            finder = finders.get(checkpoint)
            copied = tuple(finder.longest(story.text) for story in report.stories) if finder else ()
            rows.append(Row(checkpoint=checkpoint, sampling=name, metrics=metrics, report=report, copied=copied))
    return rows


def corpus_row(corpus: str, texts: Sequence[str], *, copies: CopyFinder | None = None) -> Row:
    """The same figures of stories that no model wrote: what a model that has learned its corpus should come near to.

    Held-out stories copy from the training stories too, for every corpus has its turns of phrase. A model that
    copies no more than they do has not memorized its data.

    Args:
        corpus: its name.
        texts: held-out stories of it, as many as a model tells.
        copies: the training texts.
    """
    report = SampleReport(tuple(SampledStory(text, True, tuple(contradictions(text, is_whole=True))) for text in texts))
    copied = tuple(copies.longest(text) for text in texts) if copies else ()
    return Row(checkpoint=corpus, sampling="held-out stories", metrics={}, report=report, copied=copied)
