"""Words that go with a count."""

import re

PAIR = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")


def agreeing(count: float, text: str) -> str:
    """The text with one of each pair of words: the first for one, the second for any other count.

    >>> agreeing(1, "1 page[|s] [is|are] there"), agreeing(2, "2 page[|s] [is|are] there")
    ('1 page is there', '2 pages are there')
    """
    return PAIR.sub(lambda pair: pair[1 if count == 1 else 2], text)
