"""Known answers to `GPT`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "GPT",
        "no_final_norm",
        "The final norm is missing. The residual path has grown through all blocks, and the logits with it.",
        change=("self.norm(x) @", "x @"),
    ),
    Wrong(
        "GPT",
        "no_rotation",
        "The blocks get no rotation, so the model cannot tell in which order the tokens stand.",
        change=("block(x, rotation=rotation)", "block(x)"),
    ),
    Wrong(
        "GPT",
        "one_position_late",
        "The rotations are those of the positions 1 to T. (As scores depend on distances alone, the logits do not even "
        "change; but the first T rows were asked for, and the last one of a full text is missing.)",
        change=(
            "self.cos[: ids.size(1)], self.sin[: ids.size(1)]",
            "self.cos[: ids.size(1)], self.sin[1 : ids.size(1) + 1]",
        ),
    ),
    Wrong(
        "GPT",
        "last_block_only",
        "Every block reads the embeddings, so only the last one counts. Each block reads what the one before has left.",
        change=(
            ("x = self.embedding(ids)", "x = first = self.embedding(ids)"),
            ("x = block(x, rotation=rotation)", "x = block(first, rotation=rotation)"),
        ),
    ),
    Wrong(
        "GPT",
        "shifts_again",
        "The targets are shifted once more. The caller has done so: targets[t] is the token after ids[t] already, and "
        "you train the model to predict the one after that.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            "F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())",
        ),
    ),
    Wrong(
        "GPT",
        "counts_ignored",
        "The sum is divided by the number of all targets, those of -100 included. They are no targets: the mean goes "
        "over the others alone.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            'F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / targets.numel()',
        ),
    ),
    Wrong(
        "GPT",
        "mean_of_texts",
        "The loss is averaged for each text and then over the texts, so that a target in a text with few targets "
        "weighs more. Take the mean over all targets at once.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            "torch.stack([F.cross_entropy(row, to) for row, to in zip(logits, targets)]).mean()",
        ),
    ),
    Wrong(
        "GPT",
        "sum_of_losses",
        "The loss is the sum over all targets: it grows with the batch, and with it the steps of the training. Take "
        "the mean.",
        change=("ignore_index=-100)", 'reduction="sum")'),
    ),
    Wrong(
        "GPT",
        "softmax_twice",
        "The cross-entropy gets probabilities. It takes the softmax itself, so this one comes on top, and the loss can "
        "never become small.",
        change=("F.cross_entropy(logits.flatten(0, 1)", "F.cross_entropy(logits.softmax(-1).flatten(0, 1)"),
    ),
    Wrong(
        "GPT",
        "gives_probabilities",
        "These are probabilities, after a softmax. Logits are wanted, before it.",
        change=("self.embedding.weight.T  # (B, T, V)", "self.embedding.weight.T\n        logits = logits.softmax(-1)"),
    ),
    Wrong(
        "GPT",
        "scaled_embedding",
        "The embeddings are multiplied by sqrt(D), as in the paper of 2017. This model does not do that.",
        change=("x = self.embedding(ids)", "x = self.embedding(ids) * self.embedding.weight.size(1) ** 0.5"),
    ),
    Wrong(
        "GPT",
        "untied_gradient",
        "The output matrix is detached: the embedding learns as input only. Tied weights learn from both ends.",
        change=("self.embedding.weight.T", "self.embedding.weight.detach().T"),
    ),
    Wrong(
        "GPT",
        "logits_only",
        "Without targets the logits come back alone. Give back a pair in both cases: the logits and None.",
        change=("return logits, None", "return logits"),
    ),
    Right(
        "GPT",
        "with_linear",
        code='''
class GPT(nn.Module):
    """With F.linear, and the loss picked out by hand."""

    def __init__(self, vocab_size, d_model, n_layers, n_heads, d_ff, *, max_seq_len=512):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, targets=None):
        B, T = ids.shape
        x = F.embedding(ids, self.embedding.weight)
        for layer in range(len(self.blocks)):
            x = self.blocks[layer](x, rotation=(self.cos[:T], self.sin[:T]))
        logits = F.linear(self.norm(x), self.embedding.weight)
        loss = None
        if targets is not None:
            real = targets != -100
            log_p = logits.log_softmax(-1)[real]
            loss = -log_p.gather(-1, targets[real][:, None]).mean()
        return logits, loss
''',
    ),
    Right(
        "GPT",
        "with_einsum",
        code='''
class GPT(nn.Module):
    """With einsum, and cross_entropy on (B, V, T)."""

    def __init__(self, vocab_size, d_model, n_layers, n_heads, d_ff, *, max_seq_len=512):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, targets=None):
        stream = self.embedding(ids)
        places = torch.arange(ids.shape[1])
        for block in self.blocks:
            stream = block(stream, rotation=(self.cos[places], self.sin[places]))
        logits = torch.einsum("btd,vd->btv", self.norm(stream), self.embedding.weight)
        loss = F.cross_entropy(logits.transpose(1, 2), targets) if targets is not None else None
        return logits, loss
''',
    ),
]
