"""From logits to one token: filters, probabilities, and one draw. Pure functions without a state.

    logits --filters--> logits --softmax--> probabilities --sample_inverse_cdf--> token

The randomness comes in as uniform draws, so the same draws give the same token. The settings themselves:
`storyteller.inference.sampling_options`.

    >>> import torch
    >>> logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    >>> probs = probabilities(logits, filters_for(Sampling(top_k=2)))
    >>> probs
    tensor([[0.7311, 0.2689, 0.0000, 0.0000]])
    >>> sample_inverse_cdf(probs, torch.tensor([0.9]))
    tensor([1])

Legend: `B` rows (texts generated at once), `V` vocabulary.

Papers: Keskar et al. 2019, "CTRL" · Fan et al. 2018, "Hierarchical Neural Story Generation" (top-k) · Holtzman et al.
2020, "The Curious Case of Neural Text Degeneration" (top-p) · Nguyen et al. 2024, "Turning Up the Heat" (min-p) ·
Meister et al. 2023, "Locally Typical Sampling" (typical-p).
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from storyteller.inference.sampling_options import Sampling

# Takes the logits (B, V) of the next token and `seen` (B, V), True where the row already holds that token; gives new
# logits (B, V), minus infinity for a token that is removed.
Filter = Callable[[Tensor, Tensor], Tensor]


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide the logits (B, V): below 1 sharpens the distribution, above 1 flattens it."""
    return logits / temperature


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Keep each row's k highest logits (B, V), and any that tie with the k-th. (Fan et al. 2018, section 5.4.)"""
    kth_best = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]  # (B, 1)
    return logits.masked_fill(logits < kth_best, -math.inf)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of likeliest tokens that together reach `top_p`. (Holtzman et al. 2020, section 3.1.)

    A token stays while those likelier than it have not reached `top_p` yet, so the likeliest always stays.
    """
    all_probs = logits.softmax(-1)  # (B, V)
    # To sort a few is much quicker than to sort all. Mostly n = 128 tokens reach top_p; otherwise all are sorted.
    for n in (min(128, logits.shape[-1]), logits.shape[-1]):
        probs, order = all_probs.topk(n)  # (B, n) both, likeliest first
        before = probs.cumsum(-1) - probs  # (B, n), the probability of the tokens that are likelier
        if (before[:, -1] >= top_p).all():
            break
    removed = torch.ones_like(logits, dtype=torch.bool).scatter(-1, order, before >= top_p)  # (B, V)
    return logits.masked_fill(removed, -math.inf)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep tokens with at least `min_p` times the probability of the likeliest. (Nguyen et al. 2024, section 3.)

    A ratio of probabilities is a difference of logits, so no softmax is needed. `min_p` must be above 0.
    """
    lowest = logits.amax(-1, keepdim=True) + math.log(min_p)  # (B, 1)
    return logits.masked_fill(logits < lowest, -math.inf)


