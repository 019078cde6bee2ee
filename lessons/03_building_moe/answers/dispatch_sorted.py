"""Known answers to `dispatch_sorted`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "dispatch_sorted",
        "no_minlength",
        "bincount stops at the largest number that it sees. Where nobody chose the last experts there are fewer counts "
        "than experts: give it minlength=E.",
        change=("minlength=len(experts))[: len(experts)]", "minlength=0)[: len(experts)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "calls_idle",
        "Experts without tokens are called too, with no rows. That is wasted work, and some experts cannot take it.",
        change=("zip(experts, parts, strict=True) if len(part)]", "zip(experts, parts, strict=True)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "by_remainder",
        "The rows are fetched for the wrong tokens. The choices are numbered token by token, so choice c belongs to "
        "token c // k.",
        change=("x[order // expert_ids.size(1)]", "x[order % len(x)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "unsorted_rows",
        "The rows are in the order of the tokens while the counts are those of the experts, so each expert gets other "
        "tokens than those that chose it. Fetch the rows in the sorted order.",
        change=("x[order // expert_ids.size(1)]", "x[order.sort().values // expert_ids.size(1)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "inverse_order",
        "argsort was applied twice. That gives each choice's place in the sorted row; you need the choice at each "
        "place.",
        change=("chosen.argsort(stable=True)", "chosen.argsort(stable=True).argsort()"),
    ),
    Wrong(
        "dispatch_sorted",
        "keeps_dropped",
        "Dropped choices are still in the order, so there are more rows than the counts of the experts add up to. They "
        "stand last: keep as many numbers as the counts sum to.",
        change=("    order = order[: int(sizes.sum())]  # (R,)\n", ""),
    ),
    Wrong(
        "dispatch_sorted",
        "dropped_to_last",
        "A dropped choice goes to the last expert. The value E stands for no expert at all.",
        change=("chosen = expert_ids.flatten()", "chosen = expert_ids.flatten().clamp(max=len(experts) - 1)"),
    ),
    Wrong(
        "dispatch_sorted",
        "nothing_left",
        "When every choice was dropped there is nothing to put together, and torch.cat of an empty list fails. Give it "
        "the empty rows x[:0] then.",
        change=("torch.cat(answers or [x[:0]])", "torch.cat(answers)"),
    ),
    Wrong(
        "dispatch_sorted",
        "last_expert_wins",
        "Each expert writes its answers over those of the experts before it, so that a token keeps only one. Add them.",
        code="""
        def dispatch_sorted(x, gate_weights, expert_ids, experts):
            y = torch.zeros_like(x)
            for e, expert in enumerate(experts):
                token, choice = torch.where(expert_ids == e)
                if len(token):
                    y[token] = expert(x[token]) * gate_weights[token, choice, None]
            return y
        """,
    ),
    Wrong(
        "dispatch_sorted",
        "first_weight",
        "Every expert's answer is weighed with the weight of the token's first choice.",
        code="""
        def dispatch_sorted(x, gate_weights, expert_ids, experts):
            y = torch.zeros_like(x)
            for e, expert in enumerate(experts):
                token = torch.where(expert_ids == e)[0]
                if len(token):
                    y[token] += expert(x[token]) * gate_weights[token, 0, None]
            return y
        """,
    ),
    Wrong(
        "dispatch_sorted",
        "token_by_token",
        "The result is right, but the experts are called row by row. The point of sorting is that each expert works "
        "once, on all of its rows: one large product instead of many small ones.",
        change=(
            "answers = [expert(part) for expert, part in zip(experts, parts, strict=True) if len(part)]",
            "answers = [expert(row[None]) for expert, part in zip(experts, parts, strict=True) for row in part]",
        ),
    ),
    Wrong(
        "dispatch_sorted",
        "descending",
        "The choices are sorted with the largest expert first, but the counts go from expert 0 upwards: each expert "
        "gets rows of another one.",
        change=("chosen.argsort(stable=True)", "chosen.argsort(stable=True, descending=True)"),
    ),
    Wrong(
        "dispatch_sorted",
        "everyone_answers_all",
        "Every expert is given all tokens, and most of the answers are thrown away. Give each expert the rows of "
        "its own tokens: that is what makes a mixture of experts cheap.",
        code="""
