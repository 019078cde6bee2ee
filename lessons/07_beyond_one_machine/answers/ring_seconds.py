"""Known answers to `ring_seconds`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

SENT = "(latency + n_bytes / ranks / bandwidth)"

answers = [
    Wrong(
        "ring_seconds",
        "one_half",
        "This is one half of the ring. After it each rank has one part of the sum, and the parts have to go round once "
        "more.",
        change=("steps = 2 * (ranks - 1)", "steps = ranks - 1"),
    ),
    Wrong(
        "ring_seconds",
        "whole_vector",
        "The whole vector is sent in each step. A rank sends one of P parts of it.",
        change=(SENT, "(latency + n_bytes / bandwidth)"),
    ),
    Wrong(
        "ring_seconds",
        "one_step_too_many",
        "Each half has one step too many: a part that has passed P - 1 neighbours has been everywhere.",
        change=("2 * (ranks - 1)", "2 * ranks"),
    ),
    Wrong(
        "ring_seconds",
        "latency_once",
        "The latency is paid once here. Each of the messages has it, for each waits for the one before it.",
        change=("steps * (latency + n_bytes / ranks / bandwidth)", "latency + steps * n_bytes / ranks / bandwidth"),
    ),
    Wrong(
        "ring_seconds",
        "latency_divided",
        "The latency is divided by the number of ranks. Only the bytes are: a short message starts no sooner.",
        change=(SENT, "(latency + n_bytes / bandwidth) / ranks"),
    ),
    Right(
        "ring_seconds",
        "expanded",
        code="""
        def ring_seconds(n_bytes, ranks, *, latency, bandwidth):
            rounds = ranks - 1
            alpha = 2 * rounds * latency
            beta = 2 * rounds / ranks * (n_bytes / bandwidth)
            return alpha + beta
        """,
    ),
    Right(
        "ring_seconds",
        "round_by_round",
        code="""
        def ring_seconds(n_bytes, ranks, *, latency, bandwidth):
            part = n_bytes / ranks
            return sum(latency + part / bandwidth for half in range(2) for _ in range(ranks - 1))
        """,
    ),
]
