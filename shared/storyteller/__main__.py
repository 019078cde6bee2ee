"""`python -m storyteller` is the command `storyteller`."""

from storyteller.cli import main

if __name__ == "__main__":
    main()
