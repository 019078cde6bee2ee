"""Lesson 05: from logits to a story, and from stories to figures.

A filter takes the logits (B, V) of the next token and `seen` (B, V), True where a row already holds that token; it
gives new logits, minus infinity for a token that must not come. That is the form of `storyteller.inference.sampling`,
so each filter here also runs in the library's sampler.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from storyteller.inference.generate import encode_prompt
from storyteller.inference.sampling import Filter, keep_min_p, keep_top_k, keep_top_p, penalize_repetition
from storyteller.inference.sampling import filters_for as library_filters_for
from storyteller.inference.sampling import uniform_draws as numbers_for
from storyteller.inference.sampling_options import Sampling
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.attention import apply_rope, attend
from storyteller.transformer.decoder import Decoder

__all__ = [
    "FILTERS",
    "Cache",
    "Filter",
    "apply_temperature",
    "attend_cached",
    "best_checkpoint",
    "choose",
    "filters_of",
    "generate",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "penalize_repetition",
    "read_on",
    "story_figures",
    "tell_with",
    "wrong_marks",
]

FILTERS = {
    "apply_temperature": "temperature",
    "keep_top_k": "top_k",
    "keep_top_p": "top_p",
    "keep_min_p": "min_p",
    "penalize_repetition": "repetition_penalty",
}  # exercise -> the argument of the library's `filters_for` that it replaces
Cache = tuple[Tensor, Tensor]  # what a layer remembers: keys and values, (B, H, S, K) each


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Make the likely tokens likelier (below 1) or less likely (above 1).

    Args:
        logits: (B, V); they are not changed.
        temperature: 0 or more. At 0 only the likeliest token of each row is left; of equal ones, the first.

    Returns:
        (B, V): the logits divided by the temperature; at 0 minus infinity for all tokens but one.
    """
    # Step 1: Above 0: divide.
    if temperature > 0:
        return logits / temperature
    # Step 2: At 0: find the first of the highest logits in each row, and give everything else minus infinity.
    best = logits.argmax(dim=-1, keepdim=True)  # (B, 1)
    return torch.full_like(logits, -math.inf).scatter(-1, best, logits.gather(-1, best))


def choose(logits: Tensor, seen: Tensor, filters: Sequence[Filter], uniform: Tensor) -> Tensor:
    """Draw the next token of each row.

    Args:
        logits: (B, V)
        seen: (B, V) bool, True where the row already holds that token.
        filters: functions of (logits, seen) that give new logits, applied in this order.
        uniform: (B,), at least 0 and below 1: each row's point on the line.

    Returns:
        (B,) int64. The probabilities of the tokens, in the order of the vocabulary, lie side by side on a line; drawn
        is the token whose piece the point hits.
    """
    # Step 1: Send the logits through the filters, one after the other.
    for change in filters:
        logits = change(logits, seen)
    # Step 2: Only now make probabilities of them, so that what is left sums to 1 again.
    probs = logits.softmax(dim=-1)  # (B, V)
    # Step 3: Where does each token's piece end on the line?
    ends = probs.cumsum(dim=-1)  # (B, V)
    # Step 4: The token is the number of pieces that end at the point or before it.
    return (ends <= uniform[:, None] * ends[:, -1:]).sum(dim=-1)  # (B,)


