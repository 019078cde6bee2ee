"""The answers of lesson 03, plain, in its order.

Legend: `N` = B*T tokens flattened, `D` model width, `F` feed-forward width of one expert, `E` experts, `k` experts that
a token is routed to, `R` rows that all experts together work on, `L` layers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from storyteller.config import ModelConfig
from storyteller.moe.dispatch import Expert, Experts
from storyteller.moe.router import Router, Routing


def route_top_k(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's k best experts, and weigh them so that the weights sum to 1.

    Args:
        logits: (N, E), the router's score of each expert for each token.
        k: experts per token.

    Returns:
        weights (N, k), best first, and experts (N, k) int64.

    Source: Jiang et al. 2024 (Mixtral), section 2.1.
    """
    # Step 1: The k largest logits of each token, and which experts they belong to, best first.
    best, experts = logits.topk(k, dim=-1)  # (N, k) each
    # Step 2: A softmax over these k alone, so that the weights of each token sum to 1.
    weights = best.softmax(dim=-1)  # (N, k)
    return weights, experts


def dispatch_naive(
    x: Tensor,
    gate_weights: Tensor,
    expert_ids: Tensor,
    experts: Sequence[Expert],
) -> Tensor:
    """Send every token to its experts and add up their answers, token by token.

    Args:
        x: (N, D), the tokens.
        gate_weights: (N, k), the weight of each choice.
        expert_ids: (N, k) int64, the chosen experts. The value E, one past the last, is
            a choice that was dropped and adds nothing.
        experts: E functions; experts[e] takes rows (R, D) to rows (R, D).

    Returns:
        (N, D): for token n the sum over its choices j of gate_weights[n, j] *
        experts[expert_ids[n, j]](x[n]).
    """
    # Step 1: An output for each token, before any expert was asked.
    y = torch.zeros_like(x)  # (N, D)
    # Step 2: Go through every token n, and through each of its choices j.
    for n in range(x.size(0)):
        for j in range(expert_ids.size(1)):
            e = int(expert_ids[n, j])
            if e == len(experts):
                continue
            # Step 3: Ask the expert for its answer to this token.
            answer = experts[e](x[n : n + 1])[0]  # (D,)
            # Step 4: Add the answer, times the choice's weight, to the token's row of y.
            y[n] += gate_weights[n, j] * answer
    return y


def combine(answers: Tensor, order: Tensor, weights: Tensor) -> Tensor:
    """Combine the experts' outputs: a token's k answers are added up by weight.

    The N*k choices have numbers: choice c is the choice c % k of token c // k.

    Args:
        answers: (R, D); row i answers the choice number order[i].
        order: (R,) int64, choice numbers. A choice that was dropped is not in it.
        weights: (N, k), the weight of each choice.

    Returns:
        (N, D): for each token the sum of its answers, each times its choice's weight; 0
        for a token without answers.
    """
    n_tokens, k = weights.shape
    # Which token does each answer belong to?
    token = order // k  # (R,)
    # The weight of the choice that it answers.
    share = weights.flatten()[order]  # (R,)
    # Add every weighted answer to the row of its token.
    weighted = answers * share[:, None]  # (R, D)
    return weighted.new_zeros(n_tokens, answers.size(1)).index_add(0, token, weighted)  # (N, D)


