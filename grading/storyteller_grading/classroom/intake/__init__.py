"""Collects submissions from folders, zips and an exchange, and finds out whose each one is.

collect           the whole of it
sources           the files of a folder or a zip; nothing is written, no link is followed
exchange          nbgrader's exchange, of each student the latest hand-in
identify_student  whose a file is, by its name and the roster; the names' forms are in `lms`
place             moves all of it into `submitted`, or nothing
"""
