"""Storyteller: the parts of a small Mixture-of-Experts language model that tells stories.

Import the part you need: `from storyteller.bpe import Tokenizer`. The parts are, in the order of the lessons,
`stories` and `bpe` (01), `attention` and `model` (02), `moe` (03), `data`, `trainer` and `checkpoint` (04),
`sampler` and `evaluate` (05). Importing this package alone loads none of them.
"""

__version__ = "0.1.0"
