"""What `expected_best` must do, case by case."""

from itertools import combinations

from storyteller_course import Exercise, close

expected_best = Exercise(
    "expected_best",
    in_library="storyteller.rl.selection.best_of_n",
    points=5,
    stars=3,
    scaffold="blank",
    bonus=True,
    hints=(
        "Sort the rewards. In how many choices of n is the largest of all the best? And the smallest?",
        "A reward is the best of a choice if the other n - 1 all come from those before it in the order.",
        "`math.comb(i, n - 1)` choices for the reward with i before it, out of `math.comb(N, n)`.",
    ),
)


def slow_best(rewards, n):
    """Go through all choices."""
    choices = list(combinations(rewards, n))
    return sum(max(chosen) for chosen in choices) / len(choices)


@expected_best.case("is the mean of the largest reward over all choices", points=4)
def all_choices(student, draw):
    for count, n in ((7, 3), (9, 2), (6, 4)):
        rewards = [round(draw.random(), 3) for _ in range(count)]
        close(student.expected_best(rewards, n), slow_best(rewards, n), f"the best of {n}, from {count} rewards")


@expected_best.case("works for equal rewards, for one story and for all of them", points=1)
def edges(student, draw):
    rewards = [float(draw.choice([0, 1])) for _ in range(7)] + [0.0, 1.0]
    for n in (1, 4, len(rewards)):
        close(student.expected_best(rewards, n), slow_best(rewards, n), f"the best of {n}")
