"""Builds a lesson's notebooks from its sources, executes the solution, and says what has drifted or leaks.

build             the whole of it: sources to a draft, the draft executed, both notebooks written; what has drifted
lesson_markdown   lesson.md as pieces, each with its line
solution_regions  an answer's source, and what of it students write
cells             the cells that the builder makes
predictions       cells in which a student predicts an outcome
numbers_in_text   numbers of the prose that come from the run
teaching_gates    what a lesson may not give away, and how long and wide its cells may be
execute           runs a notebook in a student's copy of the lesson, and measures it
nbgrader_release  the student notebook, as nbgrader makes it, with TODOs in the place of answers
leaks             lines of answers that stand where students read
lesson_folders    where the lessons are; a new one, from `template`
"""
