"""Calls a student's code through values alone, in this process or in a worker's."""
