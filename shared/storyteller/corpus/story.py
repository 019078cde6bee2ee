"""One story, wherever it comes from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Story:
    """A story and what is known about it.

    Paragraphs of `text` are separated by a blank line. Stories from real corpora may lack the rest.
    """

    text: str  # the story itself
    prompt: str = ""  # one or two sentences that ask for such a story
    genre: str = ""  # such as "fairy tale"
    facts: dict[str, Any] | None = None  # what is true in the story, as plain JSON data (see `storyworld.facts`)
