"""Grades in the form that a learning management system imports."""
