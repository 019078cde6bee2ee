"""What `keep_top_k` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, equal, shaped, true, unchanged

from .oracles import kept_only, likeliest_first, scores, some_removed

keep_top_k = Exercise(
    "keep_top_k",
    points=8,
    stars=2,
    bonus=True,
    scaffold="blank",
    hints=(
        "What must a token have to stay? A logit at least as high as a certain one of its row. Which one?",
        "Sort each row, or let torch.topk do it, and keep the dimension of the threshold, (B, 1), so that it is "
        "compared with its own row.",
        "With k no larger than V: the threshold is column k - 1 of the sorted rows. torch.where takes the "
        "logits where they reach it and -math.inf elsewhere.",
    ),
    stand_in="storyteller.inference.sampling.keep_top_k",
)


def check_highest(student, logits, top_k, what):
    wanted = kept_only(logits, [likeliest_first(row)[:top_k] for row in logits])
    equal(student.keep_top_k(logits, top_k), wanted, f"{what} with top_k={top_k}")


@keep_top_k.case("keeps the k highest of each row and gives the rest minus infinity", points=3)
def highest(student, draw):
    check_highest(student, scores(draw), draw.randint(2, 5), "the logits")
    logits = scores(draw)
    check_highest(student, logits - logits.max() - 1, draw.randint(2, 5), "negative logits")
    check_highest(student, scores(draw), 1, "the logits")
    check_highest(student, some_removed(draw, scores(draw)), draw.randint(2, 5),
                  "logits of which a filter has removed some")  # fmt: skip


@keep_top_k.case("keeps all that are equal to the k-th", points=2)
def ties(student, draw):
    logits, k = scores(draw), draw.randint(2, 3)
    kept = []
    for row in logits:
        order = likeliest_first(row)
        row[order[k]] = row[order[k - 1]].clone()
        kept.append(order[: k + 1])
    equal(student.keep_top_k(logits, k), kept_only(logits, kept), f"the logits with top_k={k} and a tie at the k-th")


@keep_top_k.case("keeps everything when k is larger than the vocabulary", points=1)
def more_than_all(student, draw):
    for more in (0, draw.randint(1, 50)):
        logits = scores(draw)
        n_tokens = logits.size(1)
        equal(student.keep_top_k(logits, n_tokens + more), logits, f"{n_tokens} logits with top_k={n_tokens + more}")


@keep_top_k.case("changes none of its arguments", points=2)
def top_k_copies(student, draw):
    logits = scores(draw)
    got = student.keep_top_k(logits, draw.randint(1, 3))
    unchanged(student)
    shaped(got, logits.shape)
    true((got == -math.inf).any(), "No token was removed.", got=got)
    equal(torch.where(got == -math.inf, logits, got), logits, "the logits that were kept")
