"""Known answers to `dispatch_naive`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "dispatch_naive",
        "last_answer_wins",
        "Each answer overwrites the one before it, so a token keeps only its last expert's. Add them up with +=.",
        change=("y[n] += gate_weights[n, j] * answer", "y[n] = gate_weights[n, j] * answer"),
    ),
    Wrong(
        "dispatch_naive",
        "unweighted",
        "The answers are added without their weights. An expert that the router hardly trusts speaks as loudly as its "
        "favourite.",
        change=("y[n] += gate_weights[n, j] * answer", "y[n] += answer"),
    ),
    Wrong(
        "dispatch_naive",
        "weighted_input",
        "The weight is multiplied into the token before the expert sees it. Experts are not linear: half of a token "
        "does not give half of the answer. Multiply the answer.",
        change=(
            ("answer = experts[e](x[n : n + 1])[0]", "answer = experts[e](gate_weights[n, j] * x[n : n + 1])[0]"),
            ("y[n] += gate_weights[n, j] * answer", "y[n] += answer"),
        ),
    ),
    Wrong(
        "dispatch_naive",
        "first_choice_only",
        "Only the first choice of each token is asked. There are k of them: expert_ids.size(1).",
        change=("for j in range(expert_ids.size(1)):", "for j in range(1):"),
    ),
    Wrong(
        "dispatch_naive",
        "first_weight",
        "Every answer is multiplied with the weight of the first choice. Choice j has the weight gate_weights[n, j].",
        change=("y[n] += gate_weights[n, j] * answer", "y[n] += gate_weights[n, 0] * answer"),
    ),
    Wrong(
        "dispatch_naive",
        "with_residual",
        "The token itself is in the sum. The residual connection is the decoder's business, which adds the layer's "
        "output to its input; here begin with zeros.",
        change=("y = torch.zeros_like(x)", "y = x.clone()"),
    ),
    Wrong(
        "dispatch_naive",
        "mean",
        "The sum is divided by k. The weights sum to 1 already, so the sum is an average as it is.",
        change=("y[n] += gate_weights[n, j] * answer", "y[n] += gate_weights[n, j] * answer / expert_ids.size(1)"),
    ),
    Wrong(
        "dispatch_naive",
        "last_for_dropped",
        "A dropped choice goes to the last expert. The value E stands for no expert at all: leave the choice out.",
        change=(
            "            if e == len(experts):\n                continue\n",
            "            e = min(e, len(experts) - 1)\n",
        ),
    ),
    Wrong(
        "dispatch_naive",
        "stops_at_dropped",
        "At a dropped choice the loop over the choices ends, so the token's later choices are lost. Skip that one "
        "only.",
        change=("                continue\n", "                break\n"),
    ),
    Wrong(
        "dispatch_naive",
        "shared_out_again",
        "What is left is divided by the sum of its weights, as if nothing had been dropped. A dropped choice adds "
        "nothing, and the others keep their weights.",
        change=(
            "    return y\n",
            "    kept = (gate_weights * (expert_ids < len(experts))).sum(dim=-1, keepdim=True)\n"
            "    return y / kept.clamp(min=1e-9)\n",
        ),
    ),
    Wrong(
        "dispatch_naive",
        "itself_for_dropped",
        "For a dropped choice the token itself is added. It adds nothing.",
        change=(
            "                continue\n",
            "                y[n] += gate_weights[n, j] * x[n]\n                continue\n",
        ),
    ),
    Right(
        "dispatch_naive",
        "row_by_row",
        code="""
        def dispatch_naive(x, gate_weights, expert_ids, experts):
            rows = []
            for token, shares, chosen in zip(x, gate_weights, expert_ids.tolist()):
                row = torch.zeros_like(token)
                for share, e in zip(shares, chosen):
                    if e < len(experts):
                        row = row + share * experts[e](token[None]).squeeze(0)
                rows.append(row)
            return torch.stack(rows)
        """,
    ),
    Right(
        "dispatch_naive",
        "with_masks",
        code="""
        def dispatch_naive(x, gate_weights, expert_ids, experts):
            y = x * 0
            for e, expert in enumerate(experts):
                share = (gate_weights * (expert_ids == e)).sum(dim=1)
                for n in share.nonzero().flatten().tolist():
                    y = y + torch.eye(len(x), dtype=x.dtype)[:, n, None] * share[n] * expert(x[n].unsqueeze(0))
            return y
        """,
    ),
    Right(
        "dispatch_naive",
        "plain_zeros_and_indices",
        code="""
        def dispatch_naive(x, gate_weights, expert_ids, experts):
            n, d = x.shape
            out = torch.zeros(n, d)
            for i in range(n):
                for j in range(expert_ids.shape[-1]):
                    idx = expert_ids[i, j].item()
                    if idx >= len(experts):
                        continue
                    out[i] = out[i] + gate_weights[i][j] * experts[idx](x[i].reshape(1, -1)).reshape(-1)
            return out
        """,
    ),
]
