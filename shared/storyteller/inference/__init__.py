"""Lesson 05: from logits to text: sampling, generation with a key-value cache, and a trace of each token."""
