"""The library's commands, one file a command. `storyteller_course.cli` makes the command `storyteller` of them."""
