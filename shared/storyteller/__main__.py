"""`python -m storyteller` is the command `storyteller`, which the course puts together from the library's commands."""

from importlib import import_module

if __name__ == "__main__":
    import_module("storyteller_course.start").storyteller()  # by name: the library imports nothing of the course
