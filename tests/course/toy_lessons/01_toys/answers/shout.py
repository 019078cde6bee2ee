"""Known answers to `shout`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong("shout", "whispers", "The text is not in capitals.", change=("text.upper()", "text")),
]
