"""Known answers to `token_log_probs`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

WITHOUT_TEMPERATURE = ("(logits / temperature).log_softmax(dim=-1)", "logits.log_softmax(dim=-1)")
NOT_SHIFTED = (
    "told = log_p[:, :-1].gather(2, ids[:, 1:, None]).squeeze(2)  # (B, T - 1)\n"
    "    told = F.pad(told, (1, 0))  # (B, T), a 0 in front\n",
    "told = log_p.gather(2, ids[:, :, None]).squeeze(2)  # (B, T)\n",
)
NOT_MASKED = ("return told.where(mask, 0.0)", "return told")

answers = [
    Given("token_log_probs", change=(WITHOUT_TEMPERATURE, NOT_SHIFTED, NOT_MASKED)),
    Wrong(
        "token_log_probs",
        "not_shifted",
        "Each token is looked up in the scores at its own place. The model had read the token itself by then: these "
        "scores are about the next one. Look one place to the left.",
        change=NOT_SHIFTED,
    ),
    Wrong(
        "token_log_probs",
        "without_temperature",
        "The temperature is left out. The sampler drew from the softmax of logits / temperature, and these "
        "probabilities are asked for.",
        change=WITHOUT_TEMPERATURE,
    ),
    Wrong(
        "token_log_probs",
        "not_masked",
        "Openings and padding have log-probabilities too. The model has not told them: put 0 there.",
        change=NOT_MASKED,
    ),
    Wrong(
        "token_log_probs",
        "shift_and_mask_missing",
        "The temperature is right now. Two more things are wrong: the scores are those after each token, and "
        "openings and padding count.",
        change=(NOT_SHIFTED, NOT_MASKED),
    ),
    Wrong(
        "token_log_probs",
        "shift_and_temperature_missing",
        "The mask is right now. Two more things are wrong: the scores are those after each token, and the "
        "temperature is left out.",
        change=(NOT_SHIFTED, WITHOUT_TEMPERATURE),
    ),
    Wrong(
        "token_log_probs",
        "temperature_and_mask_missing",
        "The shift is right now. Two more things are wrong: the temperature is left out, and openings and padding "
        "count.",
        change=(WITHOUT_TEMPERATURE, NOT_MASKED),
    ),
    Wrong(
        "token_log_probs",
        "shifted_the_other_way",
        "The shift goes the other way: each token is looked up two places too far to the right. The scores at place "
        "t - 1 are about the token at place t.",
        change=(
            "log_p[:, :-1].gather(2, ids[:, 1:, None])",
            "log_p[:, 1:].gather(2, ids[:, :-1, None])",
        ),
    ),
    Wrong(
        "token_log_probs",
        "temperature_multiplied",
        "The logits are multiplied by the temperature. They are divided by it.",
        change=("(logits / temperature)", "(logits * temperature)"),
    ),
    Wrong(
        "token_log_probs",
        "temperature_afterwards",
        "The log-probabilities are divided by the temperature, after the softmax. Then they belong to no distribution "
        "at all: their exponentials do not sum to 1. Divide the logits.",
        change=("(logits / temperature).log_softmax(dim=-1)", "logits.log_softmax(dim=-1) / temperature"),
    ),
    Wrong(
        "token_log_probs",
        "probabilities",
        "These are the probabilities themselves. Their logarithms are asked for.",
        change=("return told.where(mask, 0.0)", "return told.exp().where(mask, 0.0)"),
    ),
    Right(
        "token_log_probs",
        "by_cross_entropy",
        code="""
        def token_log_probs(logits, ids, mask, *, temperature=1.0):
            B, T, V = logits.shape
            scores = logits[:, :-1].reshape(-1, V) / temperature
            losses = F.cross_entropy(scores, ids[:, 1:].reshape(-1), reduction="none").view(B, T - 1)
            first = torch.zeros(B, 1, dtype=logits.dtype)
            return torch.cat([first, -losses], dim=1) * mask
        """,
    ),
    Right(
        "token_log_probs",
        "scores_less_logsumexp",
        code="""
        def token_log_probs(logits, ids, mask, *, temperature=1.0):
            scaled = torch.roll(logits / temperature, 1, dims=1)
            chosen = torch.take_along_dim(scaled, ids.unsqueeze(-1), dim=-1)[..., 0]
            return torch.where(mask, chosen - torch.logsumexp(scaled, -1), torch.zeros_like(chosen))
        """,
    ),
    Right(
        "token_log_probs",
        "token_by_token",
        code="""
        def token_log_probs(logits, ids, mask, *, temperature=1.0):
            rows = []
            for b in range(ids.size(0)):
                row = [logits[b, 0, 0] * 0]
                for t in range(1, ids.size(1)):
                    p = torch.softmax(logits[b, t - 1] / temperature, 0)[ids[b, t]]
                    row.append(torch.log(p) if mask[b, t] else p * 0)
                rows.append(torch.stack(row))
            return torch.stack(rows)
        """,
    ),
]
