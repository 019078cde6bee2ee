"""The router's auxiliary losses: one keeps all experts busy, one keeps the logits small.

    >>> import torch
    >>> probs = torch.full((4, 2), 0.5)  # 4 tokens, 2 experts
    >>> load_balancing_loss(probs, torch.tensor([[0], [1], [0], [1]])).item()
    1.0

Both are of one layer and take an `attention_mask`, (B, T) bool, True = attend, as in transformers: tokens that are
False are padding and do not count.

Legend: `N` = B*T tokens flattened, `E` experts, `k` experts that a token is routed to.
"""

from torch import Tensor

from storyteller.moe.router import count_choices


def load_balancing_loss(
    probs: Tensor, expert_ids: Tensor, *, attention_mask: Tensor | None = None, load: Tensor | None = None
) -> Tensor:
    """E * sum_e f_e P_e: how unevenly one layer spreads its tokens; k when all experts are equally busy.

    f_e is the number of tokens routed to expert e, over the number of tokens; P_e the mean probability that the router
    gave it. f has no gradient; the loss lowers P where f is high. Choices dropped for capacity count in f.

    Args:
        probs: (N, E), the router's probabilities of all experts.
        expert_ids: (N, k) int64, the experts that the tokens are routed to.
        attention_mask: (B, T) bool, True for the tokens that count; None: all.
        load: (E,), taken as f in place of this batch's own: that of a larger batch of which this one is a part.

    Returns:
        () float32

    Source: Fedus et al. 2021 (Switch Transformers), equations 4 to 6; for `load` Qiu et al. 2025, "Demons in the
    Detail: On Implementing Load Balancing Loss for Training Specialized Mixture-of-Expert Models", section 3.
    """
    if attention_mask is not None:
        probs, expert_ids = probs[attention_mask.flatten()], expert_ids[attention_mask.flatten()]
    n_tokens, n_experts = probs.shape
    f = count_choices(expert_ids, n_experts) / n_tokens if load is None else load  # (E,)
    return n_experts * (f * probs.mean(dim=0)).sum()


def router_z_loss(logits: Tensor, *, attention_mask: Tensor | None = None) -> Tensor:
    """The mean of logsumexp(logits)^2: keeps a layer's router logits small, where float32 is fine-grained.

    Args:
        logits: (N, E)
        attention_mask: (B, T) bool, True for the tokens that count; None: all.

    Returns:
        () float32

    Source: Zoph et al. 2022 (ST-MoE), equation 5.
    """
    if attention_mask is not None:
        logits = logits[attention_mask.flatten()]
    return logits.logsumexp(dim=-1).square().mean()
