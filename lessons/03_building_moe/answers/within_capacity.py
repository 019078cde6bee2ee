"""Known answers to `within_capacity`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "within_capacity",
        "queue_for_each_choice",
        "First and second choices stand in two different queues, so an expert takes up to k times its capacity. There "
        "is one queue at each expert.",
        change=(
            (
                "choices = nn.functional.one_hot(expert_ids.flatten(), n_experts)",
                "choices = nn.functional.one_hot(expert_ids, n_experts)",
            ),
            ("(asked * choices).sum(dim=1)", "(asked * choices).sum(dim=-1)"),
        ),
    ),
    Wrong(
        "within_capacity",
        "one_too_few",
        "The queue is cut one place too early: the first to come has the number 1, and the one with the number "
        "`capacity` still fits.",
        change=("place <= capacity", "place < capacity"),
    ),
    Wrong(
        "within_capacity",
        "one_too_many",
        "One more than fits is let in. If the first to come has the number 0, the last that fits has capacity - 1.",
        change=("(place <= capacity)", "(place - 1 <= capacity)"),
    ),
    Wrong(
        "within_capacity",
        "last_come_first",
        "The places go to the last tokens. Places go in the order of the tokens: earlier before later.",
        change=("asked = choices.cumsum(dim=0)", "asked = choices.flip(0).cumsum(dim=0).flip(0)"),
    ),
    Wrong(
        "within_capacity",
        "firsts_before_seconds",
        "All first choices are served before any second choice. (Some systems do that; here an earlier token goes "
        "first with all its choices.)",
        change=(
            ("one_hot(expert_ids.flatten(), n_experts)", "one_hot(expert_ids.T.flatten(), n_experts)"),
            ("return (place <= capacity).view_as(expert_ids)", "return (place <= capacity).view_as(expert_ids.T).T"),
        ),
    ),
    Wrong(
        "within_capacity",
        "dropped",
        "True and False are swapped: True is for a choice that finds a place.",
        change=("place <= capacity", "place > capacity"),
    ),
    Wrong(
        "within_capacity",
        "all_or_nothing",
        "An expert that is asked for too often turns everybody away. It serves as many as it has places for.",
        change=("place = (asked * choices).sum(dim=1)", "place = (asked[-1:] * choices).sum(dim=1)"),
    ),
    Wrong(
        "within_capacity",
        "one_queue",
        "The places of all experts are given out from one queue. Each expert has places of its own.",
        change=("return (place <= capacity)", "return (torch.arange(1, len(place) + 1) <= capacity * n_experts)"),
    ),
    Wrong(
        "within_capacity",
        "as_numbers",
        "The result has numbers in it. True and False are wanted.",
        change=(".view_as(expert_ids)", ".view_as(expert_ids).long()"),
    ),
    Right(
        "within_capacity",
        "with_a_dictionary",
        code="""
        def within_capacity(expert_ids, *, n_experts, capacity):
            taken = [0] * n_experts
            fits = []
            for e in expert_ids.flatten().tolist():
                fits.append(taken[e] < capacity)
                taken[e] += 1
            return torch.tensor(fits).reshape(expert_ids.shape)
        """,
    ),
    Right(
        "within_capacity",
        "expert_by_expert",
        code="""
        def within_capacity(expert_ids, *, n_experts, capacity):
            flat = expert_ids.reshape(-1)
            fits = torch.zeros(len(flat), dtype=torch.bool)
            for e in range(n_experts):
                fits[torch.nonzero(flat == e).flatten()[:capacity]] = True
            return fits.reshape_as(expert_ids)
        """,
    ),
    Right(
        "within_capacity",
        "position_in_expert",
        code="""
        def within_capacity(expert_ids, *, n_experts, capacity):
            n, k = expert_ids.shape
            expert_mask = torch.nn.functional.one_hot(expert_ids.view(-1), num_classes=n_experts).float()
            position_in_expert = torch.cumsum(expert_mask, dim=0) * expert_mask - 1.0
            position = position_in_expert.max(dim=-1).values
            return (position < capacity).view(n, k)
        """,
    ),
    Right(
        "within_capacity",
        "counting_those_before",
        code="""
        def within_capacity(expert_ids, *, n_experts, capacity):
            row = expert_ids.reshape(-1)
            same = row[:, None] == row[None, :]
            before = torch.tril(same, diagonal=-1).sum(dim=1)
            return torch.lt(before, capacity).reshape(expert_ids.shape)
        """,
    ),
]
