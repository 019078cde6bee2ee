"""What `router_statistics` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close, true

from .oracles import best_of

router_statistics = Exercise(
    "router_statistics",
    points=8,
    bonus=True,
    stars=2,
    scaffold="goal",
    hints=(
        "Load and utilization come from what was chosen (`expert_ids`), entropy from how sure the router was "
        "(`probs`).",
        "`torch.bincount(expert_ids.flatten(), minlength=E)` counts the choices, N*k of them. The entropy of a "
        "token is minus the sum of p * log(p), and log(0) is -inf: which function of torch knows that 0 * log(0) is 0?",
        "`torch.xlogy(p, p)` is p * log(p) with 0 where p is 0. Sum over the experts, then the mean over the tokens. "
        "The largest load divided by 1/E is the largest load times E.",
    ),
    stand_in="storyteller.moe.statistics.router_statistics",
)


def figure(got, name):
    """One of the four."""
    true(isinstance(got, dict) and name in got, f"There is no {name!r} in what you give back.", got=got)
    return got[name]


@router_statistics.case("gives each expert's share of all choices", points=2)
def load(student, draw):
    for n_tokens, n_experts, k in ((5, 6, 2), (7, 5, 3)):
        experts = torch.tensor([draw.sample(range(4), k) for _ in range(n_tokens)])  # the last ones never
        probs = torch.softmax(draw.tensor(n_tokens, n_experts), -1)
        choices = experts.flatten().tolist()
        wanted = torch.tensor([choices.count(e) / len(choices) for e in range(n_experts)])
        close(figure(student.router_statistics(probs, experts), "load"), wanted, "the load")


@router_statistics.case("measures in nats how undecided the router is, token by token", points=3)
def entropy(student, draw):
    for n_tokens, n_experts, k in ((5, 4, 2), (6, 7, 1)):
        probs = torch.softmax(draw.tensor(n_tokens, n_experts, scale=2.0), -1)
        experts = torch.tensor([best_of(row, k) for row in probs.tolist()])
        wanted = sum(-sum(p * math.log(p) for p in row) for row in probs.tolist()) / n_tokens
        close(figure(student.router_statistics(probs, experts), "entropy"), wanted, "the entropy")
    got = student.router_statistics(torch.eye(4), torch.arange(4)[:, None])
    close(figure(got, "entropy"), 0.0, "the entropy of a router that is quite sure")


@router_statistics.case("says how many experts are used, and how busy the busiest is", points=3)
def use_and_peak(student, draw):
    n_experts, busy = draw.choice([7, 8, 9]), draw.randint(2, 5)
    favourite, *others = draw.sample(range(n_experts), busy)
    two_each = torch.tensor([[favourite, others[n % (busy - 1)]] for n in range(12)])
    rare = torch.tensor([[others[0]] if n == 0 else [favourite] for n in range(n_experts + 1)])  # below an even share
    for experts, n_used, peak in ((two_each, busy, 1 / 2), (rare, 2, n_experts / (n_experts + 1))):
        got = student.router_statistics(torch.full((len(experts), n_experts), 1 / n_experts), experts)
        close(figure(got, "utilization"), n_used / n_experts, "the utilization")
        close(figure(got, "max_load"), peak * n_experts, "the largest load over the even share")
