"""What `router_statistics` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close

from .oracles import WIDE, best_of

router_statistics = Exercise(
    "router_statistics",
    points=8,
    stars=1,
    hints=(
        "Load and utilization come from what was chosen (`expert_ids`), entropy from how sure the router was "
        "(`probs`).",
        "`torch.bincount(expert_ids.flatten(), minlength=E)` counts visits; there are N*k of them. The entropy of a "
        "token is minus the sum of p * log(p), and log(0) is -inf: which function of torch knows that 0 * log(0) is 0?",
        "`torch.xlogy(p, p)` is p * log(p) with 0 where p is 0. Sum over the experts, then the mean over the tokens. "
        "The largest load divided by 1/E is the largest load times E.",
    ),
    stand_in="storyteller.moe.statistics.router_statistics",
)


@router_statistics.case("gives each expert's share of all visits", points=2)
def load(student, draw):
    experts = torch.tensor([draw.sample(range(4), 2) for _ in range(6)])  # experts 4 and 5 never
    probs = torch.softmax(draw.tensor(6, 6, dtype=WIDE), -1)
    visits = experts.flatten().tolist()
    wanted = torch.tensor([visits.count(e) / 12 for e in range(6)])
    close(student.router_statistics(probs, experts)["load"], wanted, "the load")


@router_statistics.case("measures in nats how undecided the router is, token by token", points=3)
def entropy(student, draw):
    probs = torch.softmax(draw.tensor(5, 4, dtype=WIDE, scale=2.0), -1)
    experts = torch.tensor([best_of(row, 2) for row in probs.tolist()])
    wanted = sum(-sum(p * math.log(p) for p in row) for row in probs.tolist()) / 5
    close(student.router_statistics(probs, experts)["entropy"], wanted, "the entropy")
    sure = torch.eye(4, dtype=torch.float64)
    got = student.router_statistics(sure, torch.arange(4)[:, None])["entropy"]
    close(got, 0.0, "the entropy of a router that is quite sure")


@router_statistics.case("says how many experts are used, and how busy the busiest is", points=3)
def use_and_peak(student, draw):
    n_experts, busy = 8, draw.randint(2, 5)
    experts = torch.tensor([[0, 1 + n % (busy - 1)] for n in range(12)])
    got = student.router_statistics(torch.full((12, n_experts), 1 / n_experts), experts)
    close(got["utilization"], busy / n_experts, "the utilization", rtol=1e-5)
    close(got["max_load"], 0.5 * n_experts, "the largest load over the even share", rtol=1e-5)
