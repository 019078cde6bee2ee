"""What the exercises of lesson 04 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "pack",
    "cross_entropy",
    "evaluate",
    "decay_groups",
    "adamw_step",
    "learning_rate",
    "clip_gradients",
    "accumulate",
    "train",
    "Checkpoint",
    "update_scale",
)
