"""Lesson 05: how good a model's stories are: perplexity and consistency, diversity, and models compared."""
