"""Grades a class's submissions and writes what the judges find into records and gradebook.

autograde             the whole of it, in an order that survives a kill at any moment
grade_task            one submission graded, as pure data in and out
process_pool          judges in processes of their own; `dask_cluster` does the same on many machines
records               the result of every grading, in one SQLite file
formgrader_notebooks  the notebooks that formgrader shows
gradebook             nbgrader's gradebook, written through its own API
manual_grades         what people graded there, read
regrade_diff          what grading again has changed
"""
