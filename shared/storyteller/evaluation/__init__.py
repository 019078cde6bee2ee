"""Lesson 05: how good a model is as a storyteller.

stories.py       perplexity and bits per byte on held-out stories; sampled stories and their contradictions;
                 what share of a run's own stories is consistent
text_metrics.py  distinct n-grams, repetition, and what is copied from the training texts
compare.py       checkpoints and sampling settings side by side
"""
