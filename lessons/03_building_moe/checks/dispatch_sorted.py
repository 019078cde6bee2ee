"""What `dispatch_sorted` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true

from .dispatch_oracles import Callers, check_gradients, choices

dispatch_sorted = Exercise(
    "dispatch_sorted",
    points=14,
    stars=3,
    scaffold="goal",
    builds_on=("combine",),
    hints=(
        "Do it on paper first: 3 tokens, 2 choices each, experts [[0, 1], [1, 2], [0, 2]]. Number the choices 0 to 5, "
        "write each one's expert below it, and sort the numbers by expert.",
        "`argsort(stable=True)` of the flattened experts gives the choice numbers, `torch.bincount(..., minlength=E)` "
        "how many rows each expert has. Choice c is about token c // k. `rows.split([2, 0, 3])` cuts rows into parts.",
        "Loop over `zip(experts, parts)` and call an expert only if its part has rows; `torch.cat` the answers. They "
        "are in the order of the sorted choices, which is what `combine(answers, order, gate_weights)` wants to know.",
    ),
    stand_in="storyteller.moe.dispatch.dispatch_sorted",
    forbidden=("storyteller.moe.dispatch.dispatch_dense", "storyteller.moe.dispatch.dispatch_loop"),
)


def run_sorted(student, draw, x, gate_weights, expert_ids, n_experts):
    """Call the student's dispatch; returns the experts, which remember, and compares nothing yet."""
    callers = Callers(draw, n_experts, x.size(1))
    got = student.dispatch_sorted(x, gate_weights, expert_ids, callers.run())
    return got, callers


@dispatch_sorted.case("gives what going token by token gives", points=4)
def same_as_naive(student, draw):
    for n_tokens, n_experts, k, width in ((7, 4, 2, 5), (5, 3, 1, 2), (6, 3, 3, 4)):
        x = draw.tensor(n_tokens, width)
        gate_weights, expert_ids = choices(draw, n_tokens, n_experts, k)
        got, callers = run_sorted(student, draw, x, gate_weights, expert_ids, n_experts)
        close(got, callers.wanted(x, gate_weights, expert_ids), f"the output for {n_tokens} tokens and k = {k}")


@dispatch_sorted.case("calls every expert at most once, with all of its tokens", points=3)
def one_call_each(student, draw):
    n_tokens, n_experts, k, width = draw.choice([(9, 3, 2, 5), (8, 4, 3, 2)])
    x = draw.tensor(n_tokens, width)
    gate_weights, expert_ids = choices(draw, n_tokens, n_experts, k)
    got, callers = run_sorted(student, draw, x, gate_weights, expert_ids, n_experts)
    calls = [e for e, _ in callers.asked]
    for e in range(n_experts):
        n_calls = calls.count(e)
        true(n_calls <= 1, f"Expert {e} was called {n_calls} times; one call with all of its rows is enough.")
        rows = [part for number, part in callers.asked if number == e]
        own = sorted(x[(expert_ids == e).any(dim=1)].tolist())
        close(sorted(rows[0].tolist()) if rows else [], own, f"the tokens (in any order) that expert {e} was given")
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")


@dispatch_sorted.case("copes with experts that nobody chose, and does not call them", points=2)
def idle_experts(student, draw):
    x = draw.tensor(6, 3)
    busy = draw.sample([0, 1, 2, 4], 2)  # the last of the six experts never, and 3 never
    expert_ids = torch.tensor([draw.sample(busy, 2) for _ in range(6)])
    gate_weights = draw.tensor(6, 2).softmax(-1)
    got, callers = run_sorted(student, draw, x, gate_weights, expert_ids, 6)
    for e, rows in callers.asked:
        true(len(rows) > 0, f"Expert {e} was called though no token chose it.")
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")


@dispatch_sorted.case("adds nothing for choices that were dropped, be it all of them", points=2)
def sorted_dropped(student, draw):
    x = draw.tensor(6, 3)
    gate_weights, expert_ids = choices(draw, 6, 4, 2)
    for n in draw.sample(range(6), 3):
        expert_ids[n, draw.randrange(2)] = 4
    got, callers = run_sorted(student, draw, x, gate_weights, expert_ids, 4)
    close(got, callers.wanted(x, gate_weights, expert_ids), "the output")
    got, _ = run_sorted(student, draw, x, gate_weights, torch.full_like(expert_ids, 4), 4)
    close(got, torch.zeros_like(x), "the output when every choice was dropped")


@dispatch_sorted.case("lets gradients reach the tokens and the weights", points=3)
def sorted_gradients(student, draw):
    check_gradients(student, draw, "dispatch_sorted")
