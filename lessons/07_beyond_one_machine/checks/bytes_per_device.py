"""What `bytes_per_device` must do, case by case."""

from storyteller_course import Exercise, figures

bytes_per_device = Exercise(
    "bytes_per_device",
    points=6,
    stars=1,
    scaffold="steps",
    hints=(
        "Ten parameters on four devices: how many does the fullest device hold of what is divided?",
        "Rounding up is `math.ceil(a / b)`, or in whole numbers `-(-a // b)`.",
        "The optimizer is divided from stage 1 on, the gradients from stage 2 on, the weights in stage 3 only. "
        "What is not divided lies on each device in full.",
    ),
    in_library="storyteller.distributed.planner.plan_run",
)


def slow(parameters, ranks, stage, each):
    """By dealing the parameters out like cards."""
    most = max(len(range(rank, parameters, ranks)) for rank in range(ranks))
    divided = ("optimizer", "gradients", "weights")[:stage]
    names = ("weights", "gradients", "optimizer")
    return {name: size * (most if name in divided else parameters) for name, size in zip(names, each, strict=True)}


def compare(student, draw, stage, names):
    """Some numbers, for several devices."""
    for ranks in draw.sample((2, 3, 5, 7, 8), 3):
        parameters = draw.randint(20, 900) * ranks + draw.randint(1, ranks - 1)
        each = draw.choice([(4, 4, 8), (2, 4, 12), (2, 2, 16)])
        wanted = slow(parameters, ranks, stage, each)
        got = student.bytes_per_device(parameters, ranks, stage=stage, each=each)
        figures(got, wanted, names, exact=True)
        plain = student.bytes_per_device(parameters, ranks, stage=stage)
        figures(plain, slow(parameters, ranks, stage, (4, 4, 8)), names, exact=True)


ALL = ("weights", "gradients", "optimizer")


@bytes_per_device.case("counts all on each device where nothing is divided", points=1)
def undivided(student, draw):
    compare(student, draw, 0, ALL)


@bytes_per_device.case("divides the averages first", points=2)
def stage_one(student, draw):
    compare(student, draw, 1, ALL)


@bytes_per_device.case("divides the gradients too in stage 2", points=1)
def stage_two(student, draw):
    compare(student, draw, 2, ALL)


@bytes_per_device.case("divides everything in stage 3", points=2)
def stage_three(student, draw):
    compare(student, draw, 3, ALL)
