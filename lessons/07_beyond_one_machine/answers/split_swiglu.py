"""Known answers to `split_swiglu`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "split_swiglu",
        "cut_as_it_lies",
        "`gate_up` is cut as it lies. The first ranks then have rows of the gate alone and the last ones rows of the "
        "up-projection alone, and a hidden feature needs both.",
        code="""
        def split_swiglu(gate_up, down, ranks):
            return list(zip(gate_up.chunk(ranks), down.chunk(ranks, dim=1)))
        """,
    ),
    Wrong(
        "split_swiglu",
        "up_above_the_gate",
        "A rank's up-projection stands above its gate. They are not alike: the SiLU belongs to the gate.",
        change=("torch.cat([one, two])", "torch.cat([two, one])"),
    ),
    Wrong(
        "split_swiglu",
        "other_columns",
        "`down` has the columns of another rank's features.",
        change=("down.chunk(ranks, dim=1), strict=True)", "reversed(down.chunk(ranks, dim=1)), strict=True)"),
    ),
    Wrong(
        "split_swiglu",
        "alternating",
        "Gate and up-projection alternate row by row. The layer expects all rows of the gate above all others.",
        change=("(torch.cat([one, two]), columns)", "(torch.stack([one, two], dim=1).flatten(0, 1), columns)"),
    ),
    Wrong(
        "split_swiglu",
        "each_gets_the_sum",
        "Each rank's `down` is multiplied by the number of ranks, as if for a mean. The outputs are added.",
        change=("torch.cat([one, two]), columns)", "torch.cat([one, two]), columns * ranks)"),
    ),
    Wrong(
        "split_swiglu",
        "same_part_for_all",
        "All ranks get the same part.",
        change=("for one, two, columns in parts]", "for one, two, columns in [next(parts)] * ranks]"),
    ),
    Right(
        "split_swiglu",
        "by_places",
        code="""
        def split_swiglu(gate_up, down, ranks):
            F_all = down.shape[1]
            each, parts = F_all // ranks, []
            for rank in range(ranks):
                features = torch.arange(rank * each, (rank + 1) * each)
                rows = torch.cat([features, F_all + features])
                parts.append((gate_up[rows], down[:, features]))
            return parts
        """,
    ),
    Right(
        "split_swiglu",
        "every_p_th_feature",
        code="""
        def split_swiglu(gate_up, down, ranks):
            two, D = gate_up.view(2, -1, gate_up.size(1)), gate_up.size(1)
            return [(two[:, r::ranks].reshape(-1, D), down[:, r::ranks].clone()) for r in range(ranks)]
        """,
    ),
]
