"""Runs an exercise's cases and says which known mistake an answer makes."""
