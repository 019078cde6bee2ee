"""What the notebooks of the lessons use beside the library: one module a lesson, named like it without its number.

Texts and patterns that an exercise is given, and what fits a student's function to the library's models and trainer. No
answer to an exercise stands here: a class gets these files.
"""
