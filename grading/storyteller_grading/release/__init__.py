"""What a class gets of a lesson: notebook, checks, records of known mistakes, the library as a wheel.

handout  the whole of it: a zip, and nbgrader's release
bundle   the files beside the notebook, what known wrong answers give among them, and whether any tells too much
wheel    the library as it runs here
gradescope   the zip with which Gradescope grades a lesson; the instructor's, no student's
"""
