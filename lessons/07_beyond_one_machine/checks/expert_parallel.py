"""What `expert_parallel` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.exercise import shaped

from .oracles import Ranks

expert_parallel = Exercise(
    "expert_parallel",
    points=13,
    stars=3,
    scaffold="goal",
    hints=(
        "Forget the messages at first. Make a table with a line for each choice: which token, which expert, which rank "
        "has that expert? With E = 4 experts on 2 ranks, who has expert 3?",
        "Three exchanges: rows, the experts that they are for, and the answers on their way back. What you send to a "
        "rank and what it sends back have the same order, so remember which choices you sent where.",
        "`(owner == rank).nonzero().flatten()` gives the choices of a rank. Answers go to their tokens with "
        "`y.index_add_(0, tokens, weighted_rows)`, which also adds up two choices of one token.",
    ),
    in_library="storyteller.distributed.expert_parallel.ExpertParallelDispatch",
)


class Layer:
    """Experts on several ranks, which are linear maps here, and tokens of each rank."""

    def __init__(self, draw, *, ranks, each, k, tokens, chosen=None):
        self.ranks, self.each, self.k, self.D = ranks, each, k, draw.choice([3, 5])
        self.E = ranks * each
        self.maps = draw.tensor(self.E, self.D, self.D)
        self.x = [draw.tensor(n, self.D) for n in tokens]
        self.gates = [draw.tensor(n, k).softmax(dim=-1) for n in tokens]
        experts = list(chosen or range(self.E))
        rows = [[draw.sample(experts, k) for _ in range(n)] for n in tokens]
        self.ids = [torch.tensor(one, dtype=torch.int64).view(-1, k) for one in rows]
        self.computed = [0] * ranks

    def wanted(self, rank):
        """Token by token, choice by choice."""
        rows = []
        for x, gates, ids in zip(self.x[rank], self.gates[rank], self.ids[rank], strict=True):
            rows.append(sum(w * (self.maps[e] @ x) for w, e in zip(gates, ids.tolist(), strict=True)))
        return torch.stack(rows) if rows else torch.zeros(0, self.D)

    def run(self, student):
        """The outputs of all ranks."""
        ranks = Ranks(self.ranks)

        def call(rank, meet):
            self.computed[rank] = 0

            def compute(rows, experts):
                count = len(rows) if torch.is_tensor(rows) and rows.dim() else 0
                shaped(rows, (count, self.D), "the rows that compute is called with")
                shaped(experts, (count,), "the experts that compute is called with")
                self.computed[rank] += count
                others = [int(e) for e in experts if not rank * self.each <= int(e) < (rank + 1) * self.each]
                true(
                    not others,
                    f"Rank {rank} of {self.ranks} is to compute expert {others[:1]} of {self.E}, which it has not got.",
                )
                outputs = [self.maps[int(e)] @ row.float() for row, e in zip(rows, experts, strict=True)]
                return torch.stack(outputs) if outputs else torch.zeros(0, self.D)

            computed = []  # whether this rank's experts have been asked yet in this call

            def all_to_all(messages):
                rows = [one for one in messages if torch.is_tensor(one)] if isinstance(messages, list | tuple) else []
                count, choices = sum(map(len, rows)), self.k * len(self.x[rank])
                true(
                    computed or count <= choices,
                    f"Rank {rank} sends {count} rows, and its tokens have only {choices} choices.",
                )
                return meet("all_to_all", messages)

            def compute_here(rows, experts):
                computed.append(True)
                return compute(rows, experts)

            return student.expert_parallel(
                self.x[rank], self.gates[rank], self.ids[rank], self.E, self.ranks, compute_here, all_to_all
            )

        return ranks.run(call)

    def compare(self, student, what):
        """The outputs against the plain sums."""
        for rank, got in enumerate(self.run(student)):
            close(got, self.wanted(rank), f"{what}: the output of rank {rank} of {self.ranks}", rtol=1e-4, atol=1e-4)


@expert_parallel.case("gives each token the output of its expert, wherever that lies", points=5)
def one_choice(student, draw):
    for ranks, each in ((2, 3), (3, 1)):
        layer = Layer(draw, ranks=ranks, each=each, k=1, tokens=draw.sample(range(3, 7), ranks))
        layer.compare(student, "one expert a token")


@expert_parallel.case("adds up several choices by their weights", points=4)
def several_choices(student, draw):
    for ranks, each, k in ((2, 2, 2), (3, 2, 3)):
        tokens = draw.sample(range(2, 6), ranks)
        Layer(draw, ranks=ranks, each=each, k=k, tokens=tokens).compare(student, f"{k} experts a token")


@expert_parallel.case("works where a rank gets no row, or has no token", points=2)
def uneven(student, draw):
    each = 2
    first = Layer(draw, ranks=2, each=each, k=2, tokens=[4, 3], chosen=range(each, 2 * each))
    first.compare(student, "all tokens to the experts of rank 1")
    Layer(draw, ranks=3, each=1, k=2, tokens=[3, 0, 2]).compare(student, "a rank without tokens")


@expert_parallel.case("sends a row only where it is needed", points=2)
def frugal(student, draw):
    for ranks, each, k in ((2, 3, 2), (3, 1, 1)):
        tokens = [draw.randint(3, 5) for _ in range(ranks)]
        layer = Layer(draw, ranks=ranks, each=each, k=k, tokens=tokens)
        layer.compare(student, "the outputs")
        equal(sum(layer.computed), k * sum(tokens), "the rows that all experts together compute")
