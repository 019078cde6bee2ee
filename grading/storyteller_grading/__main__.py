"""`python -m storyteller_grading`, the same as `storyteller-grade`."""

from storyteller_grading.cli import main

if __name__ == "__main__":
    main()
