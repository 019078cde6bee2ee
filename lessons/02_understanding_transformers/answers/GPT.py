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
        "The blocks get no `rope`, so the model cannot tell in which order the tokens stand.",
        change=("block(x, rope=rope)", "block(x)"),
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
            ("x = block(x, rope=rope)", "x = block(first, rope=rope)"),
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
    Wrong(
        "GPT",
        "keeps_the_batch_mean",
        "The loss is averaged over the targets of each position and then over the positions. Take the mean over "
        "all targets at once.",
        change=(
            "F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)",
            "torch.stack([F.cross_entropy(one, to) for one, to in zip(logits.unbind(1), targets.unbind(1)) "
            "if (to >= 0).any()]).mean()",
        ),
    ),
    Wrong(
        "GPT",
        "first_block_again",
        "Every round of the loop uses the first block. Each layer has its own.",
        change=("x = block(x, rope=rope)", "x = self.blocks[0](x, rope=rope)"),
    ),
    Wrong(
        "GPT",
        "cos_and_sin_swapped",
        "cos and sin have changed places in `rope`.",
        change=("self.cos[: ids.size(1)], self.sin[: ids.size(1)]", "self.sin[: ids.size(1)], self.cos[: ids.size(1)]"),
    ),
    Wrong(
        "GPT",
        "last_position_only",
        "Only the logits of the last position come back. The model predicts after every token.",
        change=("            return logits, None\n", "            return logits[:, -1:], None\n"),
    ),
    Wrong(
        "GPT",
        "normed_before_the_blocks",
        "The embeddings go through the final norm before the blocks as well. It stands once, after them.",
        change=("x = self.embedding(ids)", "x = self.norm(self.embedding(ids))"),
    ),
    Wrong(
        "GPT",
        "minus_too_many",
        "The loss has the wrong sign: -log p is positive, and `F.cross_entropy` has the minus in it.",
        change=("return logits, F.cross_entropy(", "return logits, -F.cross_entropy("),
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
            x = self.blocks[layer](x, rope=(self.cos[:T], self.sin[:T]))
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
            stream = block(stream, rope=(self.cos[places], self.sin[places]))
        logits = torch.einsum("btd,vd->btv", self.norm(stream), self.embedding.weight)
        loss = F.cross_entropy(logits.transpose(1, 2), targets) if targets is not None else None
        return logits, loss
''',
    ),
    Right(
        "GPT",
        "as_in_nanogpt",
        code='''
class GPT(nn.Module):
    """With the sizes by name."""

    def __init__(self, vocab_size, d_model, n_layers, n_heads, d_ff, *, max_seq_len=512):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList([Block(d_model, n_heads, d_ff) for _ in range(n_layers)])
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, targets=None):
        b, t = ids.size()
        assert t <= self.cos.size(0), f"the text has {t} tokens, the model reads {self.cos.size(0)}"
        x = self.embedding(ids)
        rope = (self.cos[:t], self.sin[:t])
        for block in self.blocks:
            x = block(x, rope=rope)
        x = self.norm(x)
        logits = x @ self.embedding.weight.t()
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), ignore_index=-100)
        else:
            loss = None
        return logits, loss
''',
    ),
    Right(
        "GPT",
        "loss_by_a_loop",
        code='''
class GPT(nn.Module):
    """The loss in float32, target by target."""

    def __init__(self, vocab_size, d_model, n_layers, n_heads, d_ff, *, max_seq_len=512):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm = RMSNorm(d_model)
        cos, sin = rope_table(d_model // n_heads, max_seq_len, 10_000.0)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids, targets=None):
        hidden = F.one_hot(ids, self.embedding.num_embeddings).float() @ self.embedding.weight
        for block in self.blocks:
            hidden = block(hidden, rope=(self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]))
        logits = self.norm(hidden).matmul(self.embedding.weight.mT).float()
        if targets is None:
            return logits, None
        total, count = torch.zeros(()), 0
        for row, target in zip(logits.flatten(0, 1), targets.flatten().tolist()):
            if target != -100:
                total = total + torch.logsumexp(row, dim=0) - row[target]
                count += 1
        return logits, total / count
''',
    ),
]
