"""Lesson 04: from packed tokens to trained weights.

batches.py          documents packed, cut into sequences, shuffled; the place in them can be saved
token_shards/       packed tokens on disk, in files that are written once
losses.py           cross-entropy, and the figures of an evaluation
optim.py            decay groups, AdamW, cosine schedule, clipping
mixed_precision.py  products in 16 bits where that is faster
trainer.py          the training loop
passes.py           the passes of a step: what several batches add to its gradients and losses
components.py       the functions that a trainer works with, each of which can be another
events.py           what a trainer tells while it runs
checkpoint.py       the training state in files: whole or not there, checked when read
out_of_memory.py    memory that ran out, in one sentence that says what to do
rng_state.py        the global random generators: seeded, saved, put back
"""
