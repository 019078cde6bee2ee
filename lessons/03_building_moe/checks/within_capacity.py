"""What `within_capacity` must do, case by case."""

import torch

from storyteller_course import Exercise, equal

within_capacity = Exercise(
    "within_capacity",
    points=8,
    stars=3,
    scaffold="blank",
    hints=(
        "Think of a queue at each expert's door. Everybody who comes counts those before him in the same queue.",
        "One-hot rows (N*k, E) and a running sum down the rows: after each choice you know how many have asked for "
        "each expert so far.",
        "Flatten `expert_ids` first, so that a token's second choice comes right after its first and all queues are "
        "shared. Take from each row of the running sums the number of its own expert, and compare with the capacity: "
        "the first to come has the number 1.",
    ),
    stand_in="storyteller.moe.dispatch.within_capacity",
)


def slow_capacity(experts, capacity):
    """Everybody queues up, one after the other."""
    places: dict = {}
    fits = []
    for chosen in experts.tolist():
        row = []
        for e in chosen:
            row.append(places.get(e, 0) < capacity)
            places[e] = places.get(e, 0) + 1
        fits.append(row)
    return torch.tensor(fits)


@within_capacity.case("lets the first ones in and turns the others away", points=3)
def queue(student, draw):
    n_experts = draw.choice([3, 4])
    experts = draw.integers(0, n_experts, draw.randint(10, 12), 1)
    for capacity in (3, 1, 2):
        got = student.within_capacity(experts, n_experts=n_experts, capacity=capacity)
        equal(got, slow_capacity(experts, capacity), f"who fits when the capacity is {capacity}")


@within_capacity.case("counts first and second choices in one queue", points=3)
def one_queue(student, draw):
    experts = torch.tensor([draw.sample(range(4), 2) for _ in range(9)])
    for capacity in (1, 3):
        got = student.within_capacity(experts, n_experts=4, capacity=capacity)
        equal(got, slow_capacity(experts, capacity), f"who fits when the capacity is {capacity}")


@within_capacity.case("turns nobody away where there is room, and everybody where there is none", points=2)
def room(student, draw):
    experts = torch.tensor([draw.sample(range(5), 3) for _ in range(6)])
    full, empty = (student.within_capacity(experts, n_experts=5, capacity=places) for places in (6, 0))
    equal(full, torch.ones(6, 3, dtype=torch.bool), "who fits when there is room for all")
    equal(empty, torch.zeros(6, 3, dtype=torch.bool), "who fits when there is no room")
