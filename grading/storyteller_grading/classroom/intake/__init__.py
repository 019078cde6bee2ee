"""Collects submissions from folders, zips and an exchange, and finds out whose each one is."""
