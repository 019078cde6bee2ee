"""Known answers to `most_likely`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "most_likely",
        change=(
            "    # Of equally probable ones the order of the text must not decide, or shuffling it changes the model.\n"
            "    return min(probable, key=lambda follower: (-probable[follower], follower))",
            "    return max(probable, key=probable.get)",
        ),
    ),
    Wrong(
        "most_likely",
        "the_last_of_the_alphabet",
        "Of two that are equally probable this takes the last in the alphabet: `max` wants the largest letter too.",
        change=(
            "min(probable, key=lambda follower: (-probable[follower], follower))",
            "max(probable, key=lambda follower: (probable[follower], follower))",
        ),
    ),
    Wrong(
        "most_likely",
        "the_last_seen",
        "Of two that are equally probable this takes the one that the text has last. The alphabet should decide.",
        change=(
            "min(probable, key=lambda follower: (-probable[follower], follower))",
            "max(reversed(list(probable)), key=probable.get)",
        ),
    ),
    Wrong(
        "most_likely",
        "only_the_alphabet",
        "This looks at the alphabet alone. The alphabet decides only between those that are equally probable.",
        change=("(-probable[follower], follower)", "follower"),
    ),
    Wrong(
        "most_likely",
        "the_chance",
        "This gives the chance of the most probable character. Wanted is the character.",
        change=("min(probable, key=lambda follower: (-probable[follower], follower))", "max(probable.values())"),
    ),
    Right(
        "most_likely",
        "sorted_first",
        code="""
        def most_likely(text, letter):
            probable = chances(text, letter)
            return max(sorted(probable), key=probable.get)
        """,
    ),
    Right(
        "most_likely",
        "in_two_steps",
        code="""
        def most_likely(text, letter):
            probable = chances(text, letter)
            best = max(probable.values())
            return min(follower for follower, chance in probable.items() if chance == best)
        """,
    ),
]
