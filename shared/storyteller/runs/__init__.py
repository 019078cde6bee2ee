"""Lesson 05: a whole run: from a configuration to a folder with tokenizer, token shards, checkpoints and stories."""
