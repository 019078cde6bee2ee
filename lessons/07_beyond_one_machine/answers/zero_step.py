"""Known answers to `zero_step`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

OWN = "own = parameter.flatten().tensor_split(ranks)[rank]"

answers = [
    Wrong(
        "zero_step",
        "own_gradient_only",
        "The update uses this rank's own gradient. The sum over all ranks is meant: `reduce_scatter` gives your part.",
        change=(
            "own_gradient = reduce_scatter(gradient.flatten())",
            "reduce_scatter(gradient.flatten())\n    own_gradient = gradient.flatten().tensor_split(ranks)[rank]",
        ),
    ),
    Wrong(
        "zero_step",
        "mean_of_gradients",
        "The gradients are divided by the number of ranks. They are to be added.",
        change=("update(own, own_gradient, state)", "update(own, own_gradient / ranks, state)"),
    ),
    Wrong(
        "zero_step",
        "first_part",
        "Every rank updates the first part of the parameter, with a gradient that belongs to another.",
        change=(OWN, "own = parameter.flatten()[: len(own_gradient)]"),
    ),
    Wrong(
        "zero_step",
        "state_lost",
        "The state that comes back is the one that went in, so each step begins its averages anew.",
        change=("own, state = update(own, own_gradient, state)", "own, _ = update(own, own_gradient, state)"),
    ),
    Wrong(
        "zero_step",
        "state_not_used",
        "The rule gets an empty state in every step: the averages never grow older than one step.",
        change=("update(own, own_gradient, state)", "update(own, own_gradient, {})"),
    ),
    Wrong(
        "zero_step",
        "only_the_part",
        "The part of this rank comes back, where the whole parameter should: `all_gather` puts the parts together.",
        change=("return all_gather(own).view_as(parameter), state", "all_gather(own)\n    return own, state"),
    ),
    Wrong(
        "zero_step",
        "still_a_vector",
        "What comes back is a vector. The parameter has a shape.",
        change=("all_gather(own).view_as(parameter)", "all_gather(own)"),
    ),
    Wrong(
        "zero_step",
        "everything_updated",
        "The rule is asked for the whole parameter, and its averages are whole too: nothing is saved.",
        code="""
        def zero_step(parameter, gradient, state, rank, ranks, *, reduce_scatter, all_gather, update):
            whole = all_gather(reduce_scatter(gradient.flatten())).view_as(parameter)
            return update(parameter, whole, state)
        """,
    ),
    Right(
        "zero_step",
        "in_one_line",
        code="""
        def zero_step(parameter, gradient, state, rank, ranks, *, reduce_scatter, all_gather, update):
            mine = torch.tensor_split(parameter.reshape(-1), ranks)[rank].clone()
            moved, after = update(mine, reduce_scatter(gradient.reshape(-1)), state)
            return all_gather(moved).reshape(parameter.shape), after
        """,
    ),
    Right(
        "zero_step",
        "by_places",
        code="""
        def zero_step(parameter, gradient, state, rank, ranks, *, reduce_scatter, all_gather, update):
            n = parameter.numel()
            small, larger = divmod(n, ranks)
            start = rank * small + min(rank, larger)
            size = small + (1 if rank < larger else 0)
            part = parameter.flatten()[start : start + size]
            part, new_state = update(part, reduce_scatter(gradient.flatten()), state)
            whole = all_gather(part)
            return whole.view(*parameter.shape), new_state
        """,
    ),
]
