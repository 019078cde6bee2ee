"""Storyteller: the parts of a small Mixture-of-Experts language model that tells stories.

Import the part you need: `from storyteller.tokenizer import Tokenizer`. The packages are, in the order of the lessons,
`corpus`, `storyworld` and `tokenizer` (01), `transformer` (02), `moe` (03), `training` (04), `inference`, `evaluation`,
`runs`, `export`, `tracking` and `serve` (05). Beside the order stand `figures`, `cli` and `utils`. Importing this
package alone loads none of them.
"""

__version__ = "0.1.0"
