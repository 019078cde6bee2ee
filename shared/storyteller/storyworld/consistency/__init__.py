"""Reads a story and finds what in it contradicts what was said before: a pronoun, a colour, an owner, an ending."""
