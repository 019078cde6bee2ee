"""Known answers to `expert_parallel`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

OWNER = "owner = chosen // (n_experts // ranks)"
ADD = "y.index_add_(0, token[choices], gates.flatten()[choices, None] * answer)"

answers = [
    Wrong(
        "expert_parallel",
        "dealt_like_cards",
        "The experts are taken to be dealt out like cards, expert e to rank e % P. Rank 0 has the first E/P of them.",
        change=(OWNER, "owner = chosen % ranks"),
    ),
    Wrong(
        "expert_parallel",
        "divided_by_ranks",
        "The expert's number is divided by the number of ranks. It is to be divided by the number of experts that each "
        "rank has.",
        change=(OWNER, "owner = (chosen // ranks).clamp(max=ranks - 1)"),
    ),
    Wrong(
        "expert_parallel",
        "weights_left_out",
        "The answers are added up without their weights.",
        change=(ADD, "y.index_add_(0, token[choices], answer)"),
    ),
    Wrong(
        "expert_parallel",
        "in_the_order_of_arrival",
        "The answers are handed to the tokens in the order in which they arrive. They have the order in which the rows "
        "were sent, sorted by rank.",
        change=(
            ("y = torch.zeros_like(x)", "y, done = torch.zeros_like(x), 0"),
            (ADD, "choices, done = torch.arange(done, done + len(answer)), done + len(answer)\n        " + ADD),
        ),
    ),
    Wrong(
        "expert_parallel",
        "last_choice_wins",
        "A token that gets two answers from one rank keeps the last one alone. `y[index] += ...` does not add them up.",
        change=(ADD, "y[token[choices]] += gates.flatten()[choices, None] * answer"),
    ),
    Wrong(
        "expert_parallel",
        "first_choice_only",
        "Only the first choice of each token is sent.",
        change=(OWNER, OWNER + "\n    owner[torch.arange(len(owner)) % expert_ids.size(1) > 0] = -1"),
    ),
    Wrong(
        "expert_parallel",
        "answers_not_sent_back",
        "The outputs are never sent back: they belong to the tokens of those who sent the rows.",
        change=(
            "answers = all_to_all(outputs)",
            "answers = [torch.cat([one, x.new_zeros(len(c), x.size(1))])[: len(c)] for one, c in zip(outputs, sent)]",
        ),
    ),
    Wrong(
        "expert_parallel",
        "everything_to_everybody",
        "Every choice is sent to every rank, and most of what comes back is thrown away: P times the rows, and ranks "
        "are asked for experts that they do not have.",
        code="""
        def expert_parallel(x, gates, expert_ids, n_experts, ranks, compute, all_to_all):
            k, chosen = expert_ids.size(1), expert_ids.flatten()
            rows = all_to_all([x.repeat_interleave(k, dim=0)] * ranks)
            wanted = all_to_all([chosen] * ranks)
            answers = all_to_all([compute(*one) for one in zip(rows, wanted)])
            weighted = torch.zeros(len(chosen), x.size(1))
            for rank, answer in enumerate(answers):
                own = chosen // (n_experts // ranks) == rank
                weighted[own] = answer[own]
            return (gates.flatten()[:, None] * weighted).view(len(x), k, x.size(1)).sum(dim=1)
        """,
    ),
    Right(
        "expert_parallel",
        "sorted_by_expert",
        code="""
        def expert_parallel(x, gates, expert_ids, n_experts, ranks, compute, all_to_all):
            N, k = expert_ids.shape
            order = expert_ids.flatten().argsort(stable=True)
            experts = expert_ids.flatten()[order]
            per_rank = torch.bincount(experts // (n_experts // ranks), minlength=ranks).tolist()
            sent_rows = list(x[order // k].split(per_rank))
            arrived_ids = all_to_all(list(experts.split(per_rank)))
            arrived = all_to_all(sent_rows)
            back = torch.cat(all_to_all([compute(r, e) for r, e in zip(arrived, arrived_ids)]))
            unsorted = torch.empty_like(back)
            unsorted[order] = back
            return (gates[:, :, None] * unsorted.view(N, k, x.size(1))).sum(1)
        """,
    ),
    Right(
        "expert_parallel",
        "choice_by_choice",
        code="""
        def expert_parallel(x, gates, expert_ids, n_experts, ranks, compute, all_to_all):
            each, lists = n_experts // ranks, [[] for _ in range(ranks)]
            for n in range(expert_ids.size(0)):
                for j in range(expert_ids.size(1)):
                    lists[int(expert_ids[n, j]) // each].append((n, j))
            rows, ids = [], []
            for places in lists:
                at = torch.tensor([n for n, _ in places], dtype=torch.int64)
                rows.append(x[at])
                ids.append(torch.tensor([int(expert_ids[n, j]) for n, j in places], dtype=torch.int64))
            there, which = all_to_all(rows), all_to_all(ids)
            here = all_to_all([compute(a, b) for a, b in zip(there, which)])
            y = torch.zeros(x.size())
            for places, answers in zip(lists, here):
                for (n, j), answer in zip(places, answers):
                    y[n] += gates[n, j] * answer
            return y
        """,
    ),
]
