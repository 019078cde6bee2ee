"""`python -m storyteller_course` is the command `storyteller`."""

from storyteller_course.cli import main

if __name__ == "__main__":
    main()
