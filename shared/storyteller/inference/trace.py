"""A trace of each generated token: its probabilities, its alternatives and its routing.

    for token in stream_traced(model, tokenizer, "Once upon a time", sampling=Sampling(temperature=0.8)):
        print(token.text, token.probability, token.experts)

`storyteller.inference.generate.stream` does the generation. What is traced is recorded along the way: the logits by two
filters that change nothing, the first and the last of the chain, and the routing by a hook on the model's output.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from storyteller.inference.generate import HeldBackSpaces, encode_prompt, stream
from storyteller.inference.sampling import Filter, filters_for
from storyteller.inference.sampling_options import Sampling
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder, Output

N_ALTERNATIVES = 5  # likeliest tokens that a trace names


@dataclass(frozen=True, kw_only=True)
class TokenTrace:
    """One generated token, and how it came about."""

    token: int
    # The characters that it completes; empty within a character, and for the end-of-text token. Of the first token,
    # without the space that the opening already ends in.
    text: str
    is_end: bool  # the end-of-text token: the model ended the story here
    probability: float  # the model's own, before temperature and the other filters
    sampling_probability: float  # with which it was drawn, after the filters; 1 when greedy
    alternatives: tuple[tuple[bytes, float], ...]  # the likeliest tokens and their probabilities, likeliest first
    # For each MoE layer, the experts that the token before was routed to, best first: its output gave these logits.
    experts: tuple[tuple[int, ...], ...]


def stream_traced(
    model: Decoder,
    tokenizer: Tokenizer,
    opening: str,
    *,
    sampling: Sampling,
    filters: Iterable[Filter] | None = None,
) -> Iterator[TokenTrace]:
    """Continue an opening with the tokens of `stream`, each as soon as it is sampled.

    The texts together are those of `stream_text`.

    Raises:
        StorytellerError: as in `encode_prompt`, before the first token.
    """
    prompt = encode_prompt(model, tokenizer, opening)
    chain = filters_for(sampling) if filters is None else list(filters)
    spaces = HeldBackSpaces(opening)
    return _trace(model, tokenizer, prompt, sampling=sampling, chain=chain, spaces=spaces)


def _trace(  # a generator of its own: `stream_traced` refuses a bad opening when it is called, not at the first token
    model: Decoder,
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    *,
    sampling: Sampling,
    chain: Sequence[Filter],
    spaces: HeldBackSpaces,
) -> Iterator[TokenTrace]:
    step = _StepRecorder()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    hook = model.register_forward_hook(step.record_routing)
    try:
        recorded = [step.record_logits, *chain, step.record_filtered]
        tokens = stream(model, prompt, sampling=sampling, stop={tokenizer.end_id}, filters=recorded)
        for number, token in enumerate(tokens, start=1):
            is_end = token == tokenizer.end_id
            piece = b"" if is_end else tokenizer.token_bytes(token)
            probs = step.logits.softmax(-1)  # (V,)
            likeliest = probs.topk(min(N_ALTERNATIVES, len(probs)))
            yield TokenTrace(
                token=token,
                text=spaces.leave_out(decoder.decode(piece, final=is_end or number == sampling.max_new_tokens)),
                is_end=is_end,
                probability=probs[token].item(),
                sampling_probability=1.0 if sampling.greedy else step.filtered.softmax(-1)[token].item(),
                alternatives=tuple(
                    (tokenizer.token_bytes(other), probability)
                    for other, probability in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
                ),
                experts=step.experts,
            )
    finally:
        hook.remove()


class _StepRecorder:
    """The logits and the routing of the newest step, recorded by filters and a hook."""

    logits: Tensor  # (V,), the model's
    filtered: Tensor  # (V,), after the filters
    experts: tuple[tuple[int, ...], ...] = ()

    def record_logits(self, logits: Tensor, seen: Tensor) -> Tensor:
        self.logits = logits[0]
        return logits

    def record_filtered(self, logits: Tensor, seen: Tensor) -> Tensor:
        self.filtered = logits[0]
        return logits

    def record_routing(self, module: nn.Module, arguments: Any, output: Output) -> None:
        self.experts = tuple(tuple(layer.expert_ids[-1].tolist()) for layer in output.routing)  # of the newest token
