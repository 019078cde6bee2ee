"""The commands of `storyteller-grade`, one file a stage of the work; `storyteller_grading.cli` registers them.

    author       without a class: `new`, `build`, and `judge` for a single notebook
    course       up to the grading: `init`, `release`, `rehearse`, `collect`
    autograde    the grading: `autograde`, `regrade`
    results      after it: `feedback`, `report`, `similar`, `export`
    conventions  the arguments that several commands have, and how they print names

A command imports what it needs inside its body, so that `storyteller-grade --help` answers at once.
"""
