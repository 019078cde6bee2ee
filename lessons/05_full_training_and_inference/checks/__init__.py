"""What the exercises of lesson 05 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "recall",
    "apply_temperature",
    "keep_top_k",
    "keep_top_p",
    "penalize_repetition",
    "choose",
    "generate",
    "attend_cached",
    "story_figures",
    "wrong_marks",
    "best_size",
    "try_lever",
    "keep_min_p",
)
