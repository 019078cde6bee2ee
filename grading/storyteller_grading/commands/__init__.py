"""The commands of `storyteller-grade`, one file a command; `storyteller_grading.cli` registers them.

    arguments            the arguments that several commands have
    console              what several commands print
    grading_progress     `autograde` and `regrade` behind a bar

A command imports what it needs inside its body, so that `storyteller-grade --help` answers at once.
"""
