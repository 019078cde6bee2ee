"""Known answers to `quadruple`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong("quadruple", "once", "You double only once.", change=("double(double(x))", "double(x)")),
]
