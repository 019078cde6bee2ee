"""Known answers to `combine`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

# The three bugs of `combine`, and the three of `balance_of_layers`, each as a change of the reference.
WRONG_TOKEN = ("token = order // k  # (R,)", "token = order % n_tokens  # (R,)")
WRONG_SHARE = ("share = weights.flatten()[order]  # (R,)", "share = weights.flatten()[: len(order)]  # (R,)")
OVERWRITES = (
    "    return weighted.new_zeros(n_tokens, answers.size(1)).index_add(0, token, weighted)  # (N, D)",
    "    y = weighted.new_zeros(n_tokens, answers.size(1))  # (N, D)\n    y[token] += weighted\n    return y",
)

answers = [
    Given("combine", change=(WRONG_TOKEN, WRONG_SHARE, OVERWRITES)),
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
    Wrong(
        "combine",
        "weights_transposed",
        "The weights are flattened column by column, as if all first choices came before all second ones. The choices "
        "are numbered token by token, which is the order of the rows.",
        change=("share = weights.flatten()[order]", "share = weights.T.flatten()[order]"),
    ),
    Wrong(
        "combine",
        "first_weight",
        "Every answer is multiplied by the weight of its token's first choice. Choice c has a weight of its own: that "
        "in column c % k.",
        change=("share = weights.flatten()[order]", "share = weights[order // k, 0]"),
    ),
    Wrong(
        "combine",
        "mean",
        "The sum is divided by k. The weights of a token sum to 1 already.",
        change=("index_add(0, token, weighted)", "index_add(0, token, weighted) / k"),
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
    Right(
        "combine",
        "plain_zeros_in_a_loop",
        code="""
        def combine(answers, order, weights):
            n_tokens, k = weights.shape
            y = torch.zeros(n_tokens, answers.shape[1])
            for i in range(len(order)):
                token, j = divmod(order[i].item(), k)
                y[token] += answers[i] * weights[token, j]
            return y
        """,
    ),
    Right(
        "combine",
        "scatter_add_in_float32",
        code="""
        def combine(answers, order, weights):
            n_tokens, k = weights.shape
            share = torch.take(weights, order).float()
            token = torch.div(order, k, rounding_mode="floor")
            y = torch.zeros(n_tokens, answers.shape[-1], dtype=torch.float32)
            y.scatter_add_(0, token.unsqueeze(-1).expand_as(answers), answers.float() * share.unsqueeze(-1))
            return y.to(answers.dtype)
        """,
    ),
]
