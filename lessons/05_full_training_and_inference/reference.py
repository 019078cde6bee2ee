"""The answers of lesson 05, plain, in its order.

A filter takes the logits (B, V) of the next token and `seen` (B, V), True where a row already holds that token; it
gives new logits, minus infinity for a token that must not come.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from storyteller.inference.sampling import Filter
from storyteller.transformer.attention import apply_rope, attend
from storyteller_course.lesson_tools.full_training_and_inference import Cache


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Make the likely tokens likelier (below 1) or less likely (above 1).

    Args:
        logits: (B, V); they are not changed.
        temperature: 0 or more. At 0 only the likeliest token of each row is left; of
            equal ones, the first.

    Returns:
        (B, V): the logits divided by the temperature; at 0 minus infinity for all
        tokens but one.
    """
    # Goal: the formula above, and what is left of it at 0.
    # Step 1: Above 0: divide.
    if temperature > 0:
        return logits / temperature
    # Step 2: At 0: find the first of the highest logits in each row, and give
    # everything else minus infinity.
    best = logits.argmax(dim=-1, keepdim=True)  # (B, 1)
    return torch.full_like(logits, -math.inf).scatter(-1, best, logits.gather(-1, best))


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Keep the k likeliest tokens of each row.

    Args:
        logits: (B, V); they are not changed.
        top_k: 1 or more; more than V keeps everything.

    Returns:
        (B, V): the logits of each row's k highest, and of those that are equal to the
        k-th; minus infinity elsewhere.

    Source: Fan et al. 2018, section 5.4.
    """
    # Step 1: The k-th highest logit of each row; where there are fewer than k tokens, the lowest.
    k = min(top_k, logits.size(-1))
    ordered = logits.sort(dim=-1, descending=True).values  # (B, V)
    kth = ordered[:, k - 1 : k]  # (B, 1)
    # Step 2: Minus infinity for whatever is lower.
    return torch.where(logits >= kth, logits, -math.inf)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep, in each row, the fewest likeliest tokens that together reach `top_p`.

    Args:
        logits: (B, V); they are not changed.
        top_p: a probability, above 0 and at most 1.

    Returns:
        (B, V): the logits of the tokens that are kept, minus infinity elsewhere.

    Source: Holtzman et al. 2020, section 3.1.
    """
    probs, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)  # (B, V) each, likeliest first
    likelier = probs.cumsum(dim=-1) - probs  # (B, V): what the tokens before this one have together
    removed = torch.zeros_like(logits, dtype=torch.bool)
    removed = removed.scatter(-1, order, likelier >= top_p)  # (B, V), each row in the order of the vocabulary
    return logits.masked_fill(removed, -math.inf)


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make the tokens that a text already holds less likely.

    Args:
        logits: (B, V); they are not changed.
        seen: (B, V) bool, True where the row already holds that token.
        penalty: above 1 makes them less likely; 1 changes nothing.

    Returns:
        (B, V): the logits of seen tokens lowered by the factor `penalty`; the others as
        they are.

    Source: Keskar et al. 2019, section 4.1.
    """
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)  # (B, V): both ways down
    return torch.where(seen, lowered, logits)


def choose(
    logits: Tensor,
    seen: Tensor,
    filters: Sequence[Filter],
    uniform: Tensor,
) -> Tensor:
    """Draw the next token of each row.

    Args:
        logits: (B, V)
        seen: (B, V) bool, True where the row already holds that token.
        filters: functions of (logits, seen) that give new logits, applied in this
            order.
        uniform: (B,), at least 0 and below 1: each row's point on the line.

    Returns:
        (B,) int64. The probabilities of the tokens, in the order of the vocabulary, lie
        side by side on a line; drawn is the token whose piece the point hits.
    """
    # Goal: each row's token, drawn from what the filters leave.
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
        uniform_draws: (B, S): a number for each row and each new token; so S is the
            most tokens that a row gets.
        stop: the token that ends a row.
        context: the most tokens that the model can read.

    Returns:
        B lists of new tokens. A row that was ended by `stop` has it as its last; a row
        alone gets the same tokens. Once every row has ended, the model is asked no
        more.
    """
    # Goal: the new tokens of each row, every row as it would be alone.
    ids, going = prompts, [True] * len(prompts)
    rows: list[list[int]] = [[] for _ in prompts]
    for step in range(uniform_draws.size(1)):
        # Step 1: Let the model read the newest tokens, no more than it can, and take the logits
        # of its last position.
        logits = model(ids[:, -context:])[:, -1]  # (B, V)
        # Step 2: Which tokens does each row hold so far, its prompt included?
        seen = torch.zeros_like(logits, dtype=torch.bool).scatter(1, ids, True)  # (B, V)
        # Step 3: Choose a token for each row, and append it to the others.
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
        q: (B, H, T, Dh) of the T new tokens, before their rotation.
        k: (B, H, T, Dh) likewise.
        v: (B, H, T, Dh)
        cache: what the call before gave back, for the S tokens so far; None for the
            first.
        cos: (max_seq_len, Dh/2), the rotation of every position from 0.
        sin: the same shape.

    Returns:
        (B, H, T, Dh): what full causal attention over all S + T tokens gives for the
        new ones; and the new cache. The old cache is not changed.
    """
    # Step 1: How many tokens are remembered? The new ones follow them: positions S
    # to S + T - 1.
    start = 0 if cache is None else cache[0].size(2)
    end = start + q.size(2)
    # Step 2: Turn the new q and k by their own positions.
    q = apply_rope(q, cos[start:end], sin[start:end])  # (B, H, T, Dh)
    k = apply_rope(k, cos[start:end], sin[start:end])
    # Step 3: Put the new keys and values after the remembered ones.
    if cache is not None:
        k, v = torch.cat((cache[0], k), dim=2), torch.cat((cache[1], v), dim=2)  # (B, H, S + T, Dh) each
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
        "distinct": the share of the n-grams of all texts together that are different
            ones (NaN without any n-gram).
        "repetition": for each text the share of its n-grams that occurred before in it
            (0 where none); their mean.
        "words": the mean length of a text.

    Source: Li et al. 2016, section 5.1 (distinct); Welleck et al. 2020, section 6.1
    (repetition).
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


def wrong_marks(
    text: str,
    things: Mapping[str, str],
    marks: Sequence[str],
) -> list[tuple[str, str]]:
    """Where a story gives a thing a mark that is not its own: "the blue kite" is red.

    Args:
        text: a story.
        things: noun -> the mark that it has by the facts, as {"kite": "red"}.
        marks: all the words that can be a mark.

    Returns:
        (noun, mark) of every contradiction, in the order of the text: a noun of the
        facts, right after a mark that is not its own, right after "the" or a
        possessive such as "Mia's". ("A blue kite" may be another kite.)
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


