"""What the exercises of lesson 03 must do, case by case."""

EXERCISES = (  # in the lesson's order; each has a file of its name here
    "recall",
    "route_top_k",
    "dispatch_naive",
    "combine",
    "dispatch_sorted",
    "MoELayer",
    "moe_costs",
    "load_balancing_loss",
    "balance_of_layers",
    "router_statistics",
    "within_capacity",
    "route_with_bias",
    "update_bias",
    "router_z_loss",
)
