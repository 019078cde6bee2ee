"""Known answers to `keep_best`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "keep_best",
        "the_worst",
        "The stories with the lowest rewards are kept: the order is turned round.",
        change=("key=lambda story: -rewards[story]", "key=lambda story: rewards[story]"),
    ),
    Wrong(
        "keep_best",
        "best_first",
        "The numbers come with the best story first. They are asked for in ascending order, so that the stories that "
        "are kept stay in their order.",
        change=("return sorted(order[:count])", "return order[:count]"),
    ),
    Wrong(
        "keep_best",
        "later_of_equals",
        "Of equal rewards the later story is kept. `reverse=True` leaves ties as they are, but a list that is turned "
        "round afterwards does not.",
        change=(
            "sorted(range(len(rewards)), key=lambda story: -rewards[story])",
            "sorted(range(len(rewards)), key=lambda story: rewards[story])[::-1]",
        ),
    ),
    Wrong(
        "keep_best",
        "rounded_down",
        "The number of stories is rounded down. It is asked for rounded: 3.3 to 3, and 3.7 to 4.",
        change=("round(share * len(rewards))", "int(share * len(rewards))"),
    ),
    Right(
        "keep_best",
        "with_torch",
        code="""
        def keep_best(rewards, *, share):
            count = max(1, round(share * len(rewards)))
            order = torch.tensor(rewards, dtype=torch.float64).argsort(descending=True, stable=True)
            return order[:count].sort().values.tolist()
        """,
    ),
    Right(
        "keep_best",
        "one_after_the_other",
        code="""
        def keep_best(rewards, *, share):
            left, kept = dict(enumerate(rewards)), []
            for _ in range(max(1, round(share * len(rewards)))):
                best = max(left, key=left.get)
                kept.append(best)
                del left[best]
            return sorted(kept)
        """,
    ),
]
