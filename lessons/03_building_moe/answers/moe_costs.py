"""Known answers to `moe_costs`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
        "All experts are counted as active. A token is routed to k of the E.",
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
    Wrong(
        "moe_costs",
        "no_norms",
        "The norms of the blocks are missing among the parameters.",
        change=("norms = 2 * d_model", "norms = 0"),
    ),
    Wrong(
        "moe_costs",
        "scores_only",
        "Attention costs 4 * D * S: 2 for the scores, and as much for the average of the values. Half of it is "
        "missing.",
        change=("n_layers * 4 * d_model * context", "n_layers * 2 * d_model * context"),
    ),
    Wrong(
        "moe_costs",
        "no_scores",
        "The FLOPs leave out what does not come from weights: the scores with S keys, and the average of S values.",
        change=(" + n_layers * 4 * d_model * context", ""),
    ),
    Wrong(
        "moe_costs",
        "twice_the_active",
        "Twice the active parameters. Norms are no matrices, and the tokens looked at cost as well: 4 * D * S in each"
        " block.",
        change=("2 * matrices + n_layers * 4 * d_model * context", "2 * active + n_layers * 4 * d_model * context"),
    ),
    Right(
        "moe_costs",
        "part_by_part",
        code="""
        def moe_costs(*, vocab_size, d_model, n_layers, n_heads, d_ff, n_experts, top_k, context):
            total = active = vocab_size * d_model + d_model
            flops = 2 * vocab_size * d_model
            for _ in range(n_layers):
                for size, copies, used, is_matrix in (
                    (d_model * d_model, 4, 4, True), (d_model * n_experts, 1, 1, True), (d_model, 2, 2, False),
                    (d_model * d_ff, 3 * n_experts, 3 * top_k, True),
                ):
                    total += copies * size
                    active += used * size
                    flops += 2 * used * size * is_matrix
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
    Right(
        "moe_costs",
        "as_a_table",
        code="""
        def moe_costs(*, vocab_size, d_model, n_layers, n_heads, d_ff, n_experts, top_k, context):
            head_dim = d_model / n_heads
            block = {
                "attn": 4 * d_model * int(head_dim * n_heads),
                "gate": n_experts * d_model,
                "expert": d_model * d_ff + d_model * d_ff + d_ff * d_model,
            }
            dense = vocab_size * d_model + n_layers * (block["attn"] + block["gate"])
            norms = (2 * n_layers + 1) * d_model
            total = dense + norms + n_layers * n_experts * block["expert"]
            active = dense + norms + n_layers * top_k * block["expert"]
            flops_per_token = 2.0 * (active - norms) + 4 * n_layers * context * d_model
            return total, active, int(flops_per_token)
        """,
    ),
]
