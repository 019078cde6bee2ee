"""Hints that two exercises share."""

HINTS = ("Read the docstring.", "Think of `2 * x`.", "The answer has one line.")
