"""What a class gets of a lesson: notebook, checks, records of known mistakes, the library as a wheel."""
