"""Lesson 05: how good a model is as a storyteller.

stories.py       perplexity and bits per byte on held-out stories; sampled stories and their contradictions;
                 what share of a run's own stories is consistent
text_metrics.py  distinct n-grams, repetition, and what the training texts have too: pairs of words, longer runs
compare.py       checkpoints and sampling settings side by side
"""
