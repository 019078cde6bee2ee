"""What `causal_mask` must do, case by case."""

import torch

from storyteller_course import Exercise, equal, shaped, true

causal_mask = Exercise(
    "causal_mask",
    points=9,
    stars=2,
    bug_hunt=True,
    hints=(
        "Print the mask for three tokens, then for one query and three keys, then with real = [[True, True, False]]. "
        "Which of the three looks wrong, and in which row?",
        "The queries are the last of the keys: with one query and three keys, the query is key number 2. And with "
        "padding two rules must hold at once: which operator says so?",
        "Query i stands at column n_keys - n_queries + i, so take that slice of `column`. With `real`, a key is "
        "allowed if it was allowed before AND is real; a token itself stays allowed in any case.",
    ),
    stand_in="storyteller.transformer.attention.causal_mask",
)


def slow_mask(n_queries, n_keys, real):
    """Who may look at whom, pair by pair."""
    texts = real.tolist() if real is not None else [[True] * n_keys]
    mask = torch.zeros(len(texts), 1, n_queries, n_keys, dtype=torch.bool)
    for text, is_real in enumerate(texts):
        for query in range(n_queries):
            here = n_keys - n_queries + query
            for key in range(n_keys):
                mask[text, 0, query, key] = key == here or (key < here and is_real[key])
    return mask


def padded(draw, n_texts, n_keys):
    """Which tokens are real in texts that are padded on the left, at least one of them longer by two or more."""
    padding = [draw.randint(1, n_keys - 3) for _ in range(n_texts - 1)] + [0]
    return torch.arange(n_keys) >= torch.tensor(padding)[:, None]


@causal_mask.case("lets a query that follows other tokens see all of them", points=5)
def after_others(student, draw):
    n = draw.randint(6, 8)
    for n_queries in (3, 1):
        got = student.causal_mask(n_queries, n, device="cpu")
        equal(got, slow_mask(n_queries, n, None), f"the mask of {n_queries} queries after {n - n_queries} tokens")
    real = padded(draw, 2, n + 2)
    got = student.causal_mask(1, n + 2, real=real, device="cpu")
    equal(got, slow_mask(1, n + 2, real), f"the mask of one query after {n + 1} tokens, some of them padding")


@causal_mask.case("keeps the future closed where there is padding", points=4)
def padding_and_future(student, draw):
    n = draw.randint(5, 7)
    real = padded(draw, 3, n)
    got = student.causal_mask(n, n, real=real, device="cpu")
    true(
        getattr(got, "shape", None) != (3, 1, n, n) or not got.triu(1).any(),
        "With padding, a token may look at a later one: the model reads what it is to predict.",
        got=got,
    )
    equal(got, slow_mask(n, n, real), "the mask of three padded texts")


@causal_mask.case("still closes the future where nothing is padded", points=0)
def plain_square(student, draw):
    n = draw.randint(2, 6)
    equal(student.causal_mask(n, n, device="cpu"), slow_mask(n, n, None), "the mask of a whole text")


@causal_mask.case("still lets every token see itself, padding too", points=0)
def sees_itself(student, draw):
    n = draw.randint(4, 6)
    got = student.causal_mask(n, n, real=padded(draw, 2, n), device="cpu")
    shaped(got, (2, 1, n, n), "the mask")
    equal(got.diagonal(dim1=-2, dim2=-1), torch.ones(2, 1, n, dtype=torch.bool), "the diagonal of the mask")
