"""Known answers to `router_z_loss`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
    Wrong(
        "router_z_loss",
        "largest_logit",
        "The largest logit stands for the logsumexp. The sum counts all of them.",
        change=("logits.logsumexp(dim=-1)", "logits.amax(dim=-1)"),
    ),
    Wrong(
        "router_z_loss",
        "over_the_tokens",
        "The logsumexp goes over the tokens. It goes over the experts of each token: dim=-1.",
        change=("logits.logsumexp(dim=-1)", "logits.logsumexp(dim=0)"),
    ),
    Wrong(
        "router_z_loss",
        "absolute",
        "The absolute value is taken in the place of the square.",
        change=("z.square()", "z.abs()"),
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
    Right(
        "router_z_loss",
        "as_a_masked_mean",
        code="""
        def router_z_loss(logits, *, attention_mask=None):
            log_z = torch.logsumexp(logits.to(torch.float32), dim=-1)
            if attention_mask is None:
                return torch.mean(log_z**2)
            return torch.masked_select(log_z, attention_mask.view(-1)).pow(2).mean()
        """,
    ),
]
