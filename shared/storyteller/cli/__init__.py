"""The library's commands, one file a command, each a function of the same name with its options as typer reads them.

What several commands need is in `shared/`. `storyteller_course.cli` makes the command `storyteller` of them.
"""
