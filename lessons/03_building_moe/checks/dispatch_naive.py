"""What `dispatch_naive` must do, case by case."""

from storyteller_course import Exercise, close

from .dispatch_oracles import Callers, check_gradients, choices

dispatch_naive = Exercise(
    "dispatch_naive",
    in_library="storyteller.moe.dispatch.dispatch_loop",
    points=8,
    stars=1,
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


@dispatch_naive.case("asks each token's experts and adds up their answers by weight", points=3)
def naive_sum(student, draw):
    n_tokens, n_experts, width = draw.sample(range(3, 8), 3)
    x, callers = draw.tensor(n_tokens, width), Callers(draw, n_experts, width)
    gate_weights, expert_ids = choices(draw, n_tokens, n_experts, 2)
    got = student.dispatch_naive(x, gate_weights, expert_ids, callers.run())
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")


@dispatch_naive.case("works for any k", points=1)
def naive_any_k(student, draw):
    for k, n_experts in ((1, 5), (3, 4), (3, 3)):
        x, callers = draw.tensor(6, 2), Callers(draw, n_experts, 2)
        gate_weights, expert_ids = choices(draw, 6, n_experts, k)
        got = student.dispatch_naive(x, gate_weights, expert_ids, callers.run())
        close(got, callers.wanted(x, gate_weights, expert_ids), f"the output for k = {k}")


@dispatch_naive.case("adds nothing for a choice that was dropped", points=2)
def naive_dropped(student, draw):
    n_experts, k = draw.choice([(3, 2), (4, 3)])
    x, callers = draw.tensor(5, 2), Callers(draw, n_experts, 2)
    gate_weights, expert_ids = choices(draw, 5, n_experts, k)
    first, second, third = draw.sample(range(5), 3)
    expert_ids[first, 0] = expert_ids[second, k - 1] = n_experts
    expert_ids[third] = n_experts  # a token whose choices are all dropped
    got = student.dispatch_naive(x, gate_weights, expert_ids, callers.run())
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")


@dispatch_naive.case("lets gradients reach the tokens and the weights", points=2)
def naive_gradients(student, draw):
    check_gradients(student, draw, "dispatch_naive")