def keep_typical_p(logits: Tensor, typical_p: float) -> Tensor:
    """Keep the tokens whose surprise is nearest to the expected one, until together they reach `typical_p`.

    The surprise of a token is -log p, and its expectation under the model is the entropy H of the next token. Tokens
    are taken in the order of |-log p - H|: in a certain place the likeliest comes first, in an open one it may be
    removed as too predictable. The first token of that order always stays, and so does each that ties with the last one
    kept. (Meister et al. 2023, section 3.)

    Args:
        logits: (B, V); minus infinity for a token that an earlier filter removed.
        typical_p: above 0; 1 would keep every token.
    """
    log_probs = logits.log_softmax(-1)  # (B, V)
    entropy = -(log_probs.exp() * log_probs).nansum(-1, keepdim=True)  # (B, 1); 0 * -inf is NaN: a removed token's
    distance, order = (-log_probs - entropy).abs().sort()  # (B, V) both, most typical first
    mass = logits.gather(-1, order).softmax(-1).cumsum(-1)  # (B, V)
    last = (mass < typical_p).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)  # (B, 1), the one that reaches it
    too_far = distance > distance.gather(-1, last)  # (B, V), most typical first
    removed = too_far.scatter(-1, order, too_far)  # (B, V), in the order of the vocabulary again
    return logits.masked_fill(removed, -math.inf)


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Lower the logits (B, V) of tokens that the row holds already, prompt included: `seen` (B, V).

    A positive logit is divided, a negative one multiplied, so that both go down. (Keskar et al. 2019, section 4.1,
    which divides all; the rule for negative logits is the one in common use.)
    """
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def filters_for(
    sampling: Sampling,
    *,
    repetition_penalty: Callable[[Tensor, Tensor, float], Tensor] = penalize_repetition,
    temperature: Callable[[Tensor, float], Tensor] = apply_temperature,
    top_k: Callable[[Tensor, int], Tensor] = keep_top_k,
    top_p: Callable[[Tensor, float], Tensor] = keep_top_p,
    min_p: Callable[[Tensor, float], Tensor] = keep_min_p,
    typical_p: Callable[[Tensor, float], Tensor] = keep_typical_p,
) -> list[Filter]:
    """The filters that `sampling` asks for, in the order of `transformers`.

    That is: repetition penalty, temperature, top-k, top-p, min-p, typical-p. The order matters: top-p adds up what
    temperature and top-k have left. Each part can be replaced by one of your own, as in
    `filters_for(sampling, top_k=my_top_k)`; any other list of functions of (logits, seen) is as good.
    """
    k, p, ratio, mass = sampling.top_k, sampling.top_p, sampling.min_p, sampling.typical_p
    chain: list[Filter] = []
    if sampling.repetition_penalty != 1:
        chain.append(lambda logits, seen: repetition_penalty(logits, seen, sampling.repetition_penalty))
    if sampling.greedy:  # the others shape the distribution that is drawn from, and nothing is drawn
        return chain
    if sampling.temperature != 1:
        chain.append(lambda logits, seen: temperature(logits, sampling.temperature))
    if k is not None:
        chain.append(lambda logits, seen: top_k(logits, k))
    if p is not None and p < 1:
        chain.append(lambda logits, seen: top_p(logits, p))
    if ratio is not None and ratio > 0:
        chain.append(lambda logits, seen: min_p(logits, ratio))
    if mass is not None and mass < 1:
        chain.append(lambda logits, seen: typical_p(logits, mass))
    return chain


def apply_filters(logits: Tensor, filters: Iterable[Filter], *, seen: Tensor | None = None) -> Tensor:
    """Apply the filters to the logits (B, V), one after the other. Without `seen`, no token was seen before."""
    if seen is None:
        seen = torch.zeros_like(logits, dtype=torch.bool)
    for transform in filters:
        logits = transform(logits, seen)
    return logits


def probabilities(logits: Tensor, filters: Iterable[Filter] = (), *, seen: Tensor | None = None) -> Tensor:
    """The filtered logits as probabilities (B, V) that sum to 1 in each row; 0 for a token that was removed."""
    return apply_filters(logits, filters, seen=seen).softmax(-1)


def sample_inverse_cdf(probs: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token for each row by inverting the cumulative distribution function.

    The probabilities divide the line from 0 to 1 into intervals, one a token: `uniform` is a point on it, and the token
    in whose interval it falls is drawn. A token of probability 0 has an empty interval, so it never comes.

    Args:
        probs: (B, V)
        uniform: (B,), at least 0 and below 1, in the dtype of `probs`.

    Returns:
        (B,) int64
    """
    ends = probs.cumsum(-1)  # (B, V), where each token's interval ends
    point = uniform[:, None] * ends[:, -1:]  # (B, 1); rounding leaves the sum a little off 1
    return torch.searchsorted(ends, point, right=True).squeeze(1)  # (B,)


def row_seed(seed: int, row: int) -> int:
    """The seed of one row of a batch: `seed` itself for row 0, for each further row one of its own.

    With `seed` + row, the batches of seeds 0 and 1 would share all rows but one. Seeds derived by numpy's SeedSequence
    (from `seed` and the row as its spawn key) give streams that are independent for all pairs of seed and row.

    >>> row_seed(7, 0)
    7
    >>> row_seed(7, 1) == row_seed(8, 0)
    False
    """
    if row == 0:
        return seed
    return int(np.random.SeedSequence(seed, spawn_key=(row,)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def uniform_draws(n_rows: int, n_steps: int, *, seed: int, first_row: int = 0) -> Tensor:
    """All uniform draws of a generation: (n_rows, n_steps), in [0, 1).

    Row i has a generator of its own, seeded with `row_seed(seed, first_row + i)`: what it draws depends neither on the
    other rows nor on the number of steps, and the same text comes again when it is generated alone with that seed.
    """
    generators = [torch.Generator().manual_seed(row_seed(seed, first_row + i)) for i in range(n_rows)]
    return torch.stack([torch.rand(n_steps, generator=generator) for generator in generators])