@torch.no_grad()
def generate(
    model: Callable[[Tensor], Tensor],
    prompts: Tensor,
    filters: Sequence[Filter],
    uniform_draws: Tensor,
    *,
    stop: int,
    context: int,
) -> list[list[int]]:
    """Continue each prompt, token by token.

    Args:
        model: gives logits (B, T, V) for token ids (B, T).
        prompts: (B, P) int64.
        filters: for `choose`.
        uniform_draws: (B, S): a number for each row and each new token; so S is the most tokens that a row gets.
        stop: the token that ends a row.
        context: the most tokens that the model can read.

    Returns:
        B lists of new tokens. A row that was ended by `stop` has it as its last; a row alone gets the same tokens.
    """
    ids, going = prompts, [True] * len(prompts)
    rows: list[list[int]] = [[] for _ in prompts]
    for step in range(uniform_draws.size(1)):
        # Step 1: Let the model read the newest tokens, no more than it can, and take the logits of its last position.
        logits = model(ids[:, -context:])[:, -1]  # (B, V)
        # Step 2: Which tokens does each row hold so far, its prompt included?
        seen = torch.zeros_like(logits, dtype=torch.bool).scatter(1, ids, True)  # (B, V)
        # Step 3: Choose a token for each row, and put it behind the others.
        tokens = choose(logits, seen, filters, uniform_draws[:, step])  # (B,)
        ids = torch.cat((ids, tokens[:, None]), dim=1)  # (B, T + 1)
        # Step 4: Keep it in the rows that still go on; such a row ends when the token is `stop`.
        for row, token in enumerate(tokens.tolist()):
            if going[row]:
                rows[row].append(token)
                going[row] = token != stop
        # Step 5: Once every row has ended, in whichever step each did, there is nothing more to do.
        if not any(going):
            break
    return rows


def attend_cached(
    q: Tensor, k: Tensor, v: Tensor, cache: Cache | None, cos: Tensor, sin: Tensor
) -> tuple[Tensor, Cache]:
    """Attention of new tokens that remembers the ones before.

    Args:
        q: (B, H, T, K) of the T new tokens, before their rotation.
        k: (B, H, T, K) likewise.
        v: (B, H, T, K)
        cache: what the call before gave back, for the S tokens so far; None for the first.
        cos: (max_seq_len, K/2), the rotation of every position from 0.
        sin: the same shape.

    Returns:
        (B, H, T, K): what full causal attention over all S + T tokens gives for the new ones; and the new cache. The
        old cache is not changed.
    """
    # Step 1: How many tokens are remembered? The new ones stand behind them: positions S to S + T - 1.
    start = 0 if cache is None else cache[0].size(2)
    end = start + q.size(2)
    # Step 2: Turn the new q and k by their own positions.
    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, K)
    k = apply_rope(k, cos[start:end], sin[start:end])
    # Step 3: Put the new keys and values behind the remembered ones.
    if cache is not None:
        k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)  # (B, H, S + T, K) each
    # Step 4: A new token may look at every remembered one, and at the new ones up to itself.
    mask = torch.arange(end) <= torch.arange(start, end)[:, None]  # (T, S + T)
    # Step 5: Attend, and give back keys and values as the new cache.
    return attend(q, k, v, mask=mask), (k, v)


def story_figures(texts: Sequence[str], n: int) -> dict[str, float]:
    """How varied stories are.

    Args:
        texts: at least one. A word is what stands between white space.
        n: words in an n-gram; n-grams overlap.

    Returns:
        "distinct": the share of the n-grams of all texts together that are different ones (NaN without any n-gram).
        "repetition": for each text the share of its n-grams that stood in it before (0 where it has none); their mean.
        "words": the mean length of a text.

    Source: Li et al. 2016, section 5.1 (distinct); Welleck et al. 2020, section 6.1 (repetition).
    """
    # Step 1: The n-grams of each text: at every place the tuple of n neighbouring words.
    words = [text.split() for text in texts]
    grams = [[tuple(one[i : i + n]) for i in range(len(one) - n + 1)] for one in words]
    # Step 2: Distinct: different ones over all, counted in all texts together.
    every = [gram for one in grams for gram in one]
    distinct = len(set(every)) / len(every) if every else math.nan
    # Step 3: Repetition: counted in each text by itself, then averaged over the texts.
    repeated = [1 - len(set(one)) / len(one) if one else 0.0 for one in grams]
    # Step 4: The means over the texts.
    return {
        "distinct": distinct,
        "repetition": sum(repeated) / len(texts),
        "words": sum(len(one) for one in words) / len(texts),
    }


