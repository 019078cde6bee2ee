"""Known answers to `parameters_and_flops`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "parameters_and_flops",
        "embedding_twice",
        "The embedding is counted twice. It is tied: input and output share one matrix.",
        change=("parameters = vocab_size * d_model", "parameters = 2 * vocab_size * d_model"),
    ),
    Wrong(
        "parameters_and_flops",
        "two_matrices_of_swiglu",
        "The feed-forward part is counted with two matrices. SwiGLU has three: gate, up and down.",
        change=("3 * d_model * d_ff", "2 * d_model * d_ff"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_norms",
        "The norms are missing: a weight for each feature, two norms in a block and one at the end.",
        change=("(matrices + 2 * d_model) + d_model", "matrices"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_attention",
        "The products between tokens are missing: scores, and averages of the values. They grow with the square of T.",
        change=("seq_len * per_token + between_tokens", "seq_len * per_token"),
    ),
    Wrong(
        "parameters_and_flops",
        "scores_only",
        "Of the products between tokens only half is counted: the scores cost as much as averaging the values, and "
        "attention is counted whole, as if no score were masked.",
        change=("n_layers * 2 * (2 * seq_len", "n_layers * (2 * seq_len"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_logits",
        "The product with the tied embedding, which gives the logits, is missing. Looking up is free, this is not.",
        change=("(n_layers * matrices + vocab_size * d_model)", "n_layers * matrices"),
    ),
    Wrong(
        "parameters_and_flops",
        "multiplications_only",
        "Only the multiplications are counted. By custom a multiplication and its addition are two FLOPs.",
        change=(
            ("per_token = 2 * (n_layers", "per_token = (n_layers"),
            ("n_layers * 2 * (2 * seq_len", "n_layers * (2 * seq_len"),
        ),
    ),
    Wrong(
        "parameters_and_flops",
        "a_width_for_every_head",
        "The products between tokens are counted with the full width D in each head. A head has K = D/H; all heads "
        "together cost as much as one of width D.",
        change=("n_layers * 2 * (2 * seq_len", "n_layers * n_heads * 2 * (2 * seq_len"),
    ),
    Wrong(
        "parameters_and_flops",
        "one_norm_in_a_block",
        "Each block has two norms. One is counted.",
        change=("matrices + 2 * d_model)", "matrices + d_model)"),
    ),
    Wrong(
        "parameters_and_flops",
        "no_final_norm",
        "The norm after the blocks is missing among the parameters.",
        change=("+ 2 * d_model) + d_model", "+ 2 * d_model)"),
    ),
    Wrong(
        "parameters_and_flops",
        "training",
        "Six operations for each weight are those of a training step. A forward pass has two: a product and a sum.",
        change=("per_token = 2 * (", "per_token = 6 * ("),
    ),
    Wrong(
        "parameters_and_flops",
        "one_token",
        "The products with the weights are counted for one token. They are made for all seq_len of them.",
        change=("seq_len * per_token", "per_token"),
    ),
    Right(
        "parameters_and_flops",
        "matrix_by_matrix",
        code="""
def parameters_and_flops(*, vocab_size, d_model, n_layers, n_heads, d_ff, seq_len):
    block = [(d_model, d_model)] * 4 + [(d_ff, d_model), (d_ff, d_model), (d_model, d_ff)]
    shapes = block * n_layers + [(vocab_size, d_model)]
    entries = sum(rows * columns for rows, columns in shapes)
    norms = (2 * n_layers + 1) * d_model
    width = d_model // n_heads
    flops = 0
    for rows, columns in shapes:
        flops += 2 * seq_len * rows * columns
    for _ in range(n_layers):
        for _ in range(n_heads):
            flops += 2 * seq_len * width * seq_len + 2 * seq_len * seq_len * width
    return entries + norms, flops
""",
    ),
    Right(
        "parameters_and_flops",
        "in_one_formula",
        code="""
def parameters_and_flops(*, vocab_size, d_model, n_layers, n_heads, d_ff, seq_len):
    V, D, L, F, T = vocab_size, d_model, n_layers, d_ff, seq_len
    return D * (V + L * (4 * D + 3 * F + 2) + 1), 2 * T * D * (V + L * (4 * D + 3 * F + 2 * T))
""",
    ),
    Right(
        "parameters_and_flops",
        "counted_on_the_model",
        code="""
def parameters_and_flops(*, vocab_size, d_model, n_layers, n_heads, d_ff, seq_len):
    model = GPT(vocab_size, d_model, n_layers, n_heads, d_ff)
    n_params = sum(p.numel() for p in model.parameters())
    matrices = sum(p.numel() for p in model.parameters() if p.dim() >= 2)
    head_dim = d_model // n_heads
    return n_params, 2 * matrices * seq_len + 4 * n_layers * n_heads * head_dim * seq_len**2
""",
    ),
]
