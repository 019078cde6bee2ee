"""A story as it is told, token by token, with what the model thought at each.

    for told in stream_traced(model, tokenizer, "Once upon a time", sampling=Sampling(temperature=0.8)):
        print(told.text, told.probability, told.experts)

`storyteller.inference.generate.stream` does the telling. What is to be seen here is taken from the side: the scores by
two filters that change nothing, the routing by a hook on the model's output.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from storyteller.inference.generate import encode_prompt, stream
from storyteller.inference.sampling import Filter, Sampling, filters_for
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder, Output

ALTERNATIVES = 5


@dataclass(frozen=True, kw_only=True)
class TokenTrace:
    """One token of a story, and how it came about."""

    token: int
    text: str  # the characters that are whole now; empty within a character, and for the end-of-text token
    is_end: bool  # the end-of-text token: here the model ended the story
    probability: float  # that the model gave it, before temperature and the other filters
    chance: float  # with which it was drawn, after them; 1 when greedy
    alternatives: tuple[tuple[bytes, float], ...]  # the likeliest tokens and their probabilities, likeliest first
    # For each MoE layer, the experts at work when the token was chosen, best first. They were visited by the token
    # before it, whose output is the score of this one.
    experts: tuple[tuple[int, ...], ...]


def stream_traced(
    model: Decoder,
    tokenizer: Tokenizer,
    opening: str,
    *,
    sampling: Sampling,
    filters: Iterable[Filter] | None = None,
) -> Iterator[TokenTrace]:
    """Continue an opening with the tokens of `stream`, each as soon as it is chosen.

    The texts together are those of `stream_text`.

    Raises:
        StorytellerError: as in `encode_prompt`, before the first token.
    """
    prompt = encode_prompt(model, tokenizer, opening)
    chain = filters_for(sampling) if filters is None else list(filters)
    return _tell(model, tokenizer, prompt, sampling=sampling, chain=chain)


def _tell(
    model: Decoder, tokenizer: Tokenizer, prompt: Sequence[int], *, sampling: Sampling, chain: Sequence[Filter]
) -> Iterator[TokenTrace]:
    seen = _Seen()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    hook = model.register_forward_hook(seen.routing_of)
    try:
        watched = [seen.before, *chain, seen.after]
        tokens = stream(model, prompt, sampling=sampling, stop={tokenizer.end_id}, filters=watched)
        for number, token in enumerate(tokens, start=1):
            is_end = token == tokenizer.end_id
            piece = b"" if is_end else tokenizer.token_bytes(token)
            text = decoder.decode(piece, final=is_end or number == sampling.max_new_tokens)
            probs = seen.scores.softmax(-1)  # (V,)
            best = probs.topk(min(ALTERNATIVES, len(probs)))
            yield TokenTrace(
                token=token,
                text=text,
                is_end=is_end,
                probability=probs[token].item(),
                chance=1.0 if sampling.greedy else seen.filtered.softmax(-1)[token].item(),
                alternatives=tuple(
                    (tokenizer.token_bytes(other), probability)
                    for other, probability in zip(best.indices.tolist(), best.values.tolist(), strict=True)
                ),
                experts=seen.experts,
            )
    finally:
        hook.remove()


class _Seen:
    """The last step's scores and routing, as they pass by."""

    scores: Tensor  # (V,), of the model
    filtered: Tensor  # (V,), what the filters made of them
    experts: tuple[tuple[int, ...], ...] = ()

    def before(self, logits: Tensor, seen: Tensor) -> Tensor:
        self.scores = logits[0]
        return logits

    def after(self, logits: Tensor, seen: Tensor) -> Tensor:
        self.filtered = logits[0]
        return logits

    def routing_of(self, module: nn.Module, arguments: Any, output: Output) -> None:
        self.experts = tuple(tuple(layer.experts[-1].tolist()) for layer in output.routing)  # of the newest token
