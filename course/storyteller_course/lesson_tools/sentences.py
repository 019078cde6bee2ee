"""Stories cut into sentences, for lessons whose models are so small that whole stories are too long."""

import re


def first_sentences(text: str, count: int) -> str:
    """So many sentences of a story, in one paragraph; a speech counts as one, and is not cut off from who says it.

    >>> first_sentences('Tom ran. "Stop!" He fell.', 2)
    'Tom ran. "Stop!"'
    >>> first_sentences('Tom ran. "I will stop," he said. He fell.', 2)
    'Tom ran.'
    """
    parts = re.split(r"(?<=[.!?\"])\s+", text)[:count]
    while parts[-1].endswith(',"'):
        parts.pop()
    return " ".join(parts)
