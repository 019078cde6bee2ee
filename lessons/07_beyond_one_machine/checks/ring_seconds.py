"""What `ring_seconds` must do, case by case."""

from storyteller_course import Exercise, close

ring_seconds = Exercise(
    "ring_seconds",
    points=6,
    stars=2,
    scaffold="goal",
    hints=(
        "Count with three ranks on paper: how often does each rank send, and how much of the vector each time?",
        "A message of n bytes takes the latency and, on top, n over the bandwidth. All ranks send at the same time, so "
        "only the number of rounds counts.",
        "Each half has one round less than there are ranks, and a round sends one of as many parts as there are ranks.",
    ),
    in_library="storyteller.distributed.planner.plan_run",
)


def slow(n_bytes, ranks, latency, bandwidth):
    """Round by round."""
    seconds = 0.0
    for _half in ("reduce-scatter", "all-gather"):
        for _round in range(1, ranks):
            seconds += latency
            seconds += (n_bytes / ranks) / bandwidth
    return seconds


@ring_seconds.case("takes as long as the bytes do where they are many", points=2)
def many_bytes(student, draw):
    for ranks in draw.sample(range(2, 10), 3):
        n_bytes, bandwidth = draw.randint(1, 9) * 1e8, draw.randint(1, 20) * 1e8
        got = student.ring_seconds(n_bytes, ranks, latency=0.0, bandwidth=bandwidth)
        close(got, slow(n_bytes, ranks, 0.0, bandwidth), f"the seconds with {ranks} ranks and no latency")


@ring_seconds.case("takes as long as the messages do where the bytes are few", points=2)
def many_messages(student, draw):
    for ranks in draw.sample(range(2, 12), 3):
        latency = draw.randint(1, 50) / 1000
        got = student.ring_seconds(8.0, ranks, latency=latency, bandwidth=1e12)
        close(got, slow(8.0, ranks, latency, 1e12), f"the seconds for eight bytes with {ranks} ranks", rtol=1e-6)


@ring_seconds.case("adds both, and sends nothing where there is one rank", points=2)
def both(student, draw):
    for ranks in (draw.randint(2, 5), draw.randint(6, 20), 1):
        n_bytes, bandwidth = draw.randint(1, 9) * 1e6, draw.randint(1, 9) * 1e8
        latency = draw.randint(1, 30) / 10000
        got = student.ring_seconds(n_bytes, ranks, latency=latency, bandwidth=bandwidth)
        close(got, slow(n_bytes, ranks, latency, bandwidth), f"the seconds with {ranks} rank{'s' * (ranks > 1)}")
