"""What `dispatch_naive` must do, case by case."""

from storyteller_course import Exercise, close

from .dispatch_oracles import Callers, check_gradients, choices
from .oracles import WIDE

dispatch_naive = Exercise(
    "dispatch_naive",
    in_library="storyteller.moe.dispatch.dispatch_loop",
    points=10,
    stars=2,
    hints=(
        "Two loops, one inside the other: over the tokens, and over the k choices of a token.",
        "`int(expert_ids[n, j])` is the number of an expert, `experts[e]` the expert. It wants a row of shape (1, D): "
        "what is the difference between x[n] and x[n : n + 1]?",
        "A token has k answers, so its row of y grows: `+=`, with the answer times gate_weights[n, j]. Where the "
        "number of the expert is len(experts), go on with the next choice.",
    ),
    forbidden=(
        "storyteller.moe.dispatch.dispatch_dense",
        "storyteller.moe.dispatch.dispatch_loop",
        "storyteller.moe.dispatch.dispatch_sorted",
    ),
)


@dispatch_naive.case("asks each token's experts and adds up their answers by weight", points=4)
def naive_sum(student, draw):
    x, callers = draw.tensor(5, 4, dtype=WIDE), Callers(draw, 4, 4)
    gate_weights, expert_ids = choices(draw, 5, 4, 2)
    got = student.dispatch_naive(x, gate_weights, expert_ids, callers.run())
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")


@dispatch_naive.case("works for any k", points=2)
def naive_any_k(student, draw):
    for k in (1, 3):
        x, callers = draw.tensor(3, 2, dtype=WIDE), Callers(draw, 3, 2)
        gate_weights, expert_ids = choices(draw, 3, 3, k)
        got = student.dispatch_naive(x, gate_weights, expert_ids, callers.run())
        close(got, callers.wanted(x, gate_weights, expert_ids), f"the output for k = {k}")


@dispatch_naive.case("adds nothing for a choice that was dropped", points=2)
def naive_dropped(student, draw):
    x, callers = draw.tensor(4, 3, dtype=WIDE), Callers(draw, 3, 3)
    gate_weights, expert_ids = choices(draw, 4, 3, 2)
    expert_ids[draw.randrange(4), 0] = 3
    expert_ids[draw.randrange(4)] = 3  # a token whose choices are all dropped
    got = student.dispatch_naive(x, gate_weights, expert_ids, callers.run())
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")


@dispatch_naive.case("lets gradients reach the tokens and the weights", points=2)
def naive_gradients(student, draw):
    check_gradients(student, draw, "dispatch_naive")
