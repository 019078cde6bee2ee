"""Known answers to `ring_all_reduce`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

FIRST_SENT = "arrived = exchange(parts[(rank - step) % ranks])"
FIRST_LOOP = "for step in range(ranks - 1):\n        arrived = exchange(parts[(rank - step)"
SECOND_LOOP = "for step in range(ranks - 1):\n        arrived = exchange(parts[(rank + 1"
SECOND = """        arrived = exchange(parts[(rank + 1 - step) % ranks])
        parts[(rank - step) % ranks] = arrived"""

answers = [
    Wrong(
        "ring_all_reduce",
        "same_part_always",
        "Each exchange of the first half sends part r once more. What you have just added to is to go on, or no sum "
        "ever grows beyond two ranks.",
        change=(FIRST_SENT, "arrived = exchange(parts[rank])"),
    ),
    Wrong(
        "ring_all_reduce",
        "added_to_the_sent_part",
        "What arrives is added to the part that was sent. It is the left neighbour's part, which has the number before "
        "yours.",
        change=("place = (rank - step - 1) % ranks", "place = (rank - step) % ranks"),
    ),
    Wrong(
        "ring_all_reduce",
        "replaced_in_the_first_half",
        "In the first half what arrives takes the place of your part. It is to be added to it.",
        change=("parts[place] = parts[place] + arrived", "parts[place] = arrived"),
    ),
    Wrong(
        "ring_all_reduce",
        "added_in_the_second_half",
        "In the second half what arrives is added to what is there. It is complete, and takes the place of your part.",
        change=(
            "parts[(rank - step) % ranks] = arrived",
            "place = (rank - step) % ranks\n        parts[place] = arrived + parts[place]",
        ),
    ),
    Wrong(
        "ring_all_reduce",
        "begins_with_its_own_part",
        "The second half begins with part r. On rank r that one is not complete: the part r + 1 is.",
        change=(
            ("exchange(parts[(rank + 1 - step) % ranks])", "exchange(parts[(rank - step) % ranks])"),
            ("parts[(rank - step) % ranks] = arrived", "parts[(rank - step - 1) % ranks] = arrived"),
        ),
    ),
    Wrong(
        "ring_all_reduce",
        "first_half_only",
        "This is the first half. Each rank has one part of the sum now, and the others are still to come.",
        change=("\n    for step in range(ranks - 1):\n" + SECOND, ""),
    ),
    Wrong(
        "ring_all_reduce",
        "one_exchange_too_few",
        "Each half has one exchange too few: with P ranks it takes P - 1 until a sum has passed all of them.",
        change=tuple((one, one.replace("ranks - 1", "ranks - 2")) for one in (FIRST_LOOP, SECOND_LOOP)),
    ),
    Wrong(
        "ring_all_reduce",
        "the_whole_tensor",
        "The whole tensor goes round the ring. The sum is right, but each rank sends far more bytes than it has to.",
        code="""
        def ring_all_reduce(own, rank, ranks, exchange):
            total, passing = own.clone(), own
            for _ in range(ranks - 1):
                passing = exchange(passing)
                total = total + passing
            return total
        """,
    ),
    Wrong(
        "ring_all_reduce",
        "mean",
        "This is the mean over the ranks. Their sum is asked for.",
        change=("return torch.cat(parts).view_as(own)", "return torch.cat(parts).view_as(own) / ranks"),
    ),
    Wrong(
        "ring_all_reduce",
        "own_changed",
        "`own` is not what it was before the call. Parts cut from it are views: what is added to them in place changes "
        "it too, and whoever has called may still need it.",
        change=("parts[place] = parts[place] + arrived", "parts[place] += arrived"),
    ),
    Right(
        "ring_all_reduce",
        "the_number_goes_down",
        code="""
        def ring_all_reduce(own, rank, ranks, exchange):
            pieces = [piece.clone() for piece in torch.tensor_split(own.reshape(-1), ranks)]
            number = rank
            for _ in range(ranks - 1):
                incoming = exchange(pieces[number])
                number = (number - 1) % ranks
                pieces[number] += incoming
            for _ in range(ranks - 1):
                incoming = exchange(pieces[number])
                number = (number - 1) % ranks
                pieces[number] = incoming
            return torch.cat(pieces).reshape(own.shape)
        """,
    ),
    Right(
        "ring_all_reduce",
        "one_loop",
        code="""
        def ring_all_reduce(own, rank, ranks, exchange):
            flat = own.detach().clone().reshape(-1)
            parts = list(flat.tensor_split(ranks))
            for turn in range(2 * ranks - 2):
                mine, next_one = (rank - turn) % ranks, (rank - turn - 1) % ranks
                message = exchange(parts[mine].clone())
                if turn < ranks - 1:
                    parts[next_one].add_(message)
                else:
                    parts[next_one].copy_(message)
            return flat.view(own.size())
        """,
    ),
]
