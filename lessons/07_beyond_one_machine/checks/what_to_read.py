"""What `what_to_read` must do, case by case."""

from storyteller_course import Exercise, equal, true

what_to_read = Exercise(
    "what_to_read",
    points=9,
    stars=2,
    bug_hunt=True,
    hints=(
        "Print for two ranks what they read in the steps of one epoch. Which rows are there twice, which not at all?",
        "Each random number belongs to somebody: to the run, to an epoch, to a step, to a rank. Whose is the order of "
        "the rows? Whose is the noise in a layer?",
        "The order must be the same on all ranks, so nothing of the rank may be in its seed. The noise must differ: "
        "two ranks that drop the same features see less than one of twice the size would.",
    ),
    in_library="storyteller.distributed.data_parallel.ParallelProcesses.draw",
)


def runs(draw):
    """Sizes of a corpus, a step, and the ranks."""
    for ranks in (2, 3):
        rows_per_step = ranks * draw.randint(2, 3)
        steps = draw.randint(2, 4)  # of an epoch
        n_rows = rows_per_step * steps + draw.randint(1, rows_per_step - 1)
        yield ranks, steps, {"n_rows": n_rows, "rows_per_step": rows_per_step, "seed": draw.randint(1, 99)}


def rows_of(student, step, ranks, sizes):
    """The rows that each rank reads in a step."""
    return [told(student, step, rank, ranks, sizes)[0] for rank in range(ranks)]


def told(student, step, rank, ranks, sizes):
    """What one rank is told, if it has the right form."""
    one = student.what_to_read(step, rank, ranks, **sizes)
    right = isinstance(one, list | tuple) and len(one) == 2 and isinstance(one[0], list) and isinstance(one[1], int)
    true(right, "Give back two things: a list of row numbers, and a whole number as the seed of the noise.", got=one)
    return one


@what_to_read.case("reads no row twice in an epoch, whichever rank it is", points=4)
def once(student, draw):
    for ranks, steps, sizes in runs(draw):
        for epoch in (0, draw.randint(1, 4)):
            read = []
            for step in range(epoch * steps, (epoch + 1) * steps):
                for rows in rows_of(student, step, ranks, sizes):
                    equal(len(rows), sizes["rows_per_step"] // ranks, "the number of rows of a rank in a step")
                    read += rows
            true(
                len(set(read)) == len(read),
                f"In epoch {epoch}, {ranks} ranks read {len(read)} rows, and only {len(set(read))} different ones.",
            )
            true(all(row in range(sizes["n_rows"]) for row in read), "There is no row of such a number.")


@what_to_read.case("reads the same rows in the same step, whatever the number of ranks", points=2)
def same_run(student, draw):
    for seed in (draw.randint(1, 50), draw.randint(51, 99)):
        sizes = {"n_rows": draw.randint(40, 60), "rows_per_step": 12, "seed": seed}
        for step in (0, draw.randint(4, 11)):
            alone = sorted(rows_of(student, step, 1, sizes)[0])
            true(
                len(set(alone)) == 12, f"One rank alone reads {len(set(alone))} different rows in step {step}, not 12."
            )
            for ranks in (2, 3, 4):
                together = sorted(row for rows in rows_of(student, step, ranks, sizes) for row in rows)
                true(
                    together == alone,
                    f"In step {step}, {ranks} ranks together read other rows than one rank does with the same seed.",
                )


@what_to_read.case("gives each rank noise of its own, and another in each step", points=3)
def own_noise(student, draw):
    for ranks, steps, sizes in runs(draw):
        seeds = []
        for step in (0, 1, steps):
            for rank in range(ranks):
                seeds.append(told(student, step, rank, ranks, sizes)[1])
        true(
            len(set(seeds)) == len(seeds),
            f"In three steps {ranks} ranks should have {len(seeds)} different seeds for their noise; there are "
            f"{len(set(seeds))}.",
        )


@what_to_read.case("still has another order in each epoch and with each seed, and the same when asked again", points=0)
def orders(student, draw):
    sizes = {"n_rows": 48, "rows_per_step": 24, "seed": draw.randint(1, 99)}
    first = told(student, 0, 0, 2, sizes)
    true(
        told(student, 0, 0, 2, sizes) == first,
        "Asked a second time, a rank reads other rows in the same step, or has other noise.",
    )
    others = [told(student, 2, 0, 2, sizes), told(student, 0, 0, 2, {**sizes, "seed": 101})]
    true(all(one[0] != first[0] for one in others), "The second epoch, or another seed, has the order of the first.")
    true(others[1][1] != first[1], "Another seed of the run has the same noise.")
