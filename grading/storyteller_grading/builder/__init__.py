"""Builds a lesson's notebooks from its sources, executes the solution, and says what has drifted or leaks."""
