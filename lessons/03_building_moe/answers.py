"""Known answers to lesson 03: wrong ones, explained, right ones in other styles, and the code of the bug hunts."""

from storyteller_course import Given, Right, Wrong

# The three bugs of `combine`, and the three of `balance_of_layers`, each as a change of the reference.
WRONG_TOKEN = ("token = order // k  # (R,)", "token = order % n_tokens  # (R,)")
WRONG_SHARE = ("share = weights.flatten()[order]  # (R,)", "share = weights.flatten()[: len(order)]  # (R,)")
OVERWRITES = (
    "    return weighted.new_zeros(n_tokens, answers.size(1)).index_add(0, token, weighted)  # (N, D)",
    "    y = weighted.new_zeros(n_tokens, answers.size(1))  # (N, D)\n    y[token] += weighted\n    return y",
)
ONE_POT = (
    ("    for layer in logits:  # (N, E)\n", "    for layer in [logits.flatten(0, 1)]:  # (L*N, E)\n"),
    ("    return total", "    return len(logits) * total"),
)
LAYERS_AS_GIVEN = (
    """    total = logits.new_zeros(())
    for layer in logits:  # (N, E)
        # The router's probabilities of all E experts, and the experts that the tokens visit.
        probs = layer.softmax(dim=-1)  # (N, E)
        experts = layer.topk(k, dim=-1).indices  # (N, k)
        # Every layer is to be balanced on its own.
        total = total + load_balancing_loss(probs, experts, attention_mask=attention_mask)
    return total""",
    """    # All tokens of all layers in a row.
    row = logits.flatten(0, 1)  # (L*N, E)
    # The router's probabilities, and the experts that the tokens visit.
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
    # --- route_top_k --------------------------------------------------------------------------------------------------
    Wrong(
        "route_top_k",
        "not_renormalised",
        "The softmax is taken over all experts and then cut to the k best, so the weights of a token sum to less than "
        "1, and what it gets back is too small. Take the softmax over the k chosen logits.",
        change=(
            ("best, experts = logits.topk(k, dim=-1)", "best, experts = logits.softmax(dim=-1).topk(k, dim=-1)"),
            ("weights = best.softmax(dim=-1)", "weights = best"),
        ),
    ),
    Wrong(
        "route_top_k",
        "softmax_twice",
        "The k best probabilities go through a second softmax. It takes numbers between 0 and 1 for logits, and makes "
        "all weights nearly equal. Either softmax the k logits, or divide the k probabilities by their sum.",
        change=("best, experts = logits.topk(k, dim=-1)", "best, experts = logits.softmax(dim=-1).topk(k, dim=-1)"),
    ),
    Wrong(
        "route_top_k",
        "over_the_tokens",
        "The weights compete along the tokens: each column sums to 1 where each row should. The softmax belongs on the "
        "last dimension.",
        change=("weights = best.softmax(dim=-1)", "weights = best.softmax(dim=0)"),
    ),
    Wrong(
        "route_top_k",
        "smallest",
        "These are the experts with the smallest logits. The router's logit says how well an expert fits: take the "
        "largest.",
        change=("logits.topk(k, dim=-1)", "logits.topk(k, dim=-1, largest=False)"),
    ),
    Wrong(
        "route_top_k",
        "all_alike",
        "Every chosen expert gets the weight 1/k, whatever the router thinks of it. Then nothing tells the router "
        "which of its choices was good: no gradient reaches it.",
        change=("weights = best.softmax(dim=-1)", "weights = torch.full_like(best, 1 / k)"),
    ),
    Wrong(
        "route_top_k",
        "by_number",
        "The experts are sorted by their number and the weights by their size, so they no longer belong together. Keep "
        "the order that topk gives to both.",
        change=(
            "best, experts = logits.topk(k, dim=-1)  # (N, k) each",
            "best, experts = logits.topk(k, dim=-1)\n    experts = experts.sort(dim=-1).values",
        ),
    ),
    Wrong(
        "route_top_k",
        "overflow",
        "exp of a large logit is inf, and inf / inf is nan; exp of a very small one is 0, and 0 / 0 is nan too. A "
        "softmax that takes the largest logit away first has neither problem: use `softmax`.",
        change=("weights = best.softmax(dim=-1)", "weights = best.exp() / best.exp().sum(dim=-1, keepdim=True)"),
    ),
    Wrong(
        "route_top_k",
        "detached",
        "The weights are cut off from the logits (detach, no_grad or .data), so the router can never learn: its only "
        "news of the experts' work comes back through the weights.",
        change=("weights = best.softmax(dim=-1)", "weights = best.detach().softmax(dim=-1)"),
    ),
    Right(
        "route_top_k",
        "renormalise_probabilities",
        code="""
        def route_top_k(logits, k):
            logits = logits - logits.max(dim=-1, keepdim=True).values
            probs = logits.exp() / logits.exp().sum(dim=-1, keepdim=True)
            weights, experts = torch.topk(probs, k)
            return weights / weights.sum(dim=-1, keepdim=True), experts
        """,
    ),
    Right(
        "route_top_k",
        "mask_the_others",
        code="""
        def route_top_k(logits, k):
            order = logits.argsort(dim=-1, descending=True)
            chosen, others = order[:, :k], order[:, k:]
            masked = logits.scatter(1, others, float("-inf"))
            return torch.softmax(masked, dim=1).gather(1, chosen), chosen
        """,
    ),
    # --- dispatch_naive -----------------------------------------------------------------------------------------------
    Wrong(
        "dispatch_naive",
        "last_answer_wins",
        "Each answer overwrites the one before it, so a token keeps only its last expert's. Add them up with +=.",
        change=("y[n] += weights[n, j] * answer", "y[n] = weights[n, j] * answer"),
    ),
    Wrong(
        "dispatch_naive",
        "unweighted",
        "The answers are added without their weights. An expert that the router hardly trusts speaks as loudly as its "
        "favourite.",
        change=("y[n] += weights[n, j] * answer", "y[n] += answer"),
    ),
    Wrong(
        "dispatch_naive",
        "weighted_input",
        "The weight is multiplied into the token before the expert sees it. Experts are not linear: half of a token "
        "does not give half of the answer. Multiply the answer.",
        change=(
            ("answer = run[e](x[n : n + 1])[0]", "answer = run[e](weights[n, j] * x[n : n + 1])[0]"),
            ("y[n] += weights[n, j] * answer", "y[n] += answer"),
        ),
    ),
    Wrong(
        "dispatch_naive",
        "first_choice_only",
        "Only the first choice of each token is asked. There are k of them: experts.size(1).",
        change=("for j in range(experts.size(1)):", "for j in range(1):"),
    ),
    Wrong(
        "dispatch_naive",
        "first_weight",
        "Every answer is multiplied with the weight of the first choice. Choice j has the weight weights[n, j].",
        change=("y[n] += weights[n, j] * answer", "y[n] += weights[n, 0] * answer"),
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
        change=("y[n] += weights[n, j] * answer", "y[n] += weights[n, j] * answer / experts.size(1)"),
    ),
    Wrong(
        "dispatch_naive",
        "last_for_dropped",
        "A dropped choice goes to the last expert. The value E stands for no expert at all: leave the choice out.",
        change=("            if e == len(run):\n                continue\n", "            e = min(e, len(run) - 1)\n"),
    ),
    Right(
        "dispatch_naive",
        "row_by_row",
        code="""
        def dispatch_naive(x, weights, experts, run):
            rows = []
            for token, shares, chosen in zip(x, weights, experts.tolist()):
                row = torch.zeros_like(token)
                for share, e in zip(shares, chosen):
                    if e < len(run):
                        row = row + share * run[e](token[None]).squeeze(0)
                rows.append(row)
            return torch.stack(rows)
        """,
    ),
    Right(
        "dispatch_naive",
        "with_masks",
        code="""
        def dispatch_naive(x, weights, experts, run):
            y = x * 0
            for e, expert in enumerate(run):
                share = (weights * (experts == e)).sum(dim=1)
                for n in share.nonzero().flatten().tolist():
                    y = y + torch.eye(len(x), dtype=x.dtype)[:, n, None] * share[n] * expert(x[n].unsqueeze(0))
            return y
        """,
    ),
    # --- combine (bug hunt) -------------------------------------------------------------------------------------------
    Given("combine", change=(WRONG_TOKEN, WRONG_SHARE, OVERWRITES)),
    Wrong(
        "combine",
        "as_given",
        "This is the code as it was given. Answers go to the wrong tokens, with the weights of other choices, and of "
        "several answers to one token only the last is kept.",
        change=(WRONG_TOKEN, WRONG_SHARE, OVERWRITES),
    ),
    Wrong(
        "combine",
        "wrong_token",
        "The answers still land on the wrong tokens. The choices are numbered token by token (0 and 1 are token 0's if "
        "k is 2), so the token is the number divided by k; the remainder by N would fit a numbering choice by choice.",
        change=WRONG_TOKEN,
    ),
    Wrong(
        "combine",
        "wrong_share",
        "The weights are in the order of the tokens, the answers in the order of the experts. Take the weight of each "
        "answer's own choice: weights[order] of the flattened weights.",
        change=WRONG_SHARE,
    ),
    Wrong(
        "combine",
        "overwrites",
        "y[token] += ... with a token that stands twice in `token` adds only once: PyTorch reads all rows first and "
        "writes them back, the last one wins. `index_add` (or a loop) adds every row.",
        change=OVERWRITES,
    ),
    Wrong(
        "combine",
        "token_only",
        "The tokens are right now. Two more lines are wrong: the weights have another order than the answers, and of "
        "several answers to one token only the last is kept.",
        change=(WRONG_SHARE, OVERWRITES),
    ),
    Wrong(
        "combine",
        "token_and_share",
        "The tokens are still wrong, and of several answers to one token only the last is kept. The weights are right.",
        change=(WRONG_TOKEN, OVERWRITES),
    ),
    Wrong(
        "combine",
        "unweighted",
        "The answers are added without their weights.",
        change=("weighted = answers * share[:, None]", "weighted = answers + 0 * share[:, None]"),
    ),
    Wrong(
        "combine",
        "never_sorted_back",
        "The answers are taken to be in the order of the tokens. They are in the order of the experts; `order` says "
        "which choice each of them answers.",
        change=("token = order // k  # (R,)", "token = torch.arange(len(order)) // k  # (R,)"),
    ),
    Right(
        "combine",
        "answer_by_answer",
        code="""
        def combine(answers, order, weights):
            n_tokens, k = weights.shape
            rows = [torch.zeros_like(weights[0, 0] * answers.new_zeros(answers.size(1))) for _ in range(n_tokens)]
            for i, c in enumerate(order.tolist()):
                rows[c // k] = rows[c // k] + weights[c // k, c % k] * answers[i]
            return torch.stack(rows)
        """,
    ),
    Right(
        "combine",
        "put_back_then_sum",
        code="""
        def combine(answers, order, weights):
            n_tokens, k = weights.shape
            place = order[:, None].expand(-1, answers.size(1))
            back = answers.new_zeros(n_tokens * k, answers.size(1)).scatter(0, place, answers)
            return torch.einsum("nk,nkd->nd", weights, back.view(n_tokens, k, -1))
        """,
    ),
    # --- dispatch_sorted ----------------------------------------------------------------------------------------------
    Wrong(
        "dispatch_sorted",
        "no_minlength",
        "bincount stops at the largest number that it sees. Where nobody chose the last experts there are fewer counts "
        "than experts: give it minlength=E.",
        change=("minlength=len(run))[: len(run)]", "minlength=0)[: len(run)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "calls_idle",
        "Experts without tokens are called too, with no rows. That is wasted work, and some experts cannot take it.",
        change=("zip(run, parts, strict=True) if len(part)]", "zip(run, parts, strict=True)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "by_remainder",
        "The rows are fetched for the wrong tokens. The choices are numbered token by token, so choice c belongs to "
        "token c // k.",
        change=("x[order // experts.size(1)]", "x[order % len(x)]"),
    ),
    Wrong(
        "dispatch_sorted",
        "unsorted_rows",
        "The rows are in the order of the tokens while the counts are those of the experts, so each expert gets other "
        "tokens than those that chose it. Fetch the rows in the sorted order.",
        change=("x[order // experts.size(1)]", "x[order.sort().values // experts.size(1)]"),
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
        change=("chosen = experts.flatten()", "chosen = experts.flatten().clamp(max=len(run) - 1)"),
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
        def dispatch_sorted(x, weights, experts, run):
            y = torch.zeros_like(x)
            for e, expert in enumerate(run):
                token, choice = torch.where(experts == e)
                if len(token):
                    y[token] = expert(x[token]) * weights[token, choice, None]
            return y
        """,
    ),
    Wrong(
        "dispatch_sorted",
        "first_weight",
        "Every expert's answer is weighed with the weight of the token's first choice.",
        code="""
        def dispatch_sorted(x, weights, experts, run):
            y = torch.zeros_like(x)
            for e, expert in enumerate(run):
                token = torch.where(experts == e)[0]
                if len(token):
                    y[token] += expert(x[token]) * weights[token, 0, None]
            return y
        """,
    ),
    Wrong(
        "dispatch_sorted",
        "token_by_token",
        "The result is right, but the experts are called row by row. The point of sorting is that each expert works "
        "once, on all of its rows: one large product instead of many small ones.",
        change=(
            "answers = [expert(part) for expert, part in zip(run, parts, strict=True) if len(part)]",
            "answers = [expert(row[None]) for expert, part in zip(run, parts, strict=True) for row in part]",
        ),
    ),
    Wrong(
        "dispatch_sorted",
        "descending",
        "The choices are sorted with the largest expert first, but the counts go from expert 0 upwards: each expert "
        "gets rows of another one.",
        change=("chosen.argsort(stable=True)", "chosen.argsort(stable=True, descending=True)"),
    ),
    Right(
        "dispatch_sorted",
        "with_where",
        code="""
        def dispatch_sorted(x, weights, experts, run):
            y = torch.zeros_like(x)
            for e, expert in enumerate(run):
                token, choice = torch.where(experts == e)
                if token.numel() > 0:
                    answer = expert(x[token]) * weights[token, choice].unsqueeze(1)
                    y = y.index_add(0, token, answer)
            return y
        """,
    ),
    Right(
        "dispatch_sorted",
        "with_bounds",
        code="""
        def dispatch_sorted(x, weights, experts, run):
            k = experts.shape[1]
            sorted_experts, order = torch.sort(experts.reshape(-1), stable=True)
            bounds = torch.searchsorted(sorted_experts, torch.arange(len(run) + 1)).tolist()
            answers = torch.zeros(bounds[-1], x.shape[1], dtype=x.dtype)
            for e in range(len(run)):
                start, stop = bounds[e], bounds[e + 1]
                if stop > start:
                    tokens = torch.div(order[start:stop], k, rounding_mode="floor")
                    answers = torch.cat([answers[:start], run[e](x[tokens]), answers[stop:]])
            return combine(answers, order[: bounds[-1]], weights)
        """,
    ),
    # --- MoELayer -----------------------------------------------------------------------------------------------------
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
    # --- load_balancing_loss ------------------------------------------------------------------------------------------
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
            "f = torch.bincount(experts.flatten(), minlength=n_experts) / n_tokens",
            "f = experts.size(1) * probs.mean(dim=0)",
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
        "The visits are divided by the number of choices, N*k. Divide by the number of tokens; then an even router "
        "has the loss k.",
        change=("minlength=n_experts) / n_tokens", "minlength=n_experts) / experts.numel()"),
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
            "probs, experts = probs[real], experts[real]",
            "probs, experts = probs[real | True], experts[real | True]",
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "only_p_masked",
        "The mask is applied to the probabilities and not to the experts: f still counts the padding.",
        change=(
            ("probs, experts = probs[real], experts[real]", "probs = probs[real]"),
            ("minlength=n_experts) / n_tokens", "minlength=n_experts) / len(experts)"),
        ),
    ),
    Wrong(
        "load_balancing_loss",
        "padding_in_the_mean",
        "The padding is set to 0, but its rows still count in the means: divide by the number of real tokens.",
        change=(
            (
                "probs, experts = probs[real], experts[real]",
                "probs, experts = probs * real[:, None], experts.where(real[:, None], probs.size(1))",
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
        change=("torch.bincount(experts.flatten(),", "torch.bincount(experts[:, 0],"),
    ),
    Right(
        "load_balancing_loss",
        "one_hot_and_means",
        code="""
        def load_balancing_loss(probs, experts, *, attention_mask=None):
            E = probs.shape[-1]
            visits = nn.functional.one_hot(experts, E).sum(dim=1).to(probs.dtype)
            count = torch.ones(len(probs), dtype=probs.dtype)
            if attention_mask is not None:
                count = attention_mask.reshape(-1).to(probs.dtype)
            f = torch.einsum("n,ne->e", count, visits) / count.sum()
            P = torch.einsum("n,ne->e", count, probs) / count.sum()
            return E * torch.dot(f, P)
        """,
    ),
    Right(
        "load_balancing_loss",
        "expert_by_expert",
        code="""
        def load_balancing_loss(probs, experts, *, attention_mask=None):
            keep = [n for n in range(len(probs)) if attention_mask is None or attention_mask.reshape(-1)[n]]
            terms = []
            for e in range(probs.size(1)):
                f = (experts[keep] == e).sum().item() / len(keep)
                terms.append(f * probs[keep, e].mean())
            return probs.size(1) * sum(terms)
        """,
    ),
    # --- balance_of_layers (bug hunt) ---------------------------------------------------------------------------------
    Given("balance_of_layers", change=LAYERS_AS_GIVEN),
    Wrong(
        "balance_of_layers",
        "as_given",
        "This is the code as it was given: all layers in one pot, a softmax of probabilities, and no mask.",
        change=LAYERS_AS_GIVEN,
    ),
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
            visits = torch.nn.functional.one_hot(logits.topk(k, dim=-1).indices, logits.size(-1)).sum(dim=2)
            return logits.size(-1) * (visits.to(probs.dtype).mean(dim=1) * probs.mean(dim=1)).sum()
        """,
    ),
    # --- router_statistics --------------------------------------------------------------------------------------------
    Wrong(
        "router_statistics",
        "of_the_tokens",
        "The load is divided by the number of tokens, so that it sums to k. It is the share of all N*k visits.",
        change=("/ experts.numel()", "/ len(experts)"),
    ),
    Wrong(
        "router_statistics",
        "no_minlength",
        "Experts at the end that nobody chose are missing from the load: bincount needs minlength=E.",
        change=(
            "load = torch.bincount(experts.flatten(), minlength=n_experts)",
            "load = torch.bincount(experts.flatten())",
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
    Right(
        "router_statistics",
        "with_loops",
        code="""
        def router_statistics(probs, experts):
            import math

            E = probs.size(1)
            visits = experts.flatten().tolist()
            load = [visits.count(e) / len(visits) for e in range(E)]
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
        def router_statistics(probs, experts):
            visits = nn.functional.one_hot(experts, probs.size(1)).sum(dim=(0, 1))
            load = visits / visits.sum()
            surprise = torch.where(probs > 0, -probs.clamp(min=1e-300).log(), 0.0)
            if probs.dtype == torch.float32:
                surprise = -probs.clamp(min=1e-38).log()
            return {
                "load": load,
                "entropy": float((probs * surprise).sum() / len(probs)),
                "utilization": int((visits > 0).sum()) / probs.size(1),
                "max_load": float(load.max() / load.mean()),
            }
        """,
    ),
    # --- within_capacity ----------------------------------------------------------------------------------------------
    Wrong(
        "within_capacity",
        "queue_for_each_choice",
        "First and second choices stand in two different queues, so an expert takes up to k times its capacity. There "
        "is one queue at each expert.",
        change=(
            (
                "visits = nn.functional.one_hot(experts.flatten(), n_experts)",
                "visits = nn.functional.one_hot(experts, n_experts)",
            ),
            ("(asked * visits).sum(dim=1)", "(asked * visits).sum(dim=-1)"),
        ),
    ),
    Wrong(
        "within_capacity",
        "one_too_few",
        "The queue is cut one place too early: the first to come has the number 1, and the one with the number "
        "`capacity` still fits.",
        change=("place <= capacity", "place < capacity"),
    ),
    Wrong(
        "within_capacity",
        "one_too_many",
        "One more than fits is let in. If the first to come has the number 0, the last that fits has capacity - 1.",
        change=("(place <= capacity)", "(place - 1 <= capacity)"),
    ),
    Wrong(
        "within_capacity",
        "last_come_first",
        "The places go to the last tokens. Places go in the order of the tokens: earlier before later.",
        change=("asked = visits.cumsum(dim=0)", "asked = visits.flip(0).cumsum(dim=0).flip(0)"),
    ),
    Wrong(
        "within_capacity",
        "firsts_before_seconds",
        "All first choices are served before any second choice. (Some systems do that; here an earlier token goes "
        "first with all its choices.)",
        change=(
            ("one_hot(experts.flatten(), n_experts)", "one_hot(experts.T.flatten(), n_experts)"),
            ("return (place <= capacity).view_as(experts)", "return (place <= capacity).view_as(experts.T).T"),
        ),
    ),
    Wrong(
        "within_capacity",
        "dropped",
        "True and False are swapped: True is for a choice that finds a place.",
        change=("place <= capacity", "place > capacity"),
    ),
    Wrong(
        "within_capacity",
        "all_or_nothing",
        "An expert that is asked for too often turns everybody away. It serves as many as it has places for.",
        change=("place = (asked * visits).sum(dim=1)", "place = (asked[-1:] * visits).sum(dim=1)"),
    ),
    Right(
        "within_capacity",
        "with_a_dictionary",
        code="""
        def within_capacity(experts, *, n_experts, capacity):
            taken = [0] * n_experts
            fits = []
            for e in experts.flatten().tolist():
                fits.append(taken[e] < capacity)
                taken[e] += 1
            return torch.tensor(fits).reshape(experts.shape)
        """,
    ),
    Right(
        "within_capacity",
        "expert_by_expert",
        code="""
        def within_capacity(experts, *, n_experts, capacity):
            flat = experts.reshape(-1)
            fits = torch.zeros(len(flat), dtype=torch.bool)
            for e in range(n_experts):
                fits[torch.nonzero(flat == e).flatten()[:capacity]] = True
            return fits.reshape_as(experts)
        """,
    ),
    # --- moe_costs ----------------------------------------------------------------------------------------------------
    Wrong(
        "moe_costs",
        "active_without_attention",
        "The active parameters are those of the experts alone. A token passes through the attention, the norms and the "
        "embedding as well.",
        change=(
            "active = outside + n_layers * (attention + router + norms + top_k * expert)",
            "active = n_layers * top_k * expert",
        ),
    ),
    Wrong(
        "moe_costs",
        "all_active",
        "All experts are counted as active. A token visits k of the E.",
        change=(
            "active = outside + n_layers * (attention + router + norms + top_k * expert)",
            "active = outside + n_layers * (attention + router + norms + n_experts * expert)",
        ),
    ),
    Wrong(
        "moe_costs",
        "no_router",
        "The router is missing: D x E in each block, and a token meets all of it.",
        change=("d_model * n_experts, 3 * d_model * d_ff", "0, 3 * d_model * d_ff"),
    ),
    Wrong(
        "moe_costs",
        "scaled_down",
        "The active parameters are the share k/E of everything. Only the experts are sparse; attention, router, norms "
        "and embedding are used whole.",
        change=(
            "active = outside + n_layers * (attention + router + norms + top_k * expert)",
            "active = total * top_k // n_experts",
        ),
    ),
    Wrong(
        "moe_costs",
        "two_matrices",
        "An expert has been counted with two matrices. A SwiGLU has three: gate, up and down.",
        change=("3 * d_model * d_ff", "2 * d_model * d_ff"),
    ),
    Wrong(
        "moe_costs",
        "head_counted_twice",
        "The embedding is counted twice. It is tied: the output layer uses the same matrix.",
        change=("outside = vocab_size * d_model + d_model", "outside = 2 * vocab_size * d_model + d_model"),
    ),
    Wrong(
        "moe_costs",
        "flops_of_all_experts",
        "The FLOPs are those of all E experts. A token is multiplied with the weights of k of them.",
        change=(
            "matrices = n_layers * (attention + router + top_k * expert)",
            "matrices = n_layers * (attention + router + n_experts * expert)",
        ),
    ),
    Wrong(
        "moe_costs",
        "one_flop_each",
        "A multiplication and its addition are counted as one; by convention they are two.",
        change=("flops = 2 * matrices", "flops = matrices"),
    ),
    Right(
        "moe_costs",
        "part_by_part",
        code="""
        def moe_costs(*, vocab_size, d_model, n_layers, n_heads, d_ff, n_experts, top_k, context):
            total = active = vocab_size * d_model + d_model
            flops = 2 * vocab_size * d_model
            for _ in range(n_layers):
                for size, copies, visited, is_matrix in (
                    (d_model * d_model, 4, 4, True), (d_model * n_experts, 1, 1, True), (d_model, 2, 2, False),
                    (d_model * d_ff, 3 * n_experts, 3 * top_k, True),
                ):
                    total += copies * size
                    active += visited * size
                    flops += 2 * visited * size * is_matrix
                flops += 2 * context * d_model + 2 * context * d_model
            return total, active, flops
        """,
    ),
    Right(
        "moe_costs",
        "by_difference",
        code="""
        def moe_costs(*, vocab_size, d_model, n_layers, n_heads, d_ff, n_experts, top_k, context):
            D, L = d_model, n_layers
            total = vocab_size * D + D + L * (4 * D**2 + D * n_experts + 3 * n_experts * D * d_ff + 2 * D)
            active = total - L * (n_experts - top_k) * 3 * D * d_ff
            return total, active, 2 * (active - (2 * L + 1) * D) + 4 * L * D * context
        """,
    ),
    # --- route_noisy (bonus) ------------------------------------------------------------------------------------------
    Wrong(
        "route_noisy",
        "no_softplus",
        "The noise is multiplied with noise_logits as they are. They may be negative; softplus makes a width of them.",
        change=("width = torch.nn.functional.softplus(noise_logits)", "width = noise_logits"),
    ),
    Wrong(
        "route_noisy",
        "exponential",
        "The width is exp(noise_logits). Softplus, log(1 + exp(z)), grows like z itself: exp would let the noise "
        "explode.",
        change=("width = torch.nn.functional.softplus(noise_logits)", "width = noise_logits.exp()"),
    ),
    Wrong(
        "route_noisy",
        "everywhere_alike",
        "The noise is added with the same width everywhere. The router says for each expert how far it may be "
        "disturbed.",
        change=("logits + noise * width", "logits + noise + 0 * width"),
    ),
    Wrong(
        "route_noisy",
        "weights_without_noise",
        "The experts are chosen by the disturbed logits, but weighed by the undisturbed ones. In the paper both use "
        "the disturbed: only so the width of the noise learns.",
        change=(
            "return route_top_k(disturbed, k)",
            "experts = route_top_k(disturbed, k)[1]\n    return logits.gather(1, experts).softmax(dim=-1), experts",
        ),
    ),
    Wrong(
        "route_noisy",
        "own_noise",
        "The noise is drawn inside of the function, so that the argument has no effect and no result can be repeated.",
        change=("logits + noise * width", "logits + torch.randn_like(noise) * width"),
    ),
    Right(
        "route_noisy",
        "by_the_formula",
        code="""
        def route_noisy(logits, noise_logits, noise, k):
            best, experts = torch.topk(logits + noise * torch.log(1 + torch.exp(noise_logits)), k)
            return best.softmax(dim=1), experts
        """,
    ),
    Right(
        "route_noisy",
        "logaddexp",
        code="""
        def route_noisy(logits, noise_logits, noise, k):
            width = torch.logaddexp(noise_logits, torch.zeros_like(noise_logits))
            return route_top_k(torch.addcmul(logits, noise, width), k)
        """,
    ),
    # --- router_z_loss (bonus) ----------------------------------------------------------------------------------------
    Wrong(
        "router_z_loss",
        "overflow",
        "log(sum(exp(logits))) overflows for large logits, and large logits are what this loss is there for. logsumexp "
        "does the same without overflow.",
        change=("logits.logsumexp(dim=-1)", "logits.exp().sum(dim=-1).log()"),
    ),
    Wrong(
        "router_z_loss",
        "not_squared",
        "The square is missing: without it the loss pulls the logits down for ever, to minus infinity.",
        change=("return z.square().mean()", "return z.mean()"),
    ),
    Wrong(
        "router_z_loss",
        "squared_logits",
        "This is the mean square of the logits themselves. The z-loss squares the log of the sum of their "
        "exponentials.",
        change=("return z.square().mean()", "return logits.square().mean()"),
    ),
    Wrong(
        "router_z_loss",
        "square_of_the_mean",
        "The mean is squared. Square each token's number first: positive and negative ones would cancel.",
        change=("return z.square().mean()", "return z.mean().square()"),
    ),
    Wrong(
        "router_z_loss",
        "padding_counts",
        "Padding is counted. Keep the rows whose mask is True.",
        change=("logits = logits[attention_mask.flatten()]", "logits = logits[attention_mask.flatten() | True]"),
    ),
    Wrong(
        "router_z_loss",
        "sum_of_tokens",
        "This is the sum over the tokens; the mean is wanted, so that the batch size makes no difference.",
        change=("return z.square().mean()", "return z.square().sum()"),
    ),
    Right(
        "router_z_loss",
        "shifted_by_hand",
        code="""
        def router_z_loss(logits, *, attention_mask=None):
            top = logits.amax(dim=1, keepdim=True).detach()
            z = top.squeeze(1) + torch.log(torch.exp(logits - top).sum(dim=1))
            keep = torch.ones_like(z) if attention_mask is None else attention_mask.reshape(-1).to(z.dtype)
            return (keep * z**2).sum() / keep.sum()
        """,
    ),
    Right(
        "router_z_loss",
        "row_by_row",
        code="""
        def router_z_loss(logits, *, attention_mask=None):
            keep = [True] * len(logits) if attention_mask is None else attention_mask.flatten().tolist()
            squares = [torch.logsumexp(row, 0) ** 2 for row, real in zip(logits, keep) if real]
            return sum(squares) / len(squares)
        """,
    ),
]
