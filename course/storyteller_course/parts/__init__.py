"""The course's own form of what each lesson's exercises ask for, with the student's signatures.

One module a lesson, named like the lesson without its number. A check that builds on an exercise which is not solved
yet runs with the function of that name from here. Where the plain form would be the same code, the lesson's
`reference.py` re-exports it from here.
"""
