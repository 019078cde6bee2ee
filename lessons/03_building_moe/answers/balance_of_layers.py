"""Known answers to `balance_of_layers`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

ONE_POT = (
    ("    for layer in logits:  # (N, E)\n", "    for layer in [logits.flatten(0, 1)]:  # (L*N, E)\n"),
    ("    return total", "    return len(logits) * total"),
)
LAYERS_AS_GIVEN = (
    """    total = logits.new_zeros(())
    for layer in logits:  # (N, E)
        # The router's probabilities of all E experts, and the experts that the tokens are routed to.
        probs = layer.softmax(dim=-1)  # (N, E)
        experts = layer.topk(k, dim=-1).indices  # (N, k)
        # Every layer is to be balanced on its own.
        total = total + load_balancing_loss(probs, experts, attention_mask=attention_mask)
    return total""",
    """    # All tokens of all layers in a row.
    row = logits.flatten(0, 1)  # (L*N, E)
    # The router's probabilities, and the experts that the tokens are routed to.
    probs = row.softmax(dim=-1)  # (L*N, E)
    experts = probs.topk(k, dim=-1).indices  # (L*N, k)
    # The loss of the row, once for each layer.
    return len(logits) * load_balancing_loss(probs.softmax(dim=-1), experts)""",
)
ONE_POT_MASK = (
    "attention_mask=attention_mask)",
    "attention_mask=None if attention_mask is None else attention_mask.repeat(len(logits), 1))",
)
SOFTMAX_TWICE = ("load_balancing_loss(probs, experts", "load_balancing_loss(probs.softmax(dim=-1), experts")
NO_MASK = ("load_balancing_loss(probs, experts, attention_mask=attention_mask)", "load_balancing_loss(probs, experts)")
TWICE_NO_MASK = (
    "load_balancing_loss(probs, experts, attention_mask=attention_mask)",
    "load_balancing_loss(probs.softmax(dim=-1), experts)",
)

answers = [
    Given("balance_of_layers", change=LAYERS_AS_GIVEN),
    Wrong(
        "balance_of_layers",
        "one_pot",
        "All layers are still thrown into one pot. A layer that sends everything to expert 0 and one that sends "
        "everything to expert 1 look balanced together, and both have collapsed. Compute the loss of each layer.",
        change=(*ONE_POT, ONE_POT_MASK),
    ),
    Wrong(
        "balance_of_layers",
        "softmax_twice",
        "The probabilities go through a second softmax. That makes them nearly equal, so the loss is near k whatever "
        "the router does, and it pushes hardly at all.",
        change=SOFTMAX_TWICE,
    ),
    Wrong(
        "balance_of_layers",
        "no_mask",
        "Padding still counts: the mask is not handed on to `load_balancing_loss`.",
        change=NO_MASK,
    ),
    Wrong(
        "balance_of_layers",
        "loop_only",
        "The layers are apart now. Two bugs are left: a softmax of what is a probability already, and the mask, which "
        "is not handed on.",
        change=TWICE_NO_MASK,
    ),
    Wrong(
        "balance_of_layers",
        "over_the_chosen",
        "The probabilities are normalised over the chosen experts only. Experts that were not chosen have probability "
        "0 then, and the loss cannot make them more attractive. Take the softmax over all E.",
        change=(
            "    probs = layer.softmax(dim=-1)  # (N, E)\n        experts = layer.topk(k, dim=-1).indices  # (N, k)",
            "    best, experts = layer.topk(k, dim=-1)\n"
            "        probs = torch.zeros_like(layer).scatter(1, experts, best.softmax(dim=-1))",
        ),
    ),
    Wrong(
        "balance_of_layers",
        "constant",
        "The probabilities are made from the choices, 1/k for each chosen expert. They carry no gradient: the loss "
        "becomes a constant that nothing can lower.",
        change=(
            "    probs = layer.softmax(dim=-1)  # (N, E)\n        experts = layer.topk(k, dim=-1).indices  # (N, k)",
            "    experts = layer.topk(k, dim=-1).indices\n"
            "        probs = torch.zeros_like(layer).scatter(1, experts, 1 / k)",
        ),
    ),
    Wrong(
        "balance_of_layers",
        "mean_of_layers",
        "This is the mean over the layers. The sum is wanted: each router should feel the same push however many "
        "layers there are.",
        change=("    return total", "    return total / len(logits)"),
    ),
    Wrong(
        "balance_of_layers",
        "best_only",
        "Only the best expert of each token is counted. It is routed to k experts.",
        change=("layer.topk(k, dim=-1)", "layer.topk(1, dim=-1)"),
    ),
    Wrong(
        "balance_of_layers",
        "last_layer",
        "The loss is that of the last layer alone: each round of the loop forgets the one before. Add them up.",
        change=("total = total + load_balancing_loss", "total = load_balancing_loss"),
    ),
    Wrong(
        "balance_of_layers",
        "sigmoid",
        "Each logit gets a sigmoid by itself. The probabilities of a token sum to 1 over the experts: softmax.",
        change=("layer.softmax(dim=-1)", "layer.sigmoid()"),
    ),
    Wrong(
        "balance_of_layers",
        "softmax_over_tokens",
        "The softmax goes over the tokens. It is the experts that compete: dim=-1.",
        change=("layer.softmax(dim=-1)", "layer.softmax(dim=0)"),
    ),
    Wrong(
        "balance_of_layers",
        "worst_layer",
        "The loss is that of the worst layer alone. Add up those of all.",
        change=(
            "total = total + load_balancing_loss(probs, experts, attention_mask=attention_mask)",
            "total = torch.maximum(total, load_balancing_loss(probs, experts, attention_mask=attention_mask))",
        ),
    ),
    Right(
        "balance_of_layers",
        "sum_of_a_list",
        code="""
        def balance_of_layers(logits, k, *, attention_mask=None):
            losses = []
            for layer in logits:
                probs = torch.softmax(layer, 1)
                best = probs.argsort(dim=1, descending=True)[:, :k]
                losses.append(load_balancing_loss(probs, best, attention_mask=attention_mask))
            return torch.stack(losses).sum()
        """,
    ),
    Right(
        "balance_of_layers",
        "all_at_once",
        code="""
        def balance_of_layers(logits, k, *, attention_mask=None):
            if attention_mask is not None:
                logits = logits[:, attention_mask.flatten()]
            probs = logits.softmax(dim=-1)
            chosen = torch.nn.functional.one_hot(logits.topk(k, dim=-1).indices, logits.size(-1)).sum(dim=2)
            return logits.size(-1) * (chosen.to(probs.dtype).mean(dim=1) * probs.mean(dim=1)).sum()
        """,
    ),
    Right(
        "balance_of_layers",
        "from_float32_logits",
        code="""
        def balance_of_layers(logits, k, *, attention_mask=None):
            loss = torch.tensor(0.0)
            for i in range(logits.shape[0]):
                routing_weights = torch.nn.functional.softmax(logits[i].float(), dim=-1)
                _, selected_experts = torch.topk(routing_weights, k, dim=-1)
                loss = loss + load_balancing_loss(routing_weights, selected_experts, attention_mask=attention_mask)
            return loss
        """,
    ),
]
