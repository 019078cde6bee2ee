"""What the exercises of lesson 02 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "recall",
    "softmax",
    "attend",
    "causal_mask",
    "attend_in_heads",
    "apply_rope",
    "MultiHeadAttention",
    "RMSNorm",
    "Block",
    "GPT",
    "GroupedQueryAttention",
    "sinusoidal_positions",
    "parameters_and_flops",
)
