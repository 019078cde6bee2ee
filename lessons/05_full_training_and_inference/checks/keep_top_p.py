"""What `keep_top_p` must do, case by case."""

import torch

from storyteller_course import Exercise, equal, shaped, unchanged

from .oracles import INFINITE, chances, far_apart, kept_only, likeliest_first, scores, some_removed

keep_top_p = Exercise(
    "keep_top_p",
    points=10,
    stars=3,
    bug_hunt=True,
    hints=(
        "Take one row with the probabilities 0.5, 0.3, 0.2 and top_p = 0.7. Which tokens should be kept, and which "
        "does the code keep? Then take two rows whose likeliest tokens are not the same.",
        "The token with which the sum passes top_p belongs to the set. What should be compared with top_p: the sum "
        "with this token, or the sum before it? And whose columns does the assignment fill?",
        "The sum before a token is cumsum minus its own probability. `scatter(-1, order, mask)` carries a mask from "
        "the sorted order back to the vocabulary, each row by itself.",
    ),
    stand_in="storyteller.inference.sampling.keep_top_p",
)


def nucleus(row, top_p):
    """The smallest set: take tokens until they reach top_p."""
    kept, total, p = [], 0.0, chances(row)
    for token in likeliest_first(row):
        kept.append(token)
        total += p[token]
        if total >= top_p:
            break
    return kept


def away_from_the_edges(draw, logits, least=0.15, most=0.95):
    """A top_p that no sum of probabilities of any row comes near to, so that rounding decides nothing."""
    while True:
        top_p = draw.uniform(least, most)
        sums = torch.softmax(logits.double(), -1).sort(-1, descending=True).values.cumsum(-1)
        if (sums - top_p).abs().min() > 1e-3:
            return top_p


def check_nucleus(student, logits, top_p, what):
    wanted = kept_only(logits, [nucleus(row, top_p) for row in logits])
    equal(student.keep_top_p(logits, top_p), wanted, f"{what} with top_p={top_p:.3f}")


@keep_top_p.case("keeps the token with which the sum passes top_p", points=5)
def crossing(student, draw):
    logits = scores(draw, rows=1)
    check_nucleus(student, logits, away_from_the_edges(draw, logits), "the logits of one row")
    sure = scores(draw, rows=1)
    best = draw.randrange(sure.size(1))
    sure[0, best] = sure.max() + 6
    equal(student.keep_top_p(sure, 0.5), kept_only(sure, [[best]]), "a row with one token that is nearly certain")
    even = scores(draw, rows=1, scale=0.5)
    equal(student.keep_top_p(even, 1.0), even, "the logits of one row with top_p=1")
    large = far_apart(draw, scores(draw, rows=1))
    check_nucleus(student, large, away_from_the_edges(draw, large), "a row of logits that lie far from 0")
    left = some_removed(draw, scores(draw, rows=1))
    check_nucleus(student, left, away_from_the_edges(draw, left), "a row of which a filter has removed some tokens")


@keep_top_p.case("takes each row by itself", points=5)
def rows_apart(student, draw):
    for rows in draw.sample(range(3, 6), 2):
        logits = scores(draw, rows=rows)
        check_nucleus(student, logits, away_from_the_edges(draw, logits, 0.4, 0.9), f"the logits of {rows} rows")


@keep_top_p.case("still removes what comes after, and leaves its argument alone", points=0)
def removes_the_tail(student, draw):
    logits = scores(draw, rows=1)
    top_p = away_from_the_edges(draw, logits)
    got = student.keep_top_p(logits, top_p)
    unchanged(student)
    shaped(got, logits.shape)
    behind = [token for token in range(logits.size(1)) if token not in nucleus(logits[0], top_p)]
    equal(got[0, behind], torch.full((len(behind),), -INFINITE), "the logits of the tokens after the set")
