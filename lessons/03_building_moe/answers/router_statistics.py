"""Known answers to `router_statistics`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "router_statistics",
        "of_the_tokens",
        "The load is divided by the number of tokens, so that it sums to k. It is the share of all N*k choices.",
        change=("/ expert_ids.numel()", "/ len(expert_ids)"),
    ),
    Wrong(
        "router_statistics",
        "no_minlength",
        "Experts at the end that nobody chose are missing from the load: bincount needs minlength=E.",
        change=(
            "load = torch.bincount(expert_ids.flatten(), minlength=n_experts)",
            "load = torch.bincount(expert_ids.flatten())",
        ),
    ),
    Wrong(
        "router_statistics",
        "in_bits",
        "The entropy is in bits. In nats it takes the natural logarithm, so that an undecided router has ln(E).",
        change=(
            "torch.xlogy(probs, probs).sum(dim=-1)",
            "torch.xlogy(probs, probs).div(0.6931471805599453).sum(dim=-1)",
        ),
    ),
    Wrong(
        "router_statistics",
        "nan_for_zero",
        "0 * log(0) is nan. A probability of 0 adds nothing to the entropy: torch.xlogy knows that.",
        change=("torch.xlogy(probs, probs)", "(probs * probs.log())"),
    ),
    Wrong(
        "router_statistics",
        "of_the_mean",
        "This is the entropy of the mean probabilities, which is high even if the router is quite sure of each single "
        "token. Compute the entropy of each token, then the mean.",
        change=("-torch.xlogy(probs, probs).sum(dim=-1).mean()", "-torch.xlogy(probs.mean(0), probs.mean(0)).sum()"),
    ),
    Wrong(
        "router_statistics",
        "sum_of_tokens",
        "The entropies of the tokens are added up; take their mean, or the number grows with the batch.",
        change=(".sum(dim=-1).mean()", ".sum(dim=-1).sum()"),
    ),
    Wrong(
        "router_statistics",
        "positive_sign",
        "The entropy is negative. Logarithms of probabilities are negative, so there is a minus before the sum.",
        change=("-torch.xlogy(probs, probs)", "torch.xlogy(probs, probs)"),
    ),
    Wrong(
        "router_statistics",
        "plain_peak",
        "max_load is the busiest expert's load itself. Divide it by the even share 1/E, so that 1 means balanced.",
        change=("max_load = load.max() * n_experts", "max_load = load.max()"),
    ),
    Wrong(
        "router_statistics",
        "used_above_even_share",
        "Only experts that get more than the even share count as used. Whoever is chosen at all is used: a load above "
        "0.",
        change=("utilization = (load > 0)", "utilization = (load > 1 / n_experts)"),
    ),
    Wrong(
        "router_statistics",
        "over_the_used",
        "The largest load is divided by the mean load of the experts that are used. The even share is 1/E, idle "
        "experts included.",
        change=("max_load = load.max() * n_experts", "max_load = load.max() * (load > 0).sum()"),
    ),
    Wrong(
        "router_statistics",
        "counts_for_shares",
        "The load is a count. Divide by the number of all choices, N*k.",
        change=("minlength=n_experts) / expert_ids.numel()", "minlength=n_experts).float()"),
    ),
    Wrong(
        "router_statistics",
        "first_choices",
        "Only the first choice of each token is counted. All k choices make load.",
        change=(
            "torch.bincount(expert_ids.flatten(), minlength=n_experts) / expert_ids.numel()",
            "torch.bincount(expert_ids[:, 0], minlength=n_experts) / expert_ids.size(0)",
        ),
    ),
    Wrong(
        "router_statistics",
        "entropy_from_0_to_1",
        "The entropy is divided by log E. It is wanted in nats.",
        change=(".sum(dim=-1).mean()", ".sum(dim=-1).mean() / torch.tensor(n_experts).log()"),
    ),
    Wrong(
        "router_statistics",
        "mean_probabilities",
        "The load is the mean probability of each expert. It is how often each is chosen.",
        change=("torch.bincount(expert_ids.flatten(), minlength=n_experts) / expert_ids.numel()", "probs.mean(dim=0)"),
    ),
    Wrong(
        "router_statistics",
        "number_of_used",
        "Utilization is the number of experts in use. Divide by E.",
        change=("(load > 0).float().mean()", "(load > 0).float().sum()"),
    ),
    Right(
        "router_statistics",
        "with_loops",
        code="""
        def router_statistics(probs, expert_ids):
            import math

            E = probs.size(1)
            choices = expert_ids.flatten().tolist()
            load = [choices.count(e) / len(choices) for e in range(E)]
            entropy = sum(-sum(p * math.log(p) for p in row if p > 0) for row in probs.tolist()) / len(probs)
            used = sum(share > 0 for share in load)
            return {
                "load": torch.tensor(load), "entropy": entropy, "utilization": used / E, "max_load": max(load) / (1 / E)
            }
        """,
    ),
    Right(
        "router_statistics",
        "with_one_hot",
        code="""
        def router_statistics(probs, expert_ids):
            choices = nn.functional.one_hot(expert_ids, probs.size(1)).sum(dim=(0, 1))
            load = choices / choices.sum()
            surprise = torch.where(probs > 0, -probs.clamp(min=1e-300).log(), 0.0)
            if probs.dtype == torch.float32:
                surprise = -probs.clamp(min=1e-38).log()
            return {
                "load": load,
                "entropy": float((probs * surprise).sum() / len(probs)),
                "utilization": int((choices > 0).sum()) / probs.size(1),
                "max_load": float(load.max() / load.mean()),
            }
        """,
    ),
    Right(
        "router_statistics",
        "a_small_number_in_the_log",
        code="""
        def router_statistics(probs, expert_ids):
            n_experts = probs.shape[-1]
            counts = torch.zeros(n_experts)
            for e in range(n_experts):
                counts[e] = (expert_ids == e).sum()
            load = counts / counts.sum()
            entropy = -(probs * torch.log(probs + 1e-9)).sum(-1).mean()
            return dict(load=load, entropy=entropy.item(), utilization=(counts > 0).float().mean().item(),
                        max_load=(load.max() / (1.0 / n_experts)).item())
        """,
    ),
    Right(
        "router_statistics",
        "torchs_entropy",
        code="""
        def router_statistics(probs, expert_ids):
            E = probs.size(-1)
            load = torch.histc(expert_ids.float(), bins=E, min=0, max=E - 1) / expert_ids.numel()
            return {
                "max_load": load.amax() * E,
                "utilization": len(expert_ids.unique()) / E,
                "entropy": torch.special.entr(probs.float()).sum(1).mean(),
                "load": load,
            }
        """,
    ),
]