def wrong_marks(text: str, things: Mapping[str, str], marks: Sequence[str]) -> list[tuple[str, str]]:
    """Where a story says of a thing what cannot be true of it: the red kite is not "the blue kite".

    Args:
        text: a story.
        things: noun -> the mark that it has by the facts, as {"kite": "red"}.
        marks: all the words that can be a mark.

    Returns:
        (noun, mark) of every contradiction, in the order of the text: a noun of the facts, right behind a mark that is
        not its own, right behind "the" or a possessive such as "Mia's". ("A blue kite" may be another kite.)
    """
    # Step 1: The words in small letters, without the signs .,;:!?" around them.
    words = [word.strip('.,;:!?"').lower() for word in text.split()]
    found = []
    # Step 2: Look at every three neighbouring words.
    for before, mark, noun in zip(words, words[1:], words[2:], strict=False):
        # Step 3: Is it a certain thing, with a mark, and is the mark not the one of the facts?
        certain = before == "the" or before.endswith("'s")
        if certain and noun in things and mark in marks and mark != things[noun]:
            found.append((noun, mark))
    return found


def best_checkpoint(measured: Mapping[str, Sequence[tuple[float, int]]]) -> tuple[str, dict[str, float]]:
    """Which of several checkpoints predicts best, over corpora of different sizes.

    Args:
        measured: for each checkpoint, in the order of training, (nats, bytes) of each corpus: the surprise at all its
            tokens together, and its length.

    Returns:
        The name of the best one (of equal ones, the first), and the bits per byte of each over all its corpora
        together. A checkpoint whose figure is NaN is never the best, unless all are.
    """
    # Step 1: All bits over all bytes, for each checkpoint. A bit is log(2) nats.
    bits = {
        name: sum(nats for nats, _ in parts) / math.log(2) / sum(size for _, size in parts)
        for name, parts in measured.items()
    }
    # Step 2: The lowest is the best; NaN counts as infinite, for no comparison with NaN is ever true.
    best = min(bits, key=lambda name: math.inf if math.isnan(bits[name]) else bits[name])
    return best, bits


# --- The pieces with the library's models -----------------------------------------------------------------------------


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
) -> list[str]:
    """Tell stories with a function such as `generate`: story i draws with the numbers of `sampling.seed` + i.

    Openings of different lengths are told one by one, for `generate` takes prompts of one length. The model is left in
    evaluation mode.
    """
    stories = []
    model.eval()  # in training an expert may turn tokens away
    for number, opening in enumerate(openings):
        prompt = torch.tensor([encode_prompt(model, tokenizer, opening)])  # (1, P)
        draws = numbers_for(1, sampling.max_new_tokens, seed=sampling.seed + number)  # (1, S)
        [row] = generate(
            lambda ids: model(ids).logits,
            prompt,
            filters,
            draws,
            stop=tokenizer.end_id,
            context=model.config.max_seq_len,
        )
        stories.append(opening + tokenizer.decode(row, skip_special=True))
    return stories


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
        H, G, K = attention.n_heads, attention.n_kv_heads, attention.head_dim
        heads = attention.qkv(block.attention_norm(x)).unflatten(-1, (-1, K)).transpose(1, 2)  # (B, H + 2G, T, K)
        q, k, v = heads.split((H, G, G), dim=1)
        k, v = (part.repeat_interleave(H // G, dim=1) for part in (k, v))  # (B, H, T, K) each
        y, caches[layer] = step(q, k, v, caches[layer], cos, sin)
        x = x + attention.out(y.transpose(1, 2).flatten(2))  # (B, T, D)
        thought = block.feed_forward(block.feed_forward_norm(x))
        x = x + (thought[0] if isinstance(thought, tuple) else thought)
    head = model.embedding if model.head is None else model.head
    logits: Tensor = model.norm(x) @ head.weight.T
    return logits
