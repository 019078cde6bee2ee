"""Lesson 04: batches, losses, AdamW, the training loop, and checkpoints that resume exactly."""
