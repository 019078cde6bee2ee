"""A made-up class with known grades and mishaps, on which a course is tried before its students come."""
