"""What `keep_best` must do, case by case."""

from storyteller_course import Exercise, equal

keep_best = Exercise(
    "keep_best",
    points=5,
    stars=1,
    hints=(
        "Ten stories and a share of 0.25: how many are 2.5 stories, rounded? And what is left of 3 stories?",
        "`sorted(range(len(rewards)), key=...)` sorts the numbers of the stories, not the rewards.",
        "Sort by minus the reward: then the highest come first, and equal ones stay in their order. The numbers that "
        "are kept are sorted once more, by themselves.",
    ),
    stand_in="storyteller.rl.selection.keep_best",
)


def slow_best(rewards, share):
    """A story is kept where fewer than so many are better, or as good and earlier."""
    at_least = round(share * len(rewards)) or 1
    before = [
        sum(other > mine or (other == mine and j < i) for j, other in enumerate(rewards))
        for i, mine in enumerate(rewards)
    ]
    return [i for i, better in enumerate(before) if better < at_least]


def unlike(draw, count):
    """Rewards that all differ, in no order."""
    return [value / 100 for value in draw.sample(range(100), count)]


@keep_best.case("keeps the stories with the highest rewards, by their numbers", points=3)
def highest(student, draw):
    for count, share in ((8, 0.5), (9, 0.3), (6, 1.0)):
        rewards = unlike(draw, count)
        equal(student.keep_best(rewards, share=share), slow_best(rewards, share), f"the best {share} of {count}")


@keep_best.case("keeps the earlier ones of equal stories, and one at least", points=2)
def ties(student, draw):
    # Story 0 is never among the best, so that 0 is not right by luck.
    rewards = [0.0, *[float(draw.choice([1, 2])) for _ in range(9)], 1.0, 2.0]
    for share in (0.25, 0.5):
        equal(student.keep_best(rewards, share=share), slow_best(rewards, share), "the numbers kept")
    rewards = [0.0, *unlike(draw, 4)]
    equal(student.keep_best(rewards, share=0.05), slow_best(rewards, 0.05), "the number of the one that is kept")
