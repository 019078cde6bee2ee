"""Telling a text: the loop that reads, chooses a token, and reads on.

`generate` continues a batch of prompts, `stream` one prompt, token by token; `tell` and `stream_text` do the same with
text. How a token is chosen from the model's scores stands in `storyteller.inference.sampling`.

    model, tokenizer = load_model(Path("runs/tiny"))
    for piece in stream_text(model, tokenizer, "Once upon a time", sampling=Sampling(temperature=0.8)):
        print(piece, end="", flush=True)

Legend: `B` rows (texts told at once), `T` tokens, `V` vocabulary.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.inference.sampling import (
    Filter,
    Sampling,
    apply_filters,
    filters_for,
    probabilities,
    sample_inverse_cdf,
    uniform_draws,
)
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder, Output

__all__ = [
    "Filter",
    "Sampling",
    "encode_prompt",
    "filters_for",
    "generate",
    "probabilities",
    "sample_inverse_cdf",
    "stream",
    "stream_text",
    "tell",
    "uniform_draws",
    "whole_characters",
]

ONE_THREAD = 50_000_000  # tokens times parameters up to which one thread was the faster on a CPU; see `_threads_for`


class _Reader:
    """Gives the scores of the next token of B growing rows, and keeps each within the model's context.

    Rows of different lengths are padded on the left, so that all of them end, and grow, at the same column. The padding
    is invisible to the model and takes up no position: a row gets the scores that it would get alone.

    A prompt that is longer than the context loses its oldest tokens. A row that outgrows the context in generation
    forgets its older half, and the cache is filled anew: one long pass for every max_seq_len / 2 tokens of a row.
    """

    def __init__(
        self, model: Decoder, prompts: Sequence[Sequence[int]], *, max_new_tokens: int, use_cache: bool
    ) -> None:
        self.model, self.context = model, model.config.max_seq_len
        self.device = next(model.parameters()).device
        self.windows = [list(prompt[-self.context :]) for prompt in prompts]  # what the model sees of each row
        room = min(self.context, max(map(len, self.windows)) + max_new_tokens)
        self.cache = model.new_cache(batch_size=len(prompts), capacity=room) if use_cache else None

    def read(self) -> Tensor:
        """Read the windows from their beginning: scores (B, V)."""
        longest = max(map(len, self.windows))
        padding = [longest - len(window) for window in self.windows]
        rows = [[0] * n + window for n, window in zip(padding, self.windows, strict=True)]
        ids = torch.tensor(rows, device=self.device)  # (B, T)
        real = None
        if any(padding):
            real = (
                torch.arange(longest, device=self.device) >= torch.tensor(padding, device=self.device)[:, None]
            )  # (B, T)
        if self.cache is not None:
            self.cache.reset()
        output: Output = self.model(ids, attention_mask=real, cache=self.cache, last_position_only=True)
        return output.logits[:, -1].float()

    def read_next(self, tokens: Tensor) -> Tensor:
        """Add a token (B,) to each row: scores (B, V)."""
        for window, token in zip(self.windows, tokens.tolist(), strict=True):
            window.append(token)
        full = any(len(window) > self.context for window in self.windows)
        if full:
            keep = max(1, self.context // 2)
            self.windows = [row[-keep:] if len(row) > self.context else row for row in self.windows]
        if full or self.cache is None:
            return self.read()
        output: Output = self.model(tokens[:, None], cache=self.cache, last_position_only=True)
        return output.logits[:, -1].float()


@torch.inference_mode()
def _steps(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    *,
    sampling: Sampling,
    stop: Iterable[int],
    filters: Iterable[Filter] | None,
    use_cache: bool,
) -> Iterator[list[int | None]]:
    """The loop: each step gives a token for each row, or None for a row that has ended."""
    _check_prompts(model, prompts)
    chain, stop = filters_for(sampling) if filters is None else list(filters), set(stop)
    reader = _Reader(model, prompts, max_new_tokens=sampling.max_new_tokens, use_cache=use_cache)
    draws = uniform_draws(len(prompts), sampling.max_new_tokens, seed=sampling.seed).to(reader.device)  # (B, steps)
    seen = torch.zeros(len(prompts), model.config.vocab_size, dtype=torch.bool, device=reader.device)  # (B, V)
    for row, prompt in enumerate(prompts):
        seen[row, torch.tensor(prompt, device=reader.device)] = True
    going = [True] * len(prompts)
    tokens = None
    work = len(prompts) * sum(parameter.numel() for parameter in model.parameters())  # of a step: a token a row
    longest = max(map(len, prompts))
    with _in_eval_mode(model):
        for step in range(sampling.max_new_tokens):
            with _threads_for(work if step else work * longest):
                logits = reader.read() if tokens is None else reader.read_next(tokens)  # (B, V)
                logits = apply_filters(logits, chain, seen=seen)
                tokens = logits.argmax(-1) if sampling.greedy else _draw(logits, draws[:, step])  # (B,)
                seen.scatter_(1, tokens[:, None], True)
            chosen = tokens.tolist()
            # A row that has ended goes on unheard: leaving it in costs less than taking it out of the cache.
            yield [token if on else None for token, on in zip(chosen, going, strict=True)]
            going = [on and token not in stop for token, on in zip(chosen, going, strict=True)]
            if not any(going):
                return


def _draw(logits: Tensor, uniform: Tensor) -> Tensor:
    probs = logits.softmax(-1)
    if probs.isnan().any():
        raise StorytellerError(
            "There is no token to choose from: the model's scores are not numbers (its training diverged), or the "
            "filters removed every token; loosen the filters or use an earlier checkpoint."
        )
    return sample_inverse_cdf(probs, uniform)


@contextmanager
def _threads_for(work: int) -> Iterator[None]:
    """Let torch use one thread where there is little to do: `work` is tokens to read times parameters.

    The products of a small model take microseconds, and to wake a second thread for each takes ten times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if work > ONE_THREAD else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _in_eval_mode(model: Decoder) -> Iterator[None]:
    """In training an expert may turn tokens away for want of room; a text must not depend on those told beside it."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _check_prompts(model: Decoder, prompts: Sequence[Sequence[int]]) -> None:
    for row, prompt in enumerate(prompts):
        if not len(prompt):
            raise StorytellerError(f"Prompt {row} has no tokens; begin a story with the end-of-text token.")
        if not 0 <= min(prompt) <= max(prompt) < model.config.vocab_size:
            raise StorytellerError(
                f"Prompt {row} has token ids from {min(prompt)} to {max(prompt)}, but this model's vocabulary has "
                f"{model.config.vocab_size}: use the tokenizer it was trained with."
            )


def generate(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    *,
    sampling: Sampling,
    stop: Iterable[int] = (),
    filters: Iterable[Filter] | None = None,
    use_cache: bool = True,
) -> list[list[int]]:
    """Continue each prompt.

    Every row gets the tokens that it would get alone: greedy from the model, drawn with the seed `sampling.seed` + row.
    (Up to rounding: the scores of a batch differ in the seventh digit, which decides between two tokens hardly ever.)

    Args:
        model: from `storyteller.runs.load.load_model` or `storyteller.moe.layer.build_model`.
        prompts: B lists of token ids, of any lengths from 1.
        sampling: how tokens are chosen, and how many at most.
        stop: ids that end a row, usually `{tokenizer.end_id}`.
        filters: what is done to the scores before a token is chosen; `filters_for(sampling)` by default.
        use_cache: False reads the whole text again for every token: the same tokens, much slower.

    Returns:
        B lists of new token ids, without the prompts. A row that a stop token ended has it as its last id; one without
        was cut at `sampling.max_new_tokens`.

    Raises:
        StorytellerError: a prompt is empty or has ids that the model does not know.
    """
    if not prompts:
        return []
    rows: list[list[int]] = [[] for _ in prompts]
    for step in _steps(model, prompts, sampling=sampling, stop=stop, filters=filters, use_cache=use_cache):
        for row, token in zip(rows, step, strict=True):
            if token is not None:
                row.append(token)
    return rows


def stream(
    model: Decoder,
    prompt: Sequence[int],
    *,
    sampling: Sampling,
    stop: Iterable[int] = (),
    filters: Iterable[Filter] | None = None,
) -> Iterator[int]:
    """The same tokens as `generate(model, [prompt], ...)`, each as soon as it is chosen."""
    for (token,) in _steps(model, [prompt], sampling=sampling, stop=stop, filters=filters, use_cache=True):
        assert token is not None  # a lone row ends the loop when it ends
        yield token


def encode_prompt(model: Decoder, tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a story's opening, behind the end-of-text token that stood before every story in training.

    Raises:
        StorytellerError: the text holds a special token or half a character, or the tokenizer is not the model's.
    """
    if tokenizer.vocab_size != model.config.vocab_size:
        raise StorytellerError(
            f"The tokenizer has {tokenizer.vocab_size} tokens and the model {model.config.vocab_size}: "
            "use the tokenizer.json that the model was trained with."
        )
    return [tokenizer.end_id, *tokenizer.encode(text)]


