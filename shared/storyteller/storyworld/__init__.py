"""Lesson 01: StoryWorld, a seeded generator of short children's stories that knows what is true in each of them.

`generate` makes stories; `contradictions` says where a story, generated or told by a model, contradicts itself.

- `generate`: from a seed to stories: casting, simulating, writing; the splits
- `world`: the state of one story, the effects that change it, the events
- `plot_files`, `lexicon`, `templates`: what is read from `data/`: plots and beats; words; phrasings with slots
- `realizer`: phrasings to sentences, with names, pronouns and articles
- `facts`: what is true in a story, as plain data
- `consistency`: the checker
- `stable_random`: the same choices on every platform
- `richness`: measures of the corpus: `python -m storyteller.storyworld.richness`
"""

from storyteller.storyworld.consistency.checker import Contradiction, contradictions
from storyteller.storyworld.generate import generate

__all__ = ["Contradiction", "contradictions", "generate"]
