"""Grades a whole class, and keeps points by hand and by the judge in nbgrader's gradebook."""