def best_size(law: Mapping[str, float], budget: float) -> tuple[float, float]:
    """The model of which a scaling law expects most, for a budget of arithmetic.

    Args:
        law: the numbers of the law above, by their names.
        budget: floating-point operations of the whole training, six for each parameter
            and token.

    Returns:
        Parameters and tokens, neither of them rounded. The two spend the whole budget,
        and no other two that do so have a lower loss by the law. (A size that is off by
        2 % is near enough; the best one may be a thousand or a trillion.)
    """
    # Step 1: What product of parameters and tokens does the budget pay for?
    product = budget / 6
    # Step 2: Then the tokens follow from the parameters, and the loss has one variable. At the
    # best its slope is 0.
    a, b = law["alpha"], law["beta"]
    parameters = (a * law["A"] / (b * law["B"]) * product**b) ** (1 / (a + b))
    # Step 3: The tokens take the rest of the budget.
    return parameters, product / parameters


def try_lever(
    train: Callable[[dict, int], Any],
    judge: Callable[[Any], dict[str, float]],
    settings: Mapping[str, Any],
    lever: Mapping[str, Any],
    seeds: Sequence[int],
    tracker: Any,
) -> dict[str, Any]:
    """Train without a change and with it, several seeds each, and track every run.

    Args:
        train: `train(settings, seed)` gives a trained model.
        judge: `judge(model)` gives its figures by name, "bits_per_byte" among them.
        settings: of the runs as they are, name -> value.
        lever: the settings that are changed, name -> new value.
        seeds: two or more.
        tracker: `mlflow`, or what has its functions. Each training is a run of its own
            there, with a name of its own; its parameters are all settings that it was
            made with and its "seed", its metrics all figures.

    Returns:
        "as it is" and "changed": lists of the figures of each seed, in their order.
        "verdict": "better" where every changed run has fewer bits per byte than every
            run as it is, "worse" where every one has more; else "no clear difference".
    """
    results: dict[str, Any] = {}
    # Step 1: Two kinds of runs: with the settings as they are, and with the lever's values in a
    # copy of them.
    for kind, change in (("as it is", {}), ("changed", lever)):
        used = {**settings, **change}
        results[kind] = []
        for seed in seeds:
            # Step 2: Open a run under a name of its own; log its settings, train, judge, log
            # the figures.
            with tracker.start_run(run_name=f"{kind}, seed {seed}"):
                tracker.log_params({**used, "seed": seed})
                figures = judge(train(used, seed))
                tracker.log_metrics(figures)
            results[kind].append(figures)
    # Step 3: Compare the worst of one kind with the best of the other.
    before, after = ([one["bits_per_byte"] for one in results[kind]] for kind in ("as it is", "changed"))
    verdict = "no clear difference"
    if max(after) < min(before):
        verdict = "better"
    elif min(after) > max(before):
        verdict = "worse"
    return {**results, "verdict": verdict}


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens that have at least a share of the likeliest one's probability.

    Args:
        logits: (B, V); they are not changed.
        min_p: that share, of the likeliest of the token's row; above 0, below 1.

    Returns:
        (B, V): the logits of the tokens that are kept, minus infinity elsewhere.

    Source: Nguyen et al. 2024, section 3.
    """
    # Step 1: The probabilities, and the greatest of each row.
    probs = logits.softmax(dim=-1)  # (B, V)
    greatest = probs.amax(dim=-1, keepdim=True)  # (B, 1)
    # Step 2: Minus infinity for what is less likely than that share of it.
    return logits.masked_fill(probs < min_p * greatest, -math.inf)
