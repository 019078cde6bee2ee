"""Supervised fine-tuning: prompts and their stories, where only the story is learned.

    >>> supervised_row([7, 8], [5, 6], end_id=0)  # the prompt 7 8, the story 5 6
    ([0, 7, 8, 5, 6], [-100, -100, 5, 6, 0])

A model that is asked for a story shall not learn to ask: the prompt is read, and nothing of it is a target. A story
without a prompt is learned from its first token on.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import IGNORE_INDEX, PAD_DOCUMENT, Batch

AFTER_PROMPT = "\n\n"  # between a prompt and its story, as `storyteller preprocess --prompts` puts it


class Pair(NamedTuple):
    """A prompt and its story as token ids."""

    prompt: list[int]  # empty for a story without one
    story: list[int]


def as_opening(prompt: str) -> str:
    """What to give a fine-tuned model so that it tells the story that the prompt asks for."""
    return " ".join(prompt.split()) + AFTER_PROMPT


def encode_pairs(stories: Iterable[Story], tokenizer: Tokenizer, *, max_seq_len: int) -> list[Pair]:
    """Stories and their prompts as token ids, without those whose prompt leaves no room for a story.

    Raises:
        StorytellerError: none is left.
    """
    pairs = [
        Pair(
            tokenizer.encode(as_opening(story.prompt), special="escape") if story.prompt else [],
            tokenizer.encode(story.text, special="escape"),
        )
        for story in stories
    ]
    fitting = [pair for pair in pairs if len(pair.prompt) < max_seq_len]
    if not fitting:
        raise StorytellerError(
            f"None of {len(pairs)} stories has a prompt that leaves room in a context of {max_seq_len} tokens: choose "
            "another corpus, or a model with a larger max_seq_len."
        )
    return fitting


def supervised_row(prompt: Sequence[int], story: Sequence[int], *, end_id: int) -> tuple[list[int], list[int]]:
    """Inputs and targets, shifted by one, with -100 for the tokens of the prompt.

    The row begins with the end token, as every story does, and the end token behind the story is its last target.
    """
    ids = [end_id, *prompt, *story, end_id]
    return ids[:-1], [IGNORE_INDEX] * len(prompt) + ids[1 + len(prompt) :]


def supervised_batch(pairs: Sequence[Pair], *, end_id: int, seq_len: int) -> Batch:
    """One row a pair, padded behind its end; of a story that is too long, what fits."""
    rows = [supervised_row(*pair, end_id=end_id) for pair in pairs]
    B, T = len(rows), min(seq_len, max(len(inputs) for inputs, _ in rows))
    inputs, targets = torch.zeros(B, T, dtype=torch.int64), torch.full((B, T), IGNORE_INDEX)
    documents = torch.full((B, T), PAD_DOCUMENT)
    for row, (read, wanted) in enumerate(rows):
        n = min(T, len(read))
        inputs[row, :n], targets[row, :n], documents[row, :n] = torch.tensor(read[:n]), torch.tensor(wanted[:n]), row
    return Batch(inputs, targets, documents)


class PairBatches:
    """An endless iterator over shuffled batches of pairs that can be put back to any place: a `BatchSource`.

    Each epoch has an order of its own, a pure function of seed and epoch; what is left at its end goes with the next.
    """

    def __init__(self, pairs: Sequence[Pair], *, batch_size: int, seq_len: int, end_id: int, seed: int) -> None:
        self.pairs, self.batch_size, self.seq_len, self.end_id, self.seed = pairs, batch_size, seq_len, end_id, seed
        self.position = 0  # pairs given out so far, over all epochs
        self._epoch, self._order = -1, np.arange(0)

    def __next__(self) -> Batch:
        chosen = []
        for position in range(self.position, self.position + self.batch_size):
            epoch, place = divmod(position, len(self.pairs))
            if epoch != self._epoch:
                self._epoch = epoch
                self._order = np.random.default_rng([self.seed, epoch]).permutation(len(self.pairs))
            chosen.append(self.pairs[self._order[place]])
        self.position += self.batch_size
        return supervised_batch(chosen, end_id=self.end_id, seq_len=self.seq_len)

    def state_dict(self) -> dict[str, int]:
        """The place in the pairs."""
        return {"position": self.position, "pairs": len(self.pairs), "seed": self.seed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place.

        Raises:
            StorytellerError: it was saved with other pairs or another seed.
        """
        own = self.state_dict()
        for name in ("pairs", "seed"):
            if state.get(name) != own[name]:
                raise StorytellerError(
                    f"The checkpoint was made with {name} {state.get(name)}, and this run has {own[name]}: "
                    "go on with the settings that the run was started with, or choose another folder."
                )
        self.position = state["position"]
