"""Lesson 05: the lesson's pieces with the library's models.

A filter takes the logits (B, V) of the next token and `seen` (B, V), True where a row already holds that token; it
gives new logits, minus infinity for a token that must not come. That is the form of `storyteller.inference.sampling`,
so each filter of the lesson also runs in the library's sampler.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from storyteller.config import preset
from storyteller.inference.generate import encode_prompt, whole_story
from storyteller.inference.sampling import Filter, row_seed
from storyteller.inference.sampling import filters_for as library_filters_for
from storyteller.inference.sampling import uniform_draws as numbers_for
from storyteller.inference.sampling_options import Sampling
from storyteller.runs.load import load_model
from storyteller.runs.pipeline import train
from storyteller.runs.run_config import RunConfig
from storyteller.tokenizer import Tokenizer
from storyteller.training.events import Event, StepDone
from storyteller.transformer.decoder import Decoder

CORPUS = "storyworld-small:everyday"
FILTERS = {
    "apply_temperature": "temperature",
    "keep_top_k": "top_k",
    "keep_top_p": "top_p",
    "keep_min_p": "min_p",
    "penalize_repetition": "repetition_penalty",
}  # exercise -> the argument of the library's `filters_for` that it replaces
Cache = tuple[Tensor, Tensor]  # what a layer remembers: keys and values, (B, H, S, Dh) each


def train_apprentice(folder: Path, *, updates: int, stories: int | None = None) -> tuple[Decoder, Tokenizer]:
    """The course's `tiny` model with the library's own parts, trained for some updates; its run is in the folder.

    Args:
        folder: of the run; three checkpoints are kept.
        updates: of the weights.
        stories: to train on; None takes as many as the preset.
    """
    tiny, threads = preset("tiny"), torch.get_num_threads()
    config = RunConfig(
        preset=tiny.name,
        corpus=CORPUS,
        stories=stories or tiny.stories,
        model=tiny.model,
        train=replace(tiny.train, steps=updates, checkpoint_every=max(1, updates // 3), keep_checkpoints=3),
        threads=1,
    )
    losses: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, StepDone):
            losses.append(event.loss)

    train(config, folder, notice=print, on_event=note, device=torch.device("cpu"))
    torch.set_num_threads(threads)
    model, tokenizer = load_model(folder)
    print(f"{updates} updates, loss {losses[0]:.2f} to {losses[-1]:.2f}")
    return model.eval(), tokenizer


def filters_of(sampling: Sampling, **parts: Callable[..., Tensor]) -> list[Filter]:
    """The filters that `sampling` asks for, as `inference.sampling.filters_for`, with the parts of this lesson.

    Args:
        sampling: which filters, and how strong.
        parts: replacements by the names of this lesson's exercises, such as `keep_top_k`.
    """
    renamed: dict[str, Any] = {FILTERS[name]: part for name, part in parts.items()}
    return library_filters_for(sampling, **renamed)


def tell_with(
    generate: Callable[..., list[list[int]]],
    model: Decoder,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    *,
    sampling: Sampling,
    filters: Sequence[Filter],
    step: Callable[..., tuple[Tensor, Cache]] | None = None,
) -> list[str]:
    """Tell stories with a function such as `generate`: story i draws the numbers of row i of a batch.

    Openings of different lengths are told one by one, for `generate` takes prompts of one length. The model is left in
    evaluation mode.

    Args:
        generate: has the signature of the lesson's.
        model: reads the tokens.
        tokenizer: the model's.
        openings: of the stories.
        sampling: how many tokens, and the seed of the draws.
        filters: for `generate`.
        step: a function such as `attend_cached`: then each token is read once. None reads all tokens each time.
    """
    stories = []
    model.eval()  # in training an expert may turn tokens away
    for number, opening in enumerate(openings):
        prompt = torch.tensor([encode_prompt(model, tokenizer, opening)])  # (1, P)
        draws = numbers_for(1, sampling.max_new_tokens, seed=row_seed(sampling.seed, number))  # (1, S)
        [row] = generate(
            (lambda ids: model(ids).logits) if step is None else CachedReader(model, step),
            prompt,
            filters,
            draws,
            stop=tokenizer.end_id,
            context=model.config.max_seq_len,
        )
        stories.append(whole_story(tokenizer, opening, row))
    return stories


class CachedReader:
    """A model as `generate` calls it, logits (B, T, V) for ids (B, T), that reads no token twice.

    As long as the ids begin with those of the call before, only what is new goes through the model. Once the oldest
    ones are cut off, every token stands at another place, and all are read again.

    Args:
        model: with rotary positions.
        step: a function such as `attend_cached`.
    """

    def __init__(self, model: Decoder, step: Callable[..., tuple[Tensor, Cache]]) -> None:
        self.model, self.step = model, step
        self.tokens_read = 0  # so far
        self._forget()

    def _forget(self) -> None:
        self._ids, self._logits = torch.empty(0, 0, dtype=torch.int64), torch.empty(0)
        self._caches: list[Cache | None] = [None] * self.model.config.n_layers

    def __call__(self, ids: Tensor) -> Tensor:
        """(B, T) to (B, T, V)."""
        known = self._ids.shape[1]
        if len(self._ids) != len(ids) or not torch.equal(self._ids, ids[:, :known]):
            self._forget()
            known = 0
        if known < ids.shape[1]:
            new = read_on(self.model, ids[:, known:], self._caches, self.step)
            self._logits = torch.cat((self._logits, new), dim=1) if known else new  # (B, T, V)
            self.tokens_read += ids.shape[1] - known
        self._ids = ids
        return self._logits


@torch.no_grad()
def read_on(
    model: Decoder, ids: Tensor, caches: list[Cache | None], step: Callable[..., tuple[Tensor, Cache]]
) -> Tensor:
    """The logits (B, T, V) of new tokens (B, T), through the library's model, with a function such as `attend_cached`.

    Args:
        model: with rotary positions.
        ids: (B, T) the new tokens.
        caches: one for each layer, None before the first call; they are replaced by the new ones.
        step: does the attention.
    """
    cos, sin = model.get_buffer("cos"), model.get_buffer("sin")
    x = model.embedding(ids)  # (B, T, D)
    blocks: Any = model.blocks
    for layer, block in enumerate(blocks):
        attention = block.attention
        H, G, Dh = attention.n_heads, attention.n_kv_heads, attention.head_dim
        heads = attention.qkv(block.attention_norm(x)).unflatten(-1, (-1, Dh)).transpose(1, 2)  # (B, H + 2G, T, Dh)
        q, k, v = heads.split((H, G, G), dim=1)
        k, v = (part.repeat_interleave(H // G, dim=1) for part in (k, v))  # (B, H, T, Dh) each
        y, caches[layer] = step(q, k, v, caches[layer], cos, sin)
        x = x + attention.out(y.transpose(1, 2).flatten(2))  # (B, T, D)
        thought = block.feed_forward(block.feed_forward_norm(x))
        x = x + (thought[0] if isinstance(thought, tuple) else thought)
    head = model.embedding if model.head is None else model.head
    logits: Tensor = model.norm(x) @ head.weight.T
    return logits
