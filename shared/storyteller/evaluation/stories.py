"""How good a model is as a storyteller: how well it predicts stories, and whether its own hold together.

    metrics = measure(model, tokenizer, (story.text for story in held_out))
    report = sample_stories(model, tokenizer, openings, sampling=Sampling(temperature=0.8))
    print(metrics.bits_per_byte, report.consistent, report.counts)
    report.save(Path("stories.txt"))  # and read them: a number alone says little

Neither figure is enough by itself. A model may predict well and lose track of who owns the kite, and it may contradict
itself never because it tells the same story every time: hence `distinct` next to the share of consistent stories.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.evaluation.text_metrics import distinct_n, repetition
from storyteller.inference.generate import encode_prompt, generate, whole_story
from storyteller.inference.generation_config import read_sampling
from storyteller.inference.sampling_options import Sampling
from storyteller.storyworld import Contradiction, contradictions
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import InMemoryTokens, validation_batches
from storyteller.training.losses import Metrics, byte_lengths, evaluate
from storyteller.transformer.decoder import Decoder
from storyteller.utils.atomic_io import read_json, write_json

SAMPLED_STORIES = 100  # sampled from the model to see how many hold together

Check = Callable[..., Sequence[Contradiction]]  # what in a text cannot be true together, called as `contradictions` is


def measure(
    model: Decoder, tokenizer: Tokenizer, texts: Iterable[str], *, batch_size: int = 16, align_documents: bool = False
) -> Metrics:
    """How well the model predicts texts: loss in nats a token, perplexity and bits per byte.

    Bits per byte is the surprise at all tokens, in bits, over the bytes of the texts, so that models with different
    tokenizers can be compared. The end-of-text token after each text is predicted too: its surprise counts, and it has
    no bytes. The router's auxiliary losses have no part in any of the figures. The texts are packed one after the other
    and cut into sequences of `max_seq_len`; with `align_documents`, each begins a sequence of its own. Take what the
    model was trained with: one that has only seen whole stories is surprised by half of one.

    Raises:
        StorytellerError: there is no text, or the tokenizer is not the model's.
    """
    start = encode_prompt(model, tokenizer, "")
    documents = [tokenizer.encode(text, special="escape") for text in texts]
    if not documents:
        raise StorytellerError("There is no text to measure the model on; pass at least one story.")
    # The end token in front makes the first token of the first text a target as well.
    source = InMemoryTokens.pack([start[:-1], *documents], end_id=tokenizer.end_id)
    T = model.config.max_seq_len
    batches = validation_batches(source, batch_size=batch_size, seq_len=T, align_documents=align_documents)
    return evaluate(model, batches, byte_lengths=byte_lengths(tokenizer))


@dataclass(frozen=True)
class SampledStory:
    """A story that the model generated."""

    text: str  # its opening included
    ended: bool  # the model ended it; otherwise it was cut at max_new_tokens
    contradictions: tuple[Contradiction, ...]


@dataclass(frozen=True)
class SampleReport:
    """What a number of sampled stories are like. A figure is NaN where there is no story."""

    stories: tuple[SampledStory, ...]

    @property
    def consistent(self) -> float:
        """The share of stories without a contradiction."""
        return _mean(not story.contradictions for story in self.stories)

    @property
    def complete_and_consistent(self) -> float:
        """Share of stories that came to their end without a contradiction; babble that never ends does not count."""
        return _mean(story.ended and not story.contradictions for story in self.stories)

    @property
    def ended(self) -> float:
        """The share of stories that came to their end."""
        return _mean(story.ended for story in self.stories)

    @property
    def words(self) -> float:
        """The mean length in words."""
        return _mean(len(story.text.split()) for story in self.stories)

    @property
    def counts(self) -> dict[str, int]:
        """For each kind of contradiction, most frequent first, the number of stories that have it."""
        kinds = Counter(kind for story in self.stories for kind in {each.kind for each in story.contradictions})
        return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))

    def distinct(self, n: int = 4) -> float:
        """The share of word n-grams of all stories that are different ones: near 0 if they repeat each other."""
        return distinct_n((story.text for story in self.stories), n)

    @property
    def repetition(self) -> float:
        """The mean share of a story's word 4-grams that occurred earlier in it."""
        return _mean(repetition(story.text) for story in self.stories)

    def save(self, path: Path) -> None:
        """Write the stories into a text file to be read, each with its contradictions below it."""
        parts = []
        for number, story in enumerate(self.stories, start=1):
            notes = [f"  ! {each.kind}: {each.explanation}" for each in story.contradictions]
            cut = [] if story.ended else ["  (cut)"]
            parts.append("\n".join([f"--- {number} ---", story.text.strip(), *cut, *notes]))
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def sample_stories(
    model: Decoder,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    *,
    sampling: Sampling,
    batch_size: int = 16,
    check: Check = contradictions,
) -> SampleReport:
    """Let the model tell a story for each opening, and look for contradictions.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        openings: how the stories begin; "" leaves the beginning to the model.
        sampling: how tokens are chosen. Story i draws as row i of one batch, whatever the batch size.
        batch_size: stories generated at once; it changes the time and the memory, not the stories.
        check: gives the contradictions of a text; a story that the model has ended `is_whole`.

    Raises:
        StorytellerError: an opening is no text, or the tokenizer is not the model's.
    """
    stories = []
    for first in range(0, len(openings), batch_size):
        batch = openings[first : first + batch_size]
        prompts = [encode_prompt(model, tokenizer, opening) for opening in batch]
        rows = generate(model, prompts, sampling=sampling, first_row=first, stop={tokenizer.end_id})
        for opening, row in zip(batch, rows, strict=True):
            text = whole_story(tokenizer, opening, row)
            ended = row[-1] == tokenizer.end_id
            stories.append(SampledStory(text, ended, tuple(check(text, is_whole=ended))))
    return SampleReport(tuple(stories))


def consistency(folder: Path, model: Decoder, tokenizer: Tokenizer, *, notice: Callable[[str], None]) -> dict[str, Any]:
    """What share of 100 stories that the model tells by itself has no contradiction; measured once for a run.

    Returns:
        "stories" how many, "consistent" the share that ended without a contradiction, "ended" the share that ended,
        "contradictions" for each kind the number of stories that have it.
    """
    file = folder / "sampled.json"
    if not file.is_file():
        notice(f"Letting the model tell {SAMPLED_STORIES} stories, to see how many hold together ...")
        sampling = replace(read_sampling(folder), seed=1000)
        report = sample_stories(model, tokenizer, [""] * SAMPLED_STORIES, sampling=sampling, batch_size=50)
        report.save(folder / "sampled.txt")
        figures = {"stories": SAMPLED_STORIES, "consistent": report.complete_and_consistent, "ended": report.ended}
        write_json(file, figures | {"contradictions": report.counts})
    values: dict[str, Any] = read_json(file, way_out="delete it, and the stories are told anew")
    return values


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return fmean(numbers) if numbers else float("nan")