def dispatch_sorted(
    x: Tensor,
    gate_weights: Tensor,
    expert_ids: Tensor,
    experts: Sequence[Expert],
) -> Tensor:
    """What `dispatch_naive` gives, with each expert called once.

    Args:
        x: (N, D), the tokens.
        gate_weights: (N, k), the weight of each choice.
        expert_ids: (N, k) int64, the chosen experts. The value E, one past the last, is
            a choice that was dropped and adds nothing.
        experts: E functions; experts[e] takes rows (R, D) to rows (R, D). One without
            tokens is not called.

    Returns:
        (N, D), the same as `dispatch_naive` gives.

    Source: Gale et al. 2022 (MegaBlocks), the permutation of tokens by expert, without
    its kernels.
    """
    # Goal: What `dispatch_naive` computes, with at most one call of each expert;
    # `combine` brings the answers home.
    # Step 1: Number the N*k choices row by row, and sort these numbers by expert (argsort).
    chosen = expert_ids.flatten()  # (N*k,)
    order = chosen.argsort(stable=True)  # (N*k,)
    # Step 2: Count the choices of each expert, E counts. Dropped ones stand last in the order: cut them off.
    sizes = torch.bincount(chosen, minlength=len(experts))[: len(experts)]  # (E,)
    order = order[: int(sizes.sum())]  # (R,)
    # Step 3: Fetch the row of the token behind each choice (choice c belongs to token c // k).
    rows = x[order // expert_ids.size(1)]  # (R, D)
    # Step 4: Cut the rows into one part for each expert, and let each expert that has rows answer all of them at once.
    parts = rows.split(sizes.tolist())  # E times (rows of e, D)
    answers = [expert(part) for expert, part in zip(experts, parts, strict=True) if len(part)]
    # Step 5: Put the answers one after the other and combine them. (None at all is no rows, x[:0].)
    return combine(torch.cat(answers or [x[:0]]), order, gate_weights)  # (N, D)


class MoELayer(nn.Module):
    """A feed-forward part: a router, and E experts of which each token gets k.

    Args:
        config: its shape; `d_model`, `d_ff`, `n_experts` and `top_k` count here.
        layer: the number of the layer, which makes no difference.

    Source: Jiang et al. 2024 (Mixtral), section 2.1.
    """

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__()
        self.top_k = config.top_k
        self.router = Router(config)  # (N, D) to logits (N, E)
        E, F, D = config.n_experts, config.d_ff, config.d_model
        self.gate_up = nn.Parameter(torch.empty(E, 2 * F, D))
        self.down = nn.Parameter(torch.empty(E, D, F))
        nn.init.normal_(self.gate_up, std=config.init_std)
        nn.init.normal_(self.down, std=config.init_std)

    def forward(self, x: Tensor) -> tuple[Tensor, Routing]:
        """Send each token through its experts.

        Args:
            x: (B, T, D)

        Returns:
            (B, T, D), and the routing: the logits, the probabilities of all E experts,
            the weights, the experts, and
            how many choices were dropped (none, a tensor of 0).
        """
        # Goal: Route every token, dispatch it to `Experts(self.gate_up, self.down)`,
        # and give back the output in the shape of x, with the `Routing`.
        # Step 1: All tokens of all texts in a row.
        tokens = x.flatten(0, 1)  # (N, D)
        # Step 2: The router's logits, and from them each token's weights and experts.
        logits = self.router(tokens)  # (N, E)
        weights, experts = route_top_k(logits, self.top_k)  # (N, k) each
        # Step 3: Dispatch the tokens to Experts(self.gate_up, self.down), and give the result the shape of x.
        y = dispatch_sorted(tokens, weights, experts, Experts(self.gate_up, self.down)).view_as(x)  # (B, T, D)
        # Step 4: The Routing(logits, probs, weights, experts, dropped); its probabilities are those of all experts.
        probs = logits.softmax(dim=-1)  # (N, E)
        return y, Routing(logits, probs, weights, experts, torch.tensor(0))


def moe_costs(
    *,
    vocab_size: int,
    d_model: int,
    n_layers: int,
    n_heads: int,
    d_ff: int,
    n_experts: int,
    top_k: int,
    context: int,
) -> tuple[int, int, int]:
    """What a Mixture-of-Experts decoder stores and computes; its embeddings are tied.

    Args:
        vocab_size: V.
        d_model: D.
        n_layers: how many blocks.
        n_heads: H; the heads together are D wide.
        d_ff: F, of one expert.
        n_experts: E.
        top_k: k.
        context: S, the tokens that this token looks at, itself included.

    Returns:
        All parameters; those that one token passes through (active); and the FLOPs of
        the matrix products for one token, 2 for each multiplication with its addition.
    """
    # Step 1: The parameters of a block: attention (four matrices), router, one expert (three matrices), two norms.
    attention, router, expert = 4 * d_model * d_model, d_model * n_experts, 3 * d_model * d_ff
    norms = 2 * d_model
    # Step 2: All: the embedding (once, it is tied), in each block everything with all E experts, and the final norm.
    outside = vocab_size * d_model + d_model
    total = outside + n_layers * (attention + router + norms + n_experts * expert)
    # Step 3: Active: the same with k experts in the place of E. The router has to look at all experts all the same.
    active = outside + n_layers * (attention + router + norms + top_k * expert)
    # Step 4: FLOPs: 2 for each weight of a matrix that the token meets (no norms, and the embedding only at the
    # output), and in each block 2 * D * S for the scores with S keys and as many for the average of S values.
    matrices = n_layers * (attention + router + top_k * expert) + vocab_size * d_model
    flops = 2 * matrices + n_layers * 4 * d_model * context
    return total, active, flops


def load_balancing_loss(
    probs: Tensor,
    expert_ids: Tensor,
    *,
    attention_mask: Tensor | None = None,
) -> Tensor:
    """How unevenly one layer spreads its tokens: k when all experts are equally busy.

    Args:
        probs: (N, E), the router's probabilities of all experts.
        expert_ids: (N, k), the experts that the tokens are routed to.
        attention_mask: (B, T) bool, True for the N' tokens that count; None: all.

    Returns:
        (), differentiable with respect to `probs`.

    Source: Fedus et al. 2021 (Switch), equations 4 to 6.
    """
    # Step 1: Where there is a mask, keep the rows of the tokens that count. (The mask is (B, T), the rows are N = B*T.)
    if attention_mask is not None:
        real = attention_mask.flatten()  # (N,)
        probs, expert_ids = probs[real], expert_ids[real]  # (N', E), (N', k)
    n_tokens, n_experts = probs.shape
    # Step 2: f: how often each of the E experts was chosen, over the number of tokens.
    f = torch.bincount(expert_ids.flatten(), minlength=n_experts) / n_tokens  # (E,)
    # Step 3: P: the mean probability of each expert over the tokens.
    P = probs.mean(dim=0)  # (E,)
    # Step 4: E times the sum of f * P.
    return n_experts * (f * P).sum()


def balance_of_layers(
    logits: Tensor,
    k: int,
    *,
    attention_mask: Tensor | None = None,
) -> Tensor:
    """The balance loss of a whole model: the sum of the losses of its layers.

    Args:
        logits: (L, N, E), of the router of each of the L layers.
        k: experts per token.
        attention_mask: (B, T) bool, True for the tokens that count; None: all.

    Returns:
        ()
    """
    total = logits.new_zeros(())
    for layer in logits:  # (N, E)
        # The router's probabilities of all E experts, and the experts that the tokens are routed to.
        probs = layer.softmax(dim=-1)  # (N, E)
        experts = layer.topk(k, dim=-1).indices  # (N, k)
        # Every layer is to be balanced on its own.
        total = total + load_balancing_loss(probs, experts, attention_mask=attention_mask)
    return total


def router_statistics(probs: Tensor, expert_ids: Tensor) -> dict[str, Tensor | float]:
    """What one layer's router does with its tokens.

    Args:
        probs: (N, E), the router's probabilities of all experts.
        expert_ids: (N, k), the experts that the tokens are routed to.

    Returns:
        "load": (E,), the share of all N*k choices that each expert gets; "entropy": of
        the probabilities of a token, in nats, mean over the tokens; "utilization": the
        share of the experts that are chosen at all; "max_load": the load of the busiest
        expert over the even share 1/E.
    """
    n_experts = probs.size(1)
    # Goal: The four figures, by their names.
    # Step 1: How often each of the E experts is chosen, over all N*k choices.
    load = torch.bincount(expert_ids.flatten(), minlength=n_experts) / expert_ids.numel()  # (E,)
    # Step 2: The entropy of each token, minus the sum of p * log(p), where a p of 0 adds 0; then the mean.
    entropy = -torch.xlogy(probs, probs).sum(dim=-1).mean()
    # Step 3: The share of the experts whose load is above 0, and the largest load divided by 1/E.
    utilization = (load > 0).float().mean()
    max_load = load.max() * n_experts
    # Step 4: The four by their names.
    return {"load": load, "entropy": entropy, "utilization": utilization, "max_load": max_load}


def within_capacity(expert_ids: Tensor, *, n_experts: int, capacity: int) -> Tensor:
    """Which choices find a free place, when every expert has so many places.

    Places go in the order of the tokens, and of one token its best expert's before its
    second's.

    Args:
        expert_ids: (N, k) int64
        n_experts: E.
        capacity: places of each expert.

    Returns:
        (N, k) bool, False for a choice that is dropped.

    Source: the capacity is that of Fedus et al. 2021 (Switch), equation 3; the order is
    this course's. GShard (Lepikhin et al. 2020) serves all first choices before any
    second.
    """
    # Step 1: All choices in one row, token by token, each as a row of E with a single 1 (one-hot).
    choices = nn.functional.one_hot(expert_ids.flatten(), n_experts)  # (N*k, E)
    # Step 2: Running sums down the rows: how many places of each expert are asked for, up to and with this choice.
    asked = choices.cumsum(dim=0)  # (N*k, E)
    # Step 3: Of each row the number of its own expert: 1 for the first to come.
    place = (asked * choices).sum(dim=1)  # (N*k,)
    # Step 4: A choice fits if its place is among the first `capacity`; bring that into the shape (N, k).
    return (place <= capacity).view_as(expert_ids)


def route_with_bias(scores: Tensor, bias: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's k experts with a bias that balances, and weigh them without
    it.

    Args:
        scores: (N, E), above 0: of each expert for each token.
        bias: (E,), what is added to the score of an expert where experts are chosen.
        k: experts per token.

    Returns:
        weights (N, k) that sum to 1 for each token, by the scores alone, and experts
        (N, k) int64, those with the largest biased score first.

    Source: DeepSeek-AI 2024 (DeepSeek-V3), section 2.1.2.
    """
    # Step 1: The k experts with the largest sum of score and bias.
    experts = (scores + bias).topk(k, dim=-1).indices  # (N, k)
    # Step 2: Their scores, without the bias.
    chosen = scores.gather(1, experts)  # (N, k)
    # Step 3: Let these sum to 1 for each token.
    return chosen / chosen.sum(dim=-1, keepdim=True), experts


def update_bias(bias: Tensor, counts: Tensor, *, rate: float) -> Tensor:
    """The bias after a training step: up for experts that had too little, down for
    others.

    Args:
        bias: (E,)
        counts: (E,) int64, how often each expert was chosen in this step.
        rate: how far a bias moves in a step, whatever the distance from the even share.

    Returns:
        (E,), a new tensor. An expert that had just its even share keeps its bias.

    Source: Wang et al. 2024 (loss-free balancing), algorithm 1.
    """
    # Step 1: The even share is the mean of the counts, as floats.
    counts = counts.float()
    # Step 2: Move each bias by one step towards it: up below it, down above it.
    return bias + rate * (counts.mean() - counts).sign()


def router_z_loss(logits: Tensor, *, attention_mask: Tensor | None = None) -> Tensor:
    """How large a router's logits have become.

    Args:
        logits: (N, E)
        attention_mask: (B, T) bool, True for the tokens that count; None: all.

    Returns:
        (), 0 only where the exponentials of each token's logits sum to 1.

    Source: Zoph et al. 2022 (ST-MoE), equation 5.
    """
    # Step 1: Where there is a mask, keep the rows of the tokens that count.
    if attention_mask is not None:
        logits = logits[attention_mask.flatten()]  # (N', E)
    # Step 2: The log of the sum of exponentials of each token, without overflow: logsumexp.
    z = logits.logsumexp(dim=-1)  # (N',)
    # Step 3: Square it, and take the mean over the tokens.
    return z.square().mean()
