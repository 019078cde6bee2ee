"""What `read_all` must do, case by case."""

from storyteller_course import Exercise, equal

from .oracles import Ranks

read_all = Exercise(
    "read_all",
    points=7,
    stars=2,
    bug_hunt=True,
    hints=(
        "Two ranks; the first has three batches, the second two. Who calls `step` how often, and who waits for whom?",
        "No rank can know alone when to stop. What would it have to ask the others, and when?",
        "Ask before each step how many batches are left on all ranks together. A rank that has none left calls `step` "
        "with None as long as there are any.",
    ),
    in_library="storyteller.distributed.data_parallel.IdleBatch.like",
)


def run(student, batches):
    """What each rank gives back, and what it made its updates from."""
    ranks = Ranks(len(batches))

    def call(rank, meet):
        return student.read_all(
            batches[rank], lambda batch: meet("step", batch), lambda message: meet("all_reduce", message)
        )

    results = ranks.run(call)
    return results, [[message for kind, message in one if kind == "step"] for one in ranks.sent]


def drawn(draw, counts):
    """Batches that can be told apart."""
    return [[draw.randint(1, 999) for _ in range(count)] for count in counts]


@read_all.case("lets all ranks take part in every step, though one has fewer batches", points=4)
def fewer(student, draw):
    for counts in ([draw.randint(3, 4), 2], [2, 5, 1]):
        results, used = run(student, drawn(draw, counts))
        equal(results, [max(counts)] * len(counts), f"the steps of ranks with {counts} batches")
        equal([len(one) for one in used], [max(counts)] * len(counts), "how often each rank calls step")


@read_all.case("makes an update from each batch once, in its order, and from nothing else", points=3)
def each_once(student, draw):
    for counts in ([1, draw.randint(4, 5), 2], [draw.randint(2, 3), 0, 1]):
        batches = drawn(draw, counts)
        results, used = run(student, batches)
        equal(results, [max(counts)] * len(counts), f"the steps of ranks with {counts} batches")
        wanted = [one + [None] * (max(counts) - len(one)) for one in batches]
        equal(used, wanted, "what the ranks call step with")


@read_all.case("still reads all where the ranks have equally many batches", points=0)
def even(student, draw):
    for counts in ([draw.randint(2, 4)] * 2, [0, 0]):
        batches = drawn(draw, counts)
        results, used = run(student, batches)
        equal(results, counts, "the steps")
        equal(used, batches, "what the ranks call step with")
