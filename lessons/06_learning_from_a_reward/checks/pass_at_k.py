"""What `pass_at_k` must do, case by case."""

from itertools import combinations

from storyteller_course import Exercise, close

pass_at_k = Exercise(
    "pass_at_k",
    points=6,
    stars=1,
    hints=(
        "Ask the other way round: what is the share of the choices that hold no good story at all?",
        "`math.comb(a, b)` says in how many ways b things can be chosen from a; 0 where b is larger.",
        "All k must come from the n - c bad ones. Divide these ways by all ways, and take 1 less that.",
    ),
    stand_in="storyteller.rl.selection.pass_at_k",
)


def slow_share(n, c, k):
    """Go through all choices."""
    choices = list(combinations(range(n), k))
    return sum(any(story < c for story in chosen) for chosen in choices) / len(choices)


@pass_at_k.case("is the share of all choices of k that hold a good story", points=4)
def shares(student, draw):
    for n, k in ((10, 2), (9, 4), (7, 3)):
        c = draw.randint(1, n - k)
        close(student.pass_at_k(n=n, c=c, k=k), slow_share(n, c, k), f"pass@{k} with {c} good ones of {n}")


@pass_at_k.case("is 0 where none is good, 1 where too few are bad, and c/n for one try", points=2)
def edges(student, draw):
    n = draw.randint(6, 9)
    c = draw.randint(2, n - 3)
    close(student.pass_at_k(n=n, c=c, k=1), c / n, "pass@1")
    close(student.pass_at_k(n=n, c=0, k=3), 0.0, "pass@3 where none is good")
    close(student.pass_at_k(n=n, c=n - 2, k=3), 1.0, "pass@3 where two are bad")
