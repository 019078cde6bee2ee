"""Lesson 03: the Mixture-of-Experts layer: router, dispatch to the experts, balancing losses, statistics, costs."""
