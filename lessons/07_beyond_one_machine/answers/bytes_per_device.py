"""Known answers to `bytes_per_device`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "bytes_per_device",
        "rounded_down",
        "The remainder is lost: where the parameters cannot be shared out evenly, the fullest device has one more.",
        change=("part = -(-parameters // ranks)", "part = parameters // ranks"),
    ),
    Wrong(
        "bytes_per_device",
        "weights_first",
        "The order is the wrong way round: here stage 1 cuts the weights, and the averages come last.",
        change=('{"weights": 3, "gradients": 2, "optimizer": 1}', '{"weights": 1, "gradients": 2, "optimizer": 3}'),
    ),
    Wrong(
        "bytes_per_device",
        "one_thing_a_stage",
        "Each stage cuts one kind alone. A higher one keeps what the lower ones have cut.",
        change=("stage >= first", "stage == first"),
    ),
    Wrong(
        "bytes_per_device",
        "all_from_stage_one",
        "From stage 1 on everything is cut here. That is stage 3.",
        change=("part if stage >= first else", "part if stage >= 1 else"),
    ),
    Wrong(
        "bytes_per_device",
        "four_bytes_each",
        "Every kind has 4 bytes for a parameter here. AdamW keeps two averages, and `each` may say other sizes too.",
        change=("{name: n * size for", "{name: n * 4 for"),
    ),
    Right(
        "bytes_per_device",
        "by_cases",
        code="""
        def bytes_per_device(parameters, ranks, *, stage, each=(4, 4, 8)):
            largest = (parameters + ranks - 1) // ranks
            weights = gradients = optimizer = parameters
            if stage > 0:
                optimizer = largest
            if stage > 1:
                gradients = largest
            if stage > 2:
                weights = largest
            return {
                "optimizer": optimizer * each[2],
                "gradients": gradients * each[1],
                "weights": weights * each[0],
            }
        """,
    ),
    Right(
        "bytes_per_device",
        "by_ceil",
        code="""
        def bytes_per_device(parameters, ranks, *, stage, each=(4, 4, 8)):
            shares = [ranks if stage >= 3 else 1, ranks if stage >= 2 else 1, ranks if stage >= 1 else 1]
            sizes = [math.ceil(parameters / share) * size for share, size in zip(shares, each)]
            return dict(zip(("weights", "gradients", "optimizer"), sizes))
        """,
    ),
]
