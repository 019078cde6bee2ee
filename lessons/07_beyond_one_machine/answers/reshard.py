"""Known answers to `reshard`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "reshard",
        "larger_parts_first",
        "The vectors are cut into parts as large as the first one, with `split`. What is left over then makes the last "
        "rank's part too small; `tensor_split` shares it out.",
        change=(
            "whole.tensor_split(ranks) if is_cut",
            "(whole.split(-(-len(whole) // ranks)) if len(whole) > ranks else whole.tensor_split(ranks)) if is_cut",
        ),
    ),
    Wrong(
        "reshard",
        "whole_for_all",
        "Every rank gets the whole vectors. A part is enough, and all that fits.",
        change=("whole.tensor_split(ranks) if is_cut else [whole] * ranks", "[whole] * ranks"),
    ),
    Wrong(
        "reshard",
        "numbers_lost",
        "What is no tensor is left out: without the number of steps the averages are corrected as in the first one.",
        change=("anew[place][name] = part", "anew[place].update({name: part} if is_cut else {})"),
    ),
    Right(
        "reshard",
        "rank_by_rank",
        code="""
        def reshard(states, ranks):
            whole = {
                name: torch.cat([one[name] for one in states]) if torch.is_tensor(value) else value
                for name, value in states[0].items()
            }
            return [
                {name: v.tensor_split(ranks)[r].clone() if torch.is_tensor(v) else v for name, v in whole.items()}
                for r in range(ranks)
            ]
        """,
    ),
    Right(
        "reshard",
        "by_hand",
        code="""
        def reshard(states, ranks):
            new = []
            for rank in range(ranks):
                state = {}
                for name in states[0]:
                    if isinstance(states[0][name], torch.Tensor):
                        numbers = [x for one in states for x in one[name].tolist()]
                        small, more = divmod(len(numbers), ranks)
                        start = rank * small + min(rank, more)
                        own = numbers[start : start + small + (rank < more)]
                        state[name] = torch.tensor(own, dtype=states[0][name].dtype)
                    else:
                        state[name] = states[0][name]
                new.append(state)
            return new
        """,
    ),
]
