"""Grades a class's submissions and writes what the judges find into records and gradebook.

autograde             the whole of it, in an order that survives a kill at any moment
grade_task            one submission graded, as pure data in and out
parallel_judges       judges in processes of their own, on this machine or on a Dask cluster
records               the result of every grading, in one SQLite file; what grading again has changed
formgrader_notebooks  the notebooks that formgrader shows
gradebook             nbgrader's gradebook, written through its own API, and what people graded there, read
"""
