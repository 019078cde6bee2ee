"""The class: a course's folder, its submissions graded side by side, its gradebook and its pages.

    course      the folder, as nbgrader lays it out
    outcome     one submission graded, as pure data in and out
    records     what came of every grading, in one SQLite file
    pool        judges in processes of their own; `cluster` does the same on Dask
    autograde   a lesson of a class, from what was handed in to the gradebook
    gradebook   nbgrader's gradebook, written through its own API
    rebuild     the notebooks that formgrader shows

Only outcomes cross from a judge to the class; what came from a student is data all the way.
"""
