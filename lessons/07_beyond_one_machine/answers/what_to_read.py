"""Known answers to `what_to_read`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

ORDER = ('random.Random(f"order {seed} {epoch}")', 'random.Random(f"order {seed + rank} {epoch}")')
NOISE = ('random.Random(f"noise {seed} {step} {rank}")', 'random.Random(f"noise {seed} {step}")')

answers = [
    Given("what_to_read", change=(ORDER, NOISE)),
    Wrong(
        "what_to_read",
        "own_order",
        "Each rank still has an order of its own, so their parts overlap: some rows of an epoch are read by two ranks, "
        "and others by none.",
        change=ORDER,
    ),
    Wrong(
        "what_to_read",
        "same_noise",
        "The rows are shared out as they should be. All ranks still have the same noise: each drops the very features "
        "that the others drop.",
        change=NOISE,
    ),
    Wrong(
        "what_to_read",
        "all_read_the_same",
        "All ranks read all rows of the step. Then P ranks do what one would, P times.",
        change=("own = rows[rank::ranks]", "own = rows"),
    ),
    Wrong(
        "what_to_read",
        "first_part_for_all",
        "All ranks read the first part of the step's rows.",
        change=("own = rows[rank::ranks]", "own = rows[0::ranks]"),
    ),
    Wrong(
        "what_to_read",
        "noise_of_the_rank",
        "The noise of a rank is the same in every step: what is dropped once is dropped for ever.",
        change=('f"noise {seed} {step} {rank}"', 'f"noise {seed} {rank}"'),
    ),
    Wrong(
        "what_to_read",
        "one_order_for_all_epochs",
        "The order is the same in every epoch.",
        change=('f"order {seed} {epoch}"', 'f"order {seed}"'),
    ),
    Wrong(
        "what_to_read",
        "noise_by_sum",
        "The seed of the noise is a sum of step and rank: rank 1 in one step has the noise of rank 0 in the next.",
        change=('random.Random(f"noise {seed} {step} {rank}")', 'random.Random(f"noise {seed} {step + rank}")'),
    ),
    Right(
        "what_to_read",
        "neighbouring_rows",
        code="""
        def what_to_read(step, rank, ranks, *, n_rows, rows_per_step, seed):
            per_epoch = n_rows // rows_per_step
            epoch = step // per_epoch
            generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
            order = torch.randperm(n_rows, generator=generator).tolist()
            each = rows_per_step // ranks
            start = (step % per_epoch) * rows_per_step + rank * each
            return order[start : start + each], (seed * 1_000_003 + step) * 4096 + rank
        """,
    ),
    Right(
        "what_to_read",
        "row_by_row",
        code="""
        def what_to_read(step, rank, ranks, *, n_rows, rows_per_step, seed):
            steps = n_rows // rows_per_step
            dice = random.Random(seed)
            for _ in range(1 + step // steps):
                order = dice.sample(range(n_rows), n_rows)
            mine = []
            for place in range(rows_per_step):
                if place % ranks == rank:
                    mine.append(order[(step % steps) * rows_per_step + place])
            noise = random.Random(str((seed, "noise", rank, step))).randrange(2**31)
            return mine, noise
        """,
    ),
]
