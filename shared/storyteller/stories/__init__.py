"""Corpora of stories: StoryWorld, which is generated here, and real ones."""

from storyteller.stories.check import Contradiction, contradictions, ends_mid_sentence
from storyteller.stories.corpora import load_stories
from storyteller.stories.generate import generate
from storyteller.stories.story import Story

__all__ = ["Contradiction", "Story", "contradictions", "ends_mid_sentence", "generate", "load_stories"]
