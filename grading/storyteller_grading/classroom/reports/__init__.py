"""Pages for students and about the class, from the records and the gradebook.

feedback      a page for each student, and an index of all
class_report  the report of the class; `statistics` has its numbers
similar       pairs that have much in common; `fingerprints` says what is the same
"""
