"""Autoregressive generation: prefill, then decode, with a key-value cache.

`generate` continues a batch of prompts, `stream` one prompt, token by token; `tell` and `stream_text` do the same with
text. How a token is sampled from the logits: `storyteller.inference.sampling`.

    model, tokenizer = load_model(Path("runs/tiny"))
    for piece in stream_text(model, tokenizer, "Once upon a time", sampling=Sampling(temperature=0.8)):
        print(piece, end="", flush=True)

An opening may end in a space, as a typist leaves it. Tokens carry their space in front, so that space is held back for
the next token: the story is that of the opening without it, and the text has it once.

Legend: `B` rows (texts generated at once), `T` tokens, `V` vocabulary.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.inference.sampling import Filter, apply_filters, filters_for, sample_inverse_cdf, uniform_draws
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.router import Routing
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder, Output

SINGLE_THREAD_WORK = 50_000_000  # tokens times parameters up to which one thread was the faster on a CPU


class _SlidingContext:
    """The logits of the next token of B growing rows, each kept within the model's context.

    `prefill` reads the rows from their beginning, `decode` adds a token to each. Rows of different lengths are padded
    on the left, so that all of them end, and grow, at the same column. The padding is invisible to the model and takes
    up no position: a row gets the logits that it would get alone.

    A prompt that is longer than the context loses its oldest tokens. A row that outgrows the context in generation
    forgets its older half, and the cache is filled anew: one prefill for every max_seq_len / 2 tokens of a row.

    Attributes:
        routing: what each MoE layer decided about the tokens of the last pass.
    """

    routing: list[Routing]

    def __init__(
        self, model: Decoder, prompts: Sequence[Sequence[int]], *, max_new_tokens: int, use_cache: bool
    ) -> None:
        self.model, self.max_len = model, model.config.max_seq_len
        self.device = next(model.parameters()).device
        self.windows = [list(prompt[-self.max_len :]) for prompt in prompts]  # what the model sees of each row
        capacity = min(self.max_len, max(map(len, self.windows)) + max_new_tokens)
        self.cache = model.new_cache(batch_size=len(prompts), capacity=capacity) if use_cache else None

    def prefill(self) -> Tensor:
        """Read the windows from their beginning: logits (B, V)."""
        longest = max(map(len, self.windows))
        padding = torch.tensor([longest - len(window) for window in self.windows], device=self.device)  # (B,)
        rows = [[0] * (longest - len(window)) + window for window in self.windows]
        ids = torch.tensor(rows, device=self.device)  # (B, T)
        is_token = torch.arange(longest, device=self.device) >= padding[:, None]  # (B, T)
        if self.cache is not None:
            self.cache.reset()
        output: Output = self.model(
            ids,
            attention_mask=None if all(len(window) == longest for window in self.windows) else is_token,
            cache=self.cache,
            last_position_only=True,
        )
        self.routing = output.routing
        return output.logits[:, -1].float()

    def decode(self, tokens: Tensor) -> Tensor:
        """Add a token (B,) to each row: logits (B, V)."""
        for window, token in zip(self.windows, tokens.tolist(), strict=True):
            window.append(token)
        overflows = any(len(window) > self.max_len for window in self.windows)
        if overflows:
            keep = max(1, self.max_len // 2)
            self.windows = [window[-keep:] if len(window) > self.max_len else window for window in self.windows]
        # The cache may be full of a longer row's columns although that row has ended.
        if overflows or self.cache is None or self.cache.length == self.cache.capacity:
            return self.prefill()
        output: Output = self.model(tokens[:, None], cache=self.cache, last_position_only=True)
        self.routing = output.routing
        return output.logits[:, -1].float()

    def drop_row(self, row: int) -> None:
        """Forget one row; the last row takes its place."""
        self.windows[row] = self.windows[-1]
        self.windows.pop()
        if self.cache is not None:
            self.cache.drop_row(row)


class GenerationStep(NamedTuple):
    """A token for each of the R rows that have not ended; their order may change from step to step."""

    rows: list[int]  # their numbers among the prompts
    tokens: Tensor  # (R,)
    logits: Tensor  # (R, V), the model's
    filtered: Tensor  # (R, V), those that the tokens were drawn from
    routing: list[Routing]  # of the tokens that were read for it: prompts, padded on the left, or one token a row


@torch.inference_mode()
def generation_steps(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    *,
    sampling: Sampling,
    stop: Iterable[int],
    filters: Iterable[Filter] | None,
    use_cache: bool,
    first_row: int = 0,
) -> Iterator[GenerationStep]:
    """Prefill, then decode, until every row has ended. The arguments are those of `generate`.

    A row that has ended is taken out of the batch, so the passes grow cheaper as stories end.
    """
    _check_prompts(model, prompts)
    chain, stop = filters_for(sampling) if filters is None else list(filters), set(stop)
    context = _SlidingContext(model, prompts, max_new_tokens=sampling.max_new_tokens, use_cache=use_cache)
    draws = uniform_draws(len(prompts), sampling.max_new_tokens, seed=sampling.seed, first_row=first_row)  # (B, steps)
    draws = draws.to(context.device)
    seen = torch.zeros(len(prompts), model.config.vocab_size, dtype=torch.bool, device=context.device)  # (B, V)
    for row, prompt in enumerate(prompts):
        seen[row, torch.tensor(prompt, device=context.device)] = True
    rows = list(range(len(prompts)))  # that have not ended, in the order of the context
    tokens = torch.empty(0)  # (R,), the newest of each row
    work = sum(parameter.numel() for parameter in model.parameters())  # of decoding a token of one row
    with _in_eval_mode(model):
        for step in range(sampling.max_new_tokens):
            with _threads_for(len(rows) * work * (1 if step else max(map(len, prompts)))):
                logits = context.decode(tokens) if step else context.prefill()  # (R, V)
                filtered = apply_filters(logits, chain, seen=seen)
                tokens = filtered.max(-1).indices if sampling.greedy else _sample(filtered, draws[:, step])  # (R,)
                seen.scatter_(1, tokens[:, None], True)
            yield GenerationStep(list(rows), tokens, logits, filtered, context.routing)
            ended = [place for place, token in enumerate(tokens.tolist()) if token in stop]
            for place in reversed(ended):  # the last row takes the place of one that has ended
                context.drop_row(place)
                rows[place] = rows[-1]
                rows.pop()
                for tensor in (draws, seen, tokens):
                    tensor[place] = tensor[-1]
                draws, seen, tokens = draws[:-1], seen[:-1], tokens[:-1]
            if not rows:
                return


def _sample(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token (B,) for each row of logits (B, V) with its uniform draw (B,)."""
    probs = logits.softmax(-1)
    if probs[:, 0].isnan().any():  # a softmax that is not a number is so for every token
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
    torch.set_num_threads(before if work > SINGLE_THREAD_WORK else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _in_eval_mode(model: Decoder) -> Iterator[None]:
    """In training an expert may drop tokens at capacity; a row's text must not depend on the other rows."""
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
    first_row: int = 0,
) -> list[list[int]]:
    """Continue each prompt.

    Every row gets the tokens that it would get alone: greedy from the model, drawn with `row_seed(sampling.seed, row)`.
    (Up to rounding: the logits of a batch differ in the seventh digit, which decides between two tokens hardly ever.)

    Args:
        model: from `storyteller.runs.load.load_model` or `storyteller.moe.layer.build_model`.
        prompts: B lists of token ids, of any lengths from 1.
        sampling: how tokens are chosen, and how many at most.
        stop: ids that end a row, usually `{tokenizer.end_id}`.
        filters: applied to the logits before a token is sampled; `filters_for(sampling)` by default.
        use_cache: False reads the whole text again for every token: the same tokens, much slower.
        first_row: the row that the first prompt counts as, where a larger batch is generated in parts.

    Returns:
        B lists of new token ids, without the prompts. A row that a stop token ended has it as its last id; one without
        was cut at `sampling.max_new_tokens`.

    Raises:
        StorytellerError: a prompt is empty or has ids that the model does not know.
    """
    if not prompts:
        return []
    rows: list[list[int]] = [[] for _ in prompts]
    steps = generation_steps(
        model, prompts, sampling=sampling, stop=stop, filters=filters, use_cache=use_cache, first_row=first_row
    )
    for step in steps:
        for row, token in zip(step.rows, step.tokens.tolist(), strict=True):
            rows[row].append(token)
    return rows


