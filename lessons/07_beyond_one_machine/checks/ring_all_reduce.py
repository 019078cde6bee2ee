"""What `ring_all_reduce` must do, case by case."""

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.exercise import shaped, unchanged

ring_all_reduce = Exercise(
    "ring_all_reduce",
    points=13,
    stars=3,
    scaffold="goal",
    hints=(
        "Write down for three ranks who sends which part in the first exchange, and what everybody has afterwards. "
        "Then for the second one. The slider above shows it.",
        "Keep the parts in a list. What you send in exchange number s (from 0) has the number r - s, counted round; "
        "what arrives is the part before it. In the first half you add it to yours, "
        "in the second you put it in its place.",
        "After the first half, the part r + 1 is complete on rank r. So the second half begins by sending that one. "
        "`% ranks` brings every number back into the circle.",
    ),
    in_library="storyteller.distributed.data_parallel.ParallelProcesses.total",
)


class Neighbours:
    """Plays all ranks but one, by what the sums must be and not by running a ring."""

    def __init__(self, draw, ranks, shape):
        self.ranks, self.rank = ranks, draw.randrange(ranks)
        self.tensors = [draw.tensor(*shape, dtype="float64") for _ in range(ranks)]
        self.parts = [one.flatten().tensor_split(ranks) for one in self.tensors]
        self.sent = []

    def message(self, rank, exchange):
        """What a rank must send in this exchange: of one part, the sum over the ranks that it has passed so far."""
        half, step = divmod(exchange, self.ranks - 1)
        part = (rank + half - step) % self.ranks
        passed = self.ranks if half else step + 1
        return sum(self.parts[(rank - back) % self.ranks][part] for back in range(passed))

    def exchange(self, message):
        """The student's rank sends, and hears from its left neighbour."""
        place = len(self.sent)
        true(place < 2 * (self.ranks - 1), f"With {self.ranks} ranks, {2 * (self.ranks - 1)} exchanges are enough.")
        mine, theirs = (self.message(rank % self.ranks, place) for rank in (self.rank, self.rank - 1))
        shaped(message, mine.shape, f"what rank {self.rank} of {self.ranks} sends in exchange {place + 1}")
        self.sent.append(message)
        return theirs

    def run(self, student):
        """The student's result; the number of exchanges is compared."""
        got = student.ring_all_reduce(self.tensors[self.rank], self.rank, self.ranks, self.exchange)
        wanted = 2 * (self.ranks - 1)
        true(
            len(self.sent) == wanted,
            f"With {self.ranks} ranks there are {wanted} exchanges, and rank {self.rank} took part in "
            f"{len(self.sent)}: its neighbours would wait for ever.",
        )
        return got

    def compare(self, exchanges):
        """What was sent in these exchanges."""
        for place in exchanges:
            close(
                self.sent[place],
                self.message(self.rank, place),
                f"what rank {self.rank} of {self.ranks} sends in exchange {place + 1}",
            )


def sizes(draw):
    """Numbers of ranks, and numbers of elements that can be divided by them."""
    return [(ranks, ranks * draw.randint(2, 5)) for ranks in (3, 2, draw.choice((4, 5)))]


@ring_all_reduce.case("lets the sums grow in the first half, until each rank has one part complete", points=5)
def first_half(student, draw):
    for ranks, n in sizes(draw):
        others = Neighbours(draw, ranks, (n,))
        got = others.run(student)
        others.compare(range(ranks - 1))
        shaped(got, (n,), "the result")
        place = (others.rank + 1) % ranks
        wanted = sum(one[place] for one in others.parts)
        close(got.tensor_split(ranks)[place], wanted, f"part {place} of the result of rank {others.rank}")


@ring_all_reduce.case("passes the complete sums round in the second half, until all ranks have them", points=6)
def second_half(student, draw):
    for ranks, n in sizes(draw):
        others = Neighbours(draw, ranks, (n,))
        got = others.run(student)
        others.compare(range(ranks - 1, 2 * (ranks - 1)))
        close(got, sum(others.tensors), f"the sum over {ranks} ranks")


@ring_all_reduce.case("works for a matrix whose size is no multiple of the ranks, and keeps `own`", points=2)
def uneven(student, draw):
    for ranks, shape in ((2, (3, 5)), (4, (2, 3)), (5, (1, 3)), (3, (7, 2))):
        others = Neighbours(draw, ranks, shape)
        got = others.run(student)
        unchanged(student)
        close(got, sum(others.tensors), f"the sum over {ranks} ranks of tensors of shape {shape}")
    alone = draw.tensor(4, 2)
    equal(student.ring_all_reduce(alone, 0, 1, Neighbours(draw, 2, (1,)).exchange), alone, "the sum of one rank")