def dispatch_sorted(x, gate_weights, expert_ids, experts):
    y = torch.zeros_like(x)
    for e, expert in enumerate(experts):
        weight = (gate_weights * (expert_ids == e)).sum(dim=-1, keepdim=True)
        y = y + weight * expert(x)
    return y
""",
    ),
    Wrong(
        "dispatch_sorted",
        "unweighted",
        "The answers are added up as they are. Each counts by the weight of its choice.",
        change=("order, gate_weights)", "order, torch.ones_like(gate_weights))"),
    ),
    Wrong(
        "dispatch_sorted",
        "first_choice_only",
        "Only the first choice of each token is followed. Each token has k.",
        change=(
            "    chosen = expert_ids.flatten()  # (N*k,)\n",
            "    expert_ids, gate_weights = expert_ids[:, :1], gate_weights[:, :1]\n"
            "    chosen = expert_ids.flatten()\n",
        ),
    ),
    Right(
        "dispatch_sorted",
        "with_where",
        code="""
        def dispatch_sorted(x, gate_weights, expert_ids, experts):
            y = torch.zeros_like(x)
            for e, expert in enumerate(experts):
                token, choice = torch.where(expert_ids == e)
                if token.numel() > 0:
                    answer = expert(x[token]) * gate_weights[token, choice].unsqueeze(1)
                    y = y.index_add(0, token, answer)
            return y
        """,
    ),
    Right(
        "dispatch_sorted",
        "with_bounds",
        code="""
        def dispatch_sorted(x, gate_weights, expert_ids, experts):
            k = expert_ids.shape[1]
            sorted_experts, order = torch.sort(expert_ids.reshape(-1), stable=True)
            bounds = torch.searchsorted(sorted_experts, torch.arange(len(experts) + 1)).tolist()
            answers = torch.zeros(bounds[-1], x.shape[1], dtype=x.dtype)
            for e in range(len(experts)):
                start, stop = bounds[e], bounds[e + 1]
                if stop > start:
                    tokens = torch.div(order[start:stop], k, rounding_mode="floor")
                    answers = torch.cat([answers[:start], experts[e](x[tokens]), answers[stop:]])
            return combine(answers, order[: bounds[-1]], gate_weights)
        """,
    ),
    Right(
        "dispatch_sorted",
        "expert_mask",
        code="""
        def dispatch_sorted(x, gate_weights, expert_ids, experts):
            final_hidden_states = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
            num_experts = len(experts)
            expert_mask = torch.nn.functional.one_hot(expert_ids, num_classes=num_experts + 1).permute(2, 1, 0)
            for expert_idx in range(num_experts):
                idx, top_x = torch.where(expert_mask[expert_idx])
                if top_x.shape[0] == 0:
                    continue
                current_state = x[None, top_x].reshape(-1, x.shape[-1])
                current = experts[expert_idx](current_state) * gate_weights[top_x, idx, None]
                final_hidden_states.index_add_(0, top_x, current.to(x.dtype))
            return final_hidden_states
        """,
    ),
    Right(
        "dispatch_sorted",
        "plain_zeros",
        code="""
        def dispatch_sorted(x, gate_weights, expert_ids, experts):
            n, d = x.shape
            out = torch.zeros(n, d)
            for i, expert in enumerate(experts):
                mask = (expert_ids == i).any(dim=-1)
                if not mask.any():
                    continue
                share = (gate_weights * (expert_ids == i)).sum(-1)[mask]
                scattered = torch.zeros(n, d)
                scattered[mask] = expert(x[mask]) * share[:, None]
                out = out + scattered
            return out
        """,
    ),
]
