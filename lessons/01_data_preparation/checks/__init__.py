"""What the exercises of lesson 01 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "clean_story",
    "split_corpus",
    "percentile",
    "count_pairs",
    "merge_pair",
    "train_bpe",
    "encode_word",
    "encode",
    "decode",
    "pretokenize",
    "train_bpe_fast",
)
