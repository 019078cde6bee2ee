"""Lesson 03: the Mixture-of-Experts layer.

router       which experts a token is routed to, and how much each counts; softmax or sigmoid, with a bias or without
dispatch     tokens to their experts and back: the plain loop, the sorted form, and what is faster where
layer        router, experts and dispatch in one layer; `build_model` makes a decoder of such layers
losses       the load-balancing loss and the router's z-loss
statistics   load, entropy, utilization of a router
cost_model   parameters, FLOPs, memory and hours of a model, by formula
"""
