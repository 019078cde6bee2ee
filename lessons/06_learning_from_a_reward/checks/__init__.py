"""What the exercises of lesson 06 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "recall",
    "keep_best",
    "pass_at_k",
    "token_log_probs",
    "policy_gradient",
    "leave_one_out",
    "group_advantages",
    "clipped_loss",
    "kl_k3",
    "reinforce",
    "mended_reward",
    "dpo_loss",
    "expected_best",
)
