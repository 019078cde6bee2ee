"""Lesson 02: attention with rotary positions and grouped queries, its cache, and the decoder around it."""
