"""From a model's scores to one token: filters, probabilities, and one draw. Pure functions, nothing remembered.

    logits --filters--> logits --softmax--> probabilities --sample_inverse_cdf--> token

The randomness comes in as uniform numbers, so the same numbers give the same token.

    >>> import torch
    >>> logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    >>> probs = probabilities(logits, filters_for(Sampling(top_k=2)))
    >>> probs
    tensor([[0.7311, 0.2689, 0.0000, 0.0000]])
    >>> sample_inverse_cdf(probs, torch.tensor([0.9]))
    tensor([1])

Legend: `B` rows (texts told at once), `V` vocabulary.

Papers: Keskar et al. 2019, "CTRL" · Fan et al. 2018, "Hierarchical Neural Story Generation" (top-k) · Holtzman et al.
2020, "The Curious Case of Neural Text Degeneration" (top-p) · Nguyen et al. 2024, "Turning Up the Heat" (min-p).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from storyteller.errors import StorytellerError

# Takes the scores (B, V) of the next token and `seen` (B, V), True where the row already holds that token; gives new
# scores (B, V), minus infinity for a token that must not come.
Filter = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen. The default draws from the model's own distribution.

    Raises:
        StorytellerError: a value is out of its range.
    """

    temperature: float = 1.0  # scores are divided by it: below 1 bolder choices vanish, above 1 they come more often
    top_k: int | None = None  # keep the k likeliest tokens; None keeps all
    top_p: float | None = None  # keep the likeliest tokens that together reach this probability; None keeps all
    min_p: float | None = None  # keep tokens at least this share as likely as the likeliest; None keeps all
    repetition_penalty: float = 1.0  # above 1 makes tokens that the text already has less likely
    max_new_tokens: int = 300  # a row ends here if no stop token ended it before
    seed: int = 0  # row i draws from seed + i
    greedy: bool = False  # always take the likeliest token; temperature, top_k, top_p and min_p then change nothing

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            way_out = "; for the likeliest token at every step use greedy (--greedy)" if self.temperature == 0 else ""
            raise StorytellerError(f"temperature is {self.temperature}; it must be a number above 0{way_out}.")
        if self.top_k is not None and self.top_k < 1:
            raise StorytellerError(f"top_k is {self.top_k}; it must be 1 or more, or left out to keep every token.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise StorytellerError(f"top_p is {self.top_p}; it must be above 0 and at most 1, which keeps every token.")
        if self.min_p is not None and not 0 <= self.min_p < 1:
            raise StorytellerError(
                f"min_p is {self.min_p}; it must be below 1 and at least 0, which keeps every token."
            )
        if not (self.repetition_penalty > 0 and math.isfinite(self.repetition_penalty)):
            raise StorytellerError(
                f"repetition_penalty is {self.repetition_penalty}; it must be above 0, and 1 changes nothing."
            )
        if self.max_new_tokens < 1:
            raise StorytellerError(f"max_new_tokens is {self.max_new_tokens}; it must be 1 or more.")
        if not 0 <= self.seed < 2**63:
            raise StorytellerError(f"seed is {self.seed}; it must be 0 or more, and below 2 to the 63.")


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide the scores (B, V): below 1 sharpens the distribution, above 1 flattens it."""
    return logits / temperature


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Keep each row's k highest scores (B, V), and any that tie with the k-th. (Fan et al. 2018, section 5.4.)"""
    kth_best = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]  # (B, 1)
    return logits.masked_fill(logits < kth_best, -math.inf)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of likeliest tokens that together reach `top_p`. (Holtzman et al. 2020, section 3.1.)

    A token stays while those likelier than it have not reached `top_p` yet, so the likeliest always stays.
    """
    probs, order = logits.softmax(-1).sort(descending=True)  # (B, V) both
    too_late = probs.cumsum(-1) - probs >= top_p  # (B, V), likeliest first
    removed = too_late.scatter(-1, order, too_late)  # (B, V), in the order of the vocabulary again
    return logits.masked_fill(removed, -math.inf)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep tokens with at least `min_p` times the probability of the likeliest. (Nguyen et al. 2024, section 3.)

    A ratio of probabilities is a difference of scores, so no softmax is needed. `min_p` must be above 0.
    """
    lowest = logits.amax(-1, keepdim=True) + math.log(min_p)  # (B, 1)
    return logits.masked_fill(logits < lowest, -math.inf)


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Lower the scores (B, V) of tokens that the row holds already, prompt included: `seen` (B, V).

    A positive score is divided, a negative one multiplied, so that both go down. (Keskar et al. 2019, section 4.1,
    which divides all; the rule for negative scores is the one in common use.)
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
) -> list[Filter]:
    """The filters that `sampling` asks for, in the order of `transformers`: penalty, temperature, top-k, top-p, min-p.

    The order matters: top-p adds up what temperature and top-k have left. Each part can be replaced by one of your own,
    as in `filters_for(sampling, top_k=my_top_k)`; any other list of functions of (logits, seen) is as good.
    """
    k, p, share = sampling.top_k, sampling.top_p, sampling.min_p
    chain: list[Filter] = []
    if sampling.repetition_penalty != 1:
        chain.append(lambda logits, seen: repetition_penalty(logits, seen, sampling.repetition_penalty))
    if sampling.greedy:  # the others never change which score is the highest
        return chain
    if sampling.temperature != 1:
        chain.append(lambda logits, seen: temperature(logits, sampling.temperature))
    if k is not None:
        chain.append(lambda logits, seen: top_k(logits, k))
    if p is not None and p < 1:
        chain.append(lambda logits, seen: top_p(logits, p))
    if share is not None and share > 0:
        chain.append(lambda logits, seen: min_p(logits, share))
    return chain


def apply_filters(logits: Tensor, filters: Iterable[Filter], *, seen: Tensor | None = None) -> Tensor:
    """Send the scores (B, V) through the filters, one after the other. Without `seen`, no token was seen before."""
    if seen is None:
        seen = torch.zeros_like(logits, dtype=torch.bool)
    for change in filters:
        logits = change(logits, seen)
    return logits


def probabilities(logits: Tensor, filters: Iterable[Filter] = (), *, seen: Tensor | None = None) -> Tensor:
    """The filtered scores as probabilities (B, V) that sum to 1 in each row; 0 for a token that was removed."""
    return apply_filters(logits, filters, seen=seen).softmax(-1)


def sample_inverse_cdf(probs: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token for each row, by inverting the cumulative distribution.

    Lay the probabilities side by side on a line from 0 to 1: `uniform` is a point on it, and the token whose piece it
    hits is drawn. A token of probability 0 has no piece, so it never comes.

    Args:
        probs: (B, V)
        uniform: (B,), at least 0 and below 1, in the dtype of `probs`.

    Returns:
        (B,) int64
    """
    ends = probs.cumsum(-1)  # (B, V), where each token's piece ends
    point = uniform[:, None] * ends[:, -1:]  # (B, 1); rounding leaves the sum a little beside 1
    return torch.searchsorted(ends, point, right=True).squeeze(1)  # (B,)


def uniform_draws(n_rows: int, n_steps: int, *, seed: int) -> Tensor:
    """All the luck of a run: (n_rows, n_steps), uniform in [0, 1).

    Row i has a generator of its own, seeded with seed + i: what it draws depends neither on the rows beside it nor on
    the number of steps, and the same text comes again when it is told alone with that seed.
    """
    return torch.stack([torch.rand(n_steps, generator=torch.Generator().manual_seed(seed + i)) for i in range(n_rows)])
