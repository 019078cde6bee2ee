"""Stories cut into sentences, for lessons whose models are so small that whole stories are too long."""

import re


def sentences(text: str) -> list[str]:
    """The sentences of a story: a new one begins behind a full stop, a question or exclamation mark, or a quotation.

    >>> sentences("Tom ran. He fell!")
    ['Tom ran.', 'He fell!']
    """
    return re.split(r"(?<=[.!?\"])\s+", text)
