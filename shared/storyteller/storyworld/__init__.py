"""Lesson 01: StoryWorld, a seeded generator of short children's stories that knows what is true in each of them.

`generate` makes stories; `contradictions` says where a story, generated or told by a model, contradicts itself.
"""

from storyteller.storyworld.consistency.checker import Contradiction, contradictions, ends_mid_sentence
from storyteller.storyworld.generate import generate

__all__ = ["Contradiction", "contradictions", "ends_mid_sentence", "generate"]
