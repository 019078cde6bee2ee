"""Pages for students and about the class, from the records and the gradebook.

feedback      a page for each student, and an index of all
class_report  the report of the class; `statistics` has its numbers
give_back     the pages in bulk, as a zip for a learning management system
similar       pairs that have much in common, and who has the course's own text: `published_answers` its answers,
              `course_text` what stands elsewhere; `fingerprints` says what is the same
"""
