"""A made-up class with known grades and mishaps, on which a course is tried before its students come.

synthetic_class  who is in it, and what each hands in; writes it into a course's folder, with the plan of its grades
expected_grades  what an answer must earn, found out without the judge
mishaps          what editors and attackers do to a notebook
"""
