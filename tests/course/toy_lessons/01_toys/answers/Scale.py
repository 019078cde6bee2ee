"""Known answers to `Scale`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong("Scale", "no_shift", "The shift is left out.", change=("x * self.factor + self.shift", "x * self.factor")),
]
