"""Known answers to `expected_best`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "expected_best",
        "best_of_all",
        "This is the best of all stories there are, which is too high for n of them.",
        change=(
            "return sum(chance * reward for chance, reward in zip(chances, ordered, strict=True))",
            "return max(ordered) + 0 * sum(chances)",
        ),
    ),
    Wrong(
        "expected_best",
        "mean_reward",
        "This is the mean reward, that of one story. The best of n is better.",
        change=(
            "return sum(chance * reward for chance, reward in zip(chances, ordered, strict=True))",
            "return sum(ordered) / len(ordered) + 0 * sum(chances)",
        ),
    ),
    Wrong(
        "expected_best",
        "expected_worst",
        "The rewards are sorted from the highest down, so this is the worst of n.",
        change=("ordered = sorted(rewards)", "ordered = sorted(rewards, reverse=True)"),
    ),
    Right(
        "expected_best",
        "by_distribution",
        code="""
        def expected_best(rewards, n):
            ordered, N = sorted(rewards), len(rewards)
            below = [math.comb(i, n) / math.comb(N, n) for i in range(N + 1)]
            return sum((below[i + 1] - below[i]) * ordered[i] for i in range(N))
        """,
    ),
    Right(
        "expected_best",
        "every_choice",
        code="""
        def expected_best(rewards, n):
            import itertools

            best = [max(chosen) for chosen in itertools.combinations(rewards, n)]
            return sum(best) / len(best)
        """,
    ),
]
