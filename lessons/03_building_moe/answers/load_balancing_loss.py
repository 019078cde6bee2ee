"""Known answers to `load_balancing_loss`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "load_balancing_loss",
        "without_e",
        "The factor E is missing. With it, the loss of an even router is k however many experts there are.",
        change=("return n_experts * (f * P).sum()", "return (f * P).sum()"),
    ),
    Wrong(
        "load_balancing_loss",
        "f_from_probabilities",
        "f is taken from the probabilities too. A router may spread its probabilities evenly and still send every "
        "token to the same experts: f has to count where the tokens really go.",
        change=(
            "f = torch.bincount(expert_ids.flatten(), minlength=n_experts) / n_tokens",
            "f = expert_ids.size(1) * probs.mean(dim=0)",
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "p_detached",
        "P is detached (or taken under no_grad). f has no gradient either, so the loss is a number that nothing can "
        "lower.",
        change=("P = probs.mean(dim=0)", "P = probs.detach().mean(dim=0)"),
    ),
    Wrong(
        "load_balancing_loss",
        "share_of_choices",
        "The counts are divided by the number of choices, N*k. Divide by the number of tokens; then an even router "
        "has the loss k.",
        change=("minlength=n_experts) / n_tokens", "minlength=n_experts) / expert_ids.numel()"),
    ),
    Wrong(
        "load_balancing_loss",
        "sum_of_probabilities",
        "P is the sum over the tokens, so that the loss grows with the batch. It should be the mean.",
        change=("P = probs.mean(dim=0)", "P = probs.sum(dim=0)"),
    ),
    Wrong(
        "load_balancing_loss",
        "padding_counts",
        "Padding is counted as if it were text. All padding looks alike and goes to the same experts, so the loss "
        "would balance the padding. Keep the rows whose mask is True.",
        change=(
            "probs, expert_ids = probs[real], expert_ids[real]",
            "probs, expert_ids = probs[real | True], expert_ids[real | True]",
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "only_p_masked",
        "The mask is applied to the probabilities and not to the experts: f still counts the padding.",
        change=(
            ("probs, expert_ids = probs[real], expert_ids[real]", "probs = probs[real]"),
            ("minlength=n_experts) / n_tokens", "minlength=n_experts) / len(expert_ids)"),
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "padding_in_the_mean",
        "The padding is set to 0, but its rows still count in the means: divide by the number of real tokens.",
        change=(
            (
                "probs, expert_ids = probs[real], expert_ids[real]",
                "probs, expert_ids = probs * real[:, None], expert_ids.where(real[:, None], probs.size(1))",
            ),
            ("minlength=n_experts) / n_tokens", "minlength=n_experts)[:n_experts] / n_tokens"),
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "mask_turned_round",
        "The mask is used the wrong way round: True marks the tokens that count, not the padding.",
        change=("real = attention_mask.flatten()", "real = ~attention_mask.flatten()"),
    ),
    Wrong(
        "load_balancing_loss",
        "best_only",
        "Only the first choice of each token is counted in f, as in Switch, where there is no other. With k = 2, half "
        "of the work of the experts is not seen.",
        change=("torch.bincount(expert_ids.flatten(),", "torch.bincount(expert_ids[:, 0],"),
    ),
    Wrong(
        "load_balancing_loss",
        "first_rows",
        "As many rows are kept as the mask has True entries, but the first ones. Padding stands inside, after each "
        "text or before it: keep the rows at the places that are True.",
        change=(
            "real = attention_mask.flatten()",
            "real = torch.arange(attention_mask.numel()) < attention_mask.sum()",
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "squares",
        "The shares are squared, and the probabilities are not used. Only through them does the router get a "
        "gradient: multiply f by P.",
        change=("(f * P).sum()", "(f * f).sum()"),
    ),
    Wrong(
        "load_balancing_loss",
        "k_for_e",
        "The sum is multiplied by k, the experts per token. The factor is E, the number of experts.",
        change=("return n_experts *", "return expert_ids.size(1) *"),
    ),
    Wrong(
        "load_balancing_loss",
        "padding_at_zero",
        "The padding has its probabilities set to 0, but its choices and its number still count. Leave its rows out.",
        change=("probs, expert_ids = probs[real], expert_ids[real]", "probs = probs * real[:, None]"),
    ),
    Wrong(
        "load_balancing_loss",
        "less_k",
        "k is subtracted, so that an even router has the loss 0. Here it has k.",
        change=("return n_experts * (f * P).sum()", "return n_experts * (f * P).sum() - expert_ids.size(1)"),
    ),
    Right(
        "load_balancing_loss",
        "one_hot_and_means",
        code="""
        def load_balancing_loss(probs, expert_ids, *, attention_mask=None):
            E = probs.shape[-1]
            chosen = nn.functional.one_hot(expert_ids, E).sum(dim=1).to(probs.dtype)
            count = torch.ones(len(probs), dtype=probs.dtype)
            if attention_mask is not None:
                count = attention_mask.reshape(-1).to(probs.dtype)
            f = torch.einsum("n,ne->e", count, chosen) / count.sum()
            P = torch.einsum("n,ne->e", count, probs) / count.sum()
            return E * torch.dot(f, P)
        """,
    ),
    Right(
        "load_balancing_loss",
        "expert_by_expert",
        code="""
        def load_balancing_loss(probs, expert_ids, *, attention_mask=None):
            keep = [n for n in range(len(probs)) if attention_mask is None or attention_mask.reshape(-1)[n]]
            terms = []
            for e in range(probs.size(1)):
                f = (expert_ids[keep] == e).sum().item() / len(keep)
                terms.append(f * probs[keep, e].mean())
            return probs.size(1) * sum(terms)
        """,
    ),
    Right(
        "load_balancing_loss",
        "as_in_transformers",
        code="""
        def load_balancing_loss(probs, expert_ids, *, attention_mask=None):
            num_experts = probs.shape[1]
            expert_mask = torch.nn.functional.one_hot(expert_ids, num_experts)
            if attention_mask is None:
                tokens_per_expert = torch.mean(expert_mask.float(), dim=0)
                router_prob_per_expert = torch.mean(probs, dim=0)
            else:
                real = attention_mask.reshape(-1, 1).float()
                tokens_per_expert = torch.sum(expert_mask.float() * real[:, None], dim=0) / torch.sum(real)
                router_prob_per_expert = torch.sum(probs * real, dim=0) / torch.sum(real)
            return torch.sum(tokens_per_expert * router_prob_per_expert.unsqueeze(0)) * num_experts
        """,
    ),
    Right(
        "load_balancing_loss",
        "counting_into_zeros",
        code="""
        def load_balancing_loss(probs, expert_ids, *, attention_mask=None):
            n, E = probs.size()
            k = expert_ids.size(1)
            weight = torch.ones(n) if attention_mask is None else attention_mask.view(-1).float()
            counts = torch.zeros(E).scatter_add(0, expert_ids.reshape(-1), weight.repeat_interleave(k))
            mean_probs = (weight @ probs.float()) / weight.sum()
            return E * (counts / weight.sum()).dot(mean_probs)
        """,
    ),
]
