"""What a class gets of a lesson: notebook, checks, records of known mistakes, the library as a wheel.

handout          the whole of it: a zip, and nbgrader's release
bundle           the files beside the notebook, and whether any of them tells too much
record_mistakes  what known wrong answers give, without the answers
wheel            the library as it runs here
"""
