"""What the exercises of lesson 04 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "recall",
    "pack",
    "cross_entropy",
    "evaluate",
    "adamw_step",
    "decay_groups",
    "learning_rate",
    "clip_gradients",
    "accumulate",
    "train",
    "Checkpoint",
    "newton_schulz",
)
