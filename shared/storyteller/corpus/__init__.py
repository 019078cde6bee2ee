"""Lesson 01: corpora of stories, from local files and from the hub, read, cleaned and deduplicated."""

from storyteller.corpus.load import load_stories
from storyteller.corpus.story import Story

__all__ = ["Story", "load_stories"]
