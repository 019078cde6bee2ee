"""What the exercises of lesson 07 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "recall",
    "bytes_per_device",
    "ring_seconds",
    "ring_all_reduce",
    "combine_gradients",
    "what_to_read",
    "read_all",
    "zero_step",
    "split_swiglu",
    "expert_parallel",
    "bubble_fraction",
    "reshard",
    "plan_run",
)
