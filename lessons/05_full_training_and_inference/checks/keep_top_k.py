"""What `keep_top_k` must do, case by case."""

from storyteller_course import Exercise, equal, unchanged

from .oracles import kept_only, likeliest_first, scores

keep_top_k = Exercise(
    "keep_top_k",
    points=8,
    stars=2,
    hints=(
        "What must a token have to stay? A logit at least as high as a certain one of its row. Which one?",
        "Sort each row, or let torch.topk do it, and keep the dimension of the threshold, (B, 1), so that it is "
        "compared with its own row.",
        "With k no larger than V: the threshold is column k - 1 of the sorted rows. torch.where takes the "
        "logits where they reach it and -math.inf elsewhere.",
    ),
    stand_in="storyteller.inference.sampling.keep_top_k",
)


@keep_top_k.case("keeps the k highest of each row and gives the rest minus infinity", points=3)
def highest(student, draw):
    logits, k = scores(draw), draw.randint(2, 5)
    wanted = kept_only(logits, [likeliest_first(row)[:k] for row in logits])
    equal(student.keep_top_k(logits, k), wanted, f"the logits with top_k={k}")
    below = logits - logits.max() - 1  # all of them negative
    equal(student.keep_top_k(below, k), kept_only(below, [likeliest_first(row)[:k] for row in below]),
          f"negative logits with top_k={k}")  # fmt: skip


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
    logits = scores(draw)
    for k in (7, 7 + draw.randint(1, 50)):
        equal(student.keep_top_k(logits, k), logits, f"7 logits with top_k={k}")


@keep_top_k.case("changes none of its arguments", points=2)
def top_k_copies(student, draw):
    student.keep_top_k(scores(draw), draw.randint(1, 5))
    unchanged(student)
