"""What `plan_run` must do, case by case."""

from storyteller_course import Exercise, close, equal, true

plan_run = Exercise(
    "plan_run",
    points=11,
    stars=3,
    scaffold="blank",
    builds_on=("bytes_per_device", "ring_seconds"),
    hints=(
        "Take one size and one number of devices. Does it fit? How long does a step take? How many steps are paid for, "
        "and how many does the deadline allow? What does the law say then? Then do that for all of them.",
        "The arithmetic of a step is six operations for each parameter and token, shared by the devices. Then 4 bytes "
        "for each parameter go round the ring.",
        "Half the budget on two devices: the seconds that are paid for are the budget over the number of devices. "
        "`min(plans, key=..., default=None)` takes the best one; a key may be a pair.",
    ),
    in_library="storyteller.distributed.planner.describe",
)

FREE = {"deadline": 1e12, "budget": 1e12, "memory": 1e15}


def law_of(draw):
    """A law whose numbers are like those of lesson 05."""
    return {
        "floor": draw.randint(5, 15) / 10, "A": draw.randint(200, 500), "alpha": draw.randint(28, 40) / 100,
        "B": draw.randint(300, 900), "beta": draw.randint(28, 40) / 100,
    }  # fmt: skip


def machines(draw):
    """How fast the devices are."""
    return {
        "flops": draw.randint(2, 9) * 1e12, "latency": draw.randint(1, 9) / 1000,
        "bandwidth": draw.randint(1, 9) * 1e9, "tokens_per_step": draw.randint(20, 60) * 1000,
    }  # fmt: skip


def every_plan(law, sizes, devices, options):
    """All plans that fit, step by step."""
    for P in devices:
        for N in sizes:
            held = 8 * N + 8 * -(-N // P)
            if held > options["memory"]:
                continue
            sending = 0.0
            for _ in range(2 * (P - 1)):
                sending += options["latency"] + 4 * N / P / options["bandwidth"]
            step = 6.0 * N * options["tokens_per_step"] / options["flops"] / P + sending
            steps = int(min(options["deadline"] / step, options["budget"] / (P * step)))
            if steps > 0:
                tokens = steps * options["tokens_per_step"]
                loss = law["floor"] + law["A"] * N ** -law["alpha"] + law["B"] * tokens ** -law["beta"]
                yield {"parameters": N, "devices": P, "steps": steps, "loss": loss}


def compare(student, draw, law, sizes, devices, options):
    """The student's plan against the best one of all."""
    draw.shuffle(sizes)
    draw.shuffle(devices)
    got = student.plan_run(law, sizes, devices, **options)
    best = min(every_plan(law, sizes, devices, options), key=lambda plan: (round(plan["loss"], 9), plan["devices"]))
    true(isinstance(got, dict) and set(got) == set(best), f"A plan has {', '.join(best)}, and nothing else.", got=got)
    for name in ("parameters", "devices"):
        equal(got[name], best[name], f"the plan's {name}")
    true(abs(got["steps"] - best["steps"]) <= 1, f"The plan has {got['steps']} steps, not {best['steps']}.")
    equal(got["steps"], int(got["steps"]), "the steps, which are whole")
    close(got["loss"], best["loss"], "the loss that the law expects", rtol=1e-4)


SIZES = (3_000_000, 10_000_000, 40_000_000, 150_000_000, 500_000_000)


@plan_run.case("takes the size that a deadline favours, on one device", points=3)
def by_deadline(student, draw):
    for hours in (draw.randint(1, 4), draw.randint(100, 400)):
        options = {**FREE, **machines(draw), "deadline": hours * 3600.0}
        sizes = [round(size * (1 + draw.random())) for size in SIZES]
        compare(student, draw, law_of(draw), sizes, [1], options)


@plan_run.case("weighs more devices against what they cost and what they send", points=4)
def by_budget(student, draw):
    for hours, paid in ((draw.randint(18, 24), 12), (1, draw.randint(3, 6)), (6, draw.randint(30, 60))):
        options = {**FREE, **machines(draw), "deadline": hours * 3600.0, "budget": paid * 3600.0}
        compare(student, draw, law_of(draw), list(SIZES), [1, 2, 4, 8, 16], options)


@plan_run.case("chooses only what fits into the memory", points=2)
def by_memory(student, draw):
    for millions in (draw.randint(420, 470), draw.randint(1450, 1600)):
        # 40 million parameters take 640 MB on one device and 400 MB on four.
        options = {**FREE, **machines(draw), "deadline": 4e6, "memory": millions * 1e6}
        compare(student, draw, law_of(draw), list(SIZES), [1, 4, 8], options)


@plan_run.case("takes fewer devices where more gain nothing, and says None where nothing fits", points=2)
def edges(student, draw):
    law, options = {**law_of(draw), "B": 0.0}, {**FREE, **machines(draw), "deadline": draw.randint(3, 9) * 1e5}
    compare(student, draw, law, list(SIZES), [2, 3, 8], options)
    nothing = student.plan_run(law, list(SIZES), [1, 2], **{**options, "memory": 1e6})
    equal(nothing, None, "the plan where no size fits")
    nothing = student.plan_run(law, list(SIZES), [1, 2], **{**options, "deadline": 1e-3})
    equal(nothing, None, "the plan where there is no time for a step")
