"""Collects submissions from folders, zips and an exchange, and finds out whose each one is.

collect           the whole of it
sources           the files of a folder, a zip or nbgrader's exchange; nothing is written, no link is followed
identify_student  whose a file is, by its name and the roster; the names' forms are in `lms`
place             moves all of it into `submitted`, or nothing
"""
