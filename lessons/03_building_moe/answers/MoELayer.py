"""Known answers to `MoELayer`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "MoELayer",
        "probs_of_the_chosen",
        "The probabilities in the routing are those of the chosen experts only, scattered over zeros. The balance loss "
        "could then never reach an expert that was not chosen: softmax all E logits.",
        change=(
            "probs = logits.softmax(dim=-1)",
            "probs = torch.zeros_like(logits).scatter(1, experts, weights)",
        ),
    ),
    Wrong(
        "MoELayer",
        "with_residual",
        "The input is added to the output. The residual connection stands in the decoder's block, around the layer; "
        "with one in here the input would be added twice.",
        change=(".view_as(x)  # (B, T, D)", ".view_as(x) + x  # (B, T, D)"),
    ),
    Wrong(
        "MoELayer",
        "batch_and_tokens_swapped",
        "Texts and tokens change places: the rows are put in order after a transpose, and come back without one. "
        "flatten(0, 1) and view_as(x) undo each other; nothing else is needed.",
        change=("tokens = x.flatten(0, 1)", "tokens = x.transpose(0, 1).flatten(0, 1)"),
    ),
    Wrong(
        "MoELayer",
        "not_flattened",
        "The router and the dispatch work on rows, (N, D), and got (B, T, D): put all tokens of all texts in one row "
        "first.",
        change=("tokens = x.flatten(0, 1)", "tokens = x"),
    ),
    Wrong(
        "MoELayer",
        "always_two",
        "Every token goes to two experts, whatever the configuration says. k is self.top_k.",
        change=("route_top_k(logits, self.top_k)", "route_top_k(logits, 2)"),
    ),
    Wrong(
        "MoELayer",
        "raw_probabilities",
        "The logits stand where the probabilities should: softmax them.",
        change=("probs = logits.softmax(dim=-1)", "probs = logits"),
    ),
    Wrong(
        "MoELayer",
        "unweighted",
        "The answers are added up without the router's weights: they were computed and not handed on.",
        change=(
            "dispatch_sorted(tokens, weights, experts",
            "dispatch_sorted(tokens, torch.ones_like(weights), experts",
        ),
    ),
    Wrong(
        "MoELayer",
        "probabilities_routed",
        "The softmax of all logits is routed, so that `route_top_k` takes a softmax of probabilities: all weights come "
        "out nearly equal. It wants the logits.",
        change=("route_top_k(logits, self.top_k)", "route_top_k(logits.softmax(dim=-1), self.top_k)"),
    ),
    Wrong(
        "MoELayer",
        "logarithms",
        "The routing has the logarithms of the probabilities.",
        change=("logits.softmax(dim=-1)", "logits.log_softmax(dim=-1)"),
    ),
    Wrong(
        "MoELayer",
        "always_one",
        "Each token goes to one expert, whatever the config says: use self.top_k.",
        change=("route_top_k(logits, self.top_k)", "route_top_k(logits, 1)"),
    ),
    Wrong(
        "MoELayer",
        "softmax_over_tokens",
        "The probabilities sum to 1 over the tokens. It is the experts that compete: dim=-1.",
        change=("logits.softmax(dim=-1)", "logits.softmax(dim=0)"),
    ),
    Wrong(
        "MoELayer",
        "router_gets_no_gradient",
        "The router is cut off from the gradient, so it learns nothing from what its choices led to.",
        change=("self.router(tokens)", "self.router(tokens.detach()).detach()"),
    ),
    Wrong(
        "MoELayer",
        "shape_lost",
        "The result is still in the shape (N, D). Give it that of x.",
        change=(".view_as(x)", " * 1"),
    ),
    Right(
        "MoELayer",
        "token_by_token",
        code="""
        class MoELayer(nn.Module):
            def __init__(self, config, layer=0):
                super().__init__()
                self.top_k = config.top_k
                self.router = Router(config)
                self.gate_up = nn.Parameter(torch.zeros(config.n_experts, 2 * config.d_ff, config.d_model))
                self.down = nn.Parameter(torch.zeros(config.n_experts, config.d_model, config.d_ff))

            def forward(self, x):
                B, T, D = x.shape
                rows = x.reshape(B * T, D)
                logits = rows @ self.router.weight.T
                weights, experts = route_top_k(logits, self.top_k)
                run = Experts(self.gate_up, self.down)
                y = torch.zeros_like(rows)
                for e in range(len(run)):
                    y = y + run[e](rows) * (weights * (experts == e)).sum(dim=1, keepdim=True)
                return y.reshape(B, T, D), (logits, torch.softmax(logits, 1), weights, experts, 0)
        """,
    ),
    Right(
        "MoELayer",
        "with_einsum",
        code="""
        class MoELayer(nn.Module):
            def __init__(self, config, layer=0):
                super().__init__()
                self.top_k = config.top_k
                self.router = Router(config)
                self.gate_up = nn.Parameter(torch.zeros(config.n_experts, 2 * config.d_ff, config.d_model))
                self.down = nn.Parameter(torch.zeros(config.n_experts, config.d_model, config.d_ff))

            def forward(self, x):
                logits = self.router(x.flatten(end_dim=1))
                weights, experts = route_top_k(logits, self.top_k)
                share = torch.zeros_like(logits).scatter(1, experts, weights).view(*x.shape[:2], -1)
                gate, up = torch.einsum("btd,efd->btef", x, self.gate_up).chunk(2, dim=-1)
                y = torch.einsum("bte,btef,edf->btd", share, gate * gate.sigmoid() * up, self.down)
                return y, Routing(logits, logits.softmax(-1), weights, experts, torch.zeros((), dtype=torch.long))
        """,
    ),
    Right(
        "MoELayer",
        "mixtral_block",
        code="""
        class MoELayer(nn.Module):
            def __init__(self, config, layer=0):
                super().__init__()
                self.num_experts, self.top_k = config.n_experts, config.top_k
                self.router = Router(config)
                self.gate_up = nn.Parameter(torch.randn(config.n_experts, 2 * config.d_ff, config.d_model))
                self.down = nn.Parameter(torch.randn(config.n_experts, config.d_model, config.d_ff))

            def forward(self, hidden_states):
                batch_size, sequence_length, hidden_dim = hidden_states.shape
                hidden_states = hidden_states.view(-1, hidden_dim)
                router_logits = self.router(hidden_states)
                probs = torch.nn.functional.softmax(router_logits, dim=1, dtype=torch.float)
                routing_weights, selected_experts = torch.topk(probs, self.top_k, dim=-1)
                routing_weights = (routing_weights / routing_weights.sum(dim=-1, keepdim=True)).to(hidden_states.dtype)
                out = torch.zeros((batch_size * sequence_length, hidden_dim), dtype=hidden_states.dtype)
                for e in range(self.num_experts):
                    top_x, idx = torch.where(selected_experts == e)
                    w1, w3 = self.gate_up[e].chunk(2, dim=0)
                    rows = hidden_states[top_x]
                    answer = (torch.nn.functional.silu(rows @ w1.T) * (rows @ w3.T)) @ self.down[e].T
                    out.index_add_(0, top_x, answer * routing_weights[top_x, idx, None])
                out = out.reshape(batch_size, sequence_length, hidden_dim)
                return out, Routing(router_logits, probs, routing_weights, selected_experts, torch.tensor(0))
        """,
    ),
]
