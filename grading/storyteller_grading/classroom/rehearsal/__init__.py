"""A made-up class with known grades and mishaps, on which a course is tried before its students come.

rehearsal        writes the class into a course's folder, and the plan of its grades
synthetic_class  who is in it, and what each hands in
expected_grades  what an answer must earn, found out without the judge
mishaps          what editors and attackers do to a notebook
"""