def stream(
    model: Decoder,
    prompt: Sequence[int],
    *,
    sampling: Sampling,
    stop: Iterable[int] = (),
    filters: Iterable[Filter] | None = None,
) -> Iterator[int]:
    """The same tokens as `generate(model, [prompt], ...)`, each as soon as it is sampled."""
    for step in generation_steps(model, [prompt], sampling=sampling, stop=stop, filters=filters, use_cache=True):
        yield int(step.tokens)


def encode_prompt(model: Decoder, tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a story's opening, after the end-of-text token that preceded every story in training.

    Spaces at its end are held back: the next token brings its own. `HeldBackSpaces` takes that one out again.

    Raises:
        StorytellerError: the text holds a special token or half a character, or the tokenizer is not the model's.
    """
    if tokenizer.vocab_size != model.config.vocab_size:
        raise StorytellerError(
            f"The tokenizer has {tokenizer.vocab_size} tokens and the model {model.config.vocab_size}: "
            "use the tokenizer.json that the model was trained with."
        )
    if special := next((name for name in tokenizer.vocabulary.special_tokens if name in text), None):
        raise StorytellerError(
            f"The opening holds the special token {special!r}, which is no text of a story; leave it out."
        )
    return [tokenizer.end_id, *tokenizer.encode(text.rstrip(" "))]


class HeldBackSpaces:
    """Leaves out of a continuation, at its beginning, the spaces that its opening already ends in.

    >>> spaces = HeldBackSpaces("a fox called ")
    >>> spaces.leave_out(" Pip"), spaces.leave_out(" was")
    ('Pip', ' was')
    """

    def __init__(self, opening: str) -> None:
        self.n_left = len(opening) - len(opening.rstrip(" "))

    def leave_out(self, piece: str) -> str:
        """The next piece of the continuation, without what the opening has of it."""
        doubled = min(self.n_left, len(piece) - len(piece.lstrip(" ")))
        self.n_left = self.n_left - doubled if doubled == len(piece) else 0
        return piece[doubled:]


def whole_characters(tokenizer: Tokenizer, ids: Iterable[int]) -> Iterator[str]:
    """Turn ids into text as they come, without special tokens.

    A byte-level token may end in the middle of a character; its bytes are kept until the rest has come. The pieces
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
    """The continuation of an opening (which may be empty), in pieces of whole characters as they are sampled.

    Raises:
        StorytellerError: as in `encode_prompt`.
    """
    prompt = encode_prompt(model, tokenizer, opening)
    ids = stream(model, prompt, sampling=sampling, stop={tokenizer.end_id}, filters=filters)
    spaces = HeldBackSpaces(opening)
    return (text for piece in whole_characters(tokenizer, ids) if (text := spaces.leave_out(piece)))


def tell(
    model: Decoder,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    *,
    sampling: Sampling,
    filters: Iterable[Filter] | None = None,
) -> list[str]:
    """Whole stories, each beginning with its opening, generated as one batch.

    Raises:
        StorytellerError: as in `encode_prompt`.
    """
    prompts = [encode_prompt(model, tokenizer, opening) for opening in openings]
    rows = generate(model, prompts, sampling=sampling, stop={tokenizer.end_id}, filters=filters)
    return [whole_story(tokenizer, opening, row) for opening, row in zip(openings, rows, strict=True)]


def whole_story(tokenizer: Tokenizer, opening: str, ids: Sequence[int]) -> str:
    """The text of an opening and of the ids that were generated after it."""
    return opening + HeldBackSpaces(opening).leave_out(tokenizer.decode(list(ids), skip_special=True))