def whole_characters(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Turn ids into text as they come, without special tokens.

    A byte-level token may end in the middle of a character; its bytes wait here until the rest has come. The pieces
    together are `tokenizer.decode(ids, skip_special=True)`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in ids:
        if token != tokenizer.end_id and (piece := decoder.decode(tokenizer.token_bytes(token))):
            yield piece
    if rest := decoder.decode(b"", final=True):  # the text was cut within a character
        yield rest


def stream_text(
    model: Decoder,
    tokenizer: Tokenizer,
    opening: str,
    *,
    sampling: Sampling,
    filters: Iterable[Filter] | None = None,
) -> Iterator[str]:
    """The continuation of an opening (which may be empty), in pieces of whole characters as they are chosen.

    Raises:
        StorytellerError: as in `encode_prompt`.
    """
    prompt = encode_prompt(model, tokenizer, opening)
    ids = stream(model, prompt, sampling=sampling, stop={tokenizer.end_id}, filters=filters)
    return whole_characters(tokenizer, ids)


def tell(
    model: Decoder,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    *,
    sampling: Sampling,
    filters: Iterable[Filter] | None = None,
) -> list[str]:
    """Whole stories, each beginning with its opening, told side by side.

    Raises:
        StorytellerError: as in `encode_prompt`.
    """
    prompts = [encode_prompt(model, tokenizer, opening) for opening in openings]
    rows = generate(model, prompts, sampling=sampling, stop={tokenizer.end_id}, filters=filters)
    return [opening + tokenizer.decode(row, skip_special=True) for opening, row in zip(openings, rows, strict=True)]
