"""Builds a lesson's notebooks from its sources, executes the solution, and says what has drifted or leaks.

build             the whole of it: sources to a draft, the draft executed, both notebooks written
lesson_markdown   lesson.md as pieces, each with its line
solution_regions  an answer's source, and what of it students write
cells             the cells that the builder makes
execute           runs a notebook in a student's copy of the lesson, and measures it
nbgrader_release  the student notebook, as nbgrader makes it; `clear_solutions` turns answers into TODOs
leaks             lines of answers that stand where students read
drift             what of a committed notebook is no longer what its sources make
scaffold          a new lesson, from `template`
"""
