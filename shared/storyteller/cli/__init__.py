"""The library's commands, one file a command, each a function of the same name with its options as typer reads them.

`storyteller_course.cli` makes the command `storyteller` of them. Two files are no commands:

typer_extensions.py  Ctrl-C in one sentence, options with several values, of time, and for every setting of sampling
progress_bar.py      how training looks while it runs
"""
