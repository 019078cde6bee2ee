"""What `zero_step` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.exercise import shaped, unchanged

zero_step = Exercise(
    "zero_step",
    points=11,
    stars=2,
    scaffold="blank",
    hints=(
        "Which numbers does this rank need to update its part? Which does it need afterwards, to compute with the "
        "whole parameter again?",
        "Three things in a row: the sum of the gradients, of which only your part arrives; the update of your part; "
        "all parts together. The optimizer's rule never sees more than a part.",
        "`flatten()` makes a vector, `tensor_split(ranks)` cuts it as the other functions do, `view_as` gives it its "
        "shape back.",
    ),
    in_library="storyteller.distributed.data_parallel.ParallelProcesses.wrap",
)


class Device:
    """One rank's view of P ranks, of which the others are computed here: PyTorch's optimizer on everything.

    The rule is AdamW, or descent with momentum: AdamW would not show a gradient that is twice as long.
    """

    def __init__(self, draw, ranks, shape, *, adamw=True):
        self.ranks, self.rank, self.shape, self.adamw = ranks, draw.randrange(ranks), shape, adamw
        self.lr, self.decay = draw.randint(1, 9) / 100, draw.randint(1, 20) / 100
        self.whole = torch.nn.Parameter(draw.tensor(*shape))
        if adamw:
            options = {"betas": (0.9, 0.95), "weight_decay": self.decay}
            self.optimizer = torch.optim.AdamW([self.whole], lr=self.lr, **options)
        else:
            self.optimizer = torch.optim.SGD([self.whole], lr=self.lr, momentum=0.9)
        self.gradients = []  # of the step at hand, one a rank
        self.scattered, self.gathered, self.updated = 0, 0, []

    def next_step(self, draw):
        """The gradients of one more step; what all ranks must have afterwards is computed beforehand."""
        before = self.whole.detach().clone()
        self.gradients = [draw.tensor(*self.shape) for _ in range(self.ranks)]
        self.whole.grad = sum(self.gradients)
        self.optimizer.step()
        self.scattered, self.gathered, self.updated = 0, 0, []
        return before

    def reduce_scatter(self, vector):
        """Part r of the sum of what this rank says and the others' gradients."""
        shaped(vector, (self.whole.numel(),), "what reduce_scatter is called with")
        self.scattered += 1
        others = [one.flatten() for rank, one in enumerate(self.gradients) if rank != self.rank]
        return sum(others, start=vector).tensor_split(self.ranks)[self.rank].clone()

    def all_gather(self, part):
        """This rank's part with those that the others have."""
        self.gathered += 1
        parts = list(self.whole.detach().flatten().tensor_split(self.ranks))
        shaped(part, parts[self.rank].shape, "what all_gather is called with")
        parts[self.rank] = part
        return torch.cat(parts)

    def update(self, part, gradient, state):
        """The rule on whatever it is given, by its formulas."""
        true(torch.is_tensor(part) and isinstance(state, dict), "update takes a vector, its gradient and a state.")
        self.updated.append(tuple(part.shape))
        shaped(gradient, part.shape, "the gradient that update is called with")
        shaped(state.get("mean", part), part.shape, "the averages in the state that update is called with")
        mean, step = state.get("mean", torch.zeros_like(part)), state.get("step", 0) + 1
        if not self.adamw:
            mean = 0.9 * mean + gradient
            return part - self.lr * mean, {"step": step, "mean": mean}
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.95 * state.get("square", torch.zeros_like(part)) + 0.05 * gradient**2
        scale = (square / (1 - 0.95**step)).sqrt() + 1e-8
        new = part * (1 - self.lr * self.decay) - self.lr * mean / (1 - 0.9**step) / scale
        return new, {"step": step, "mean": mean, "square": square}

    def run(self, student, parameter, state):
        """One step of the student's."""
        found = student.zero_step(
            parameter, self.gradients[self.rank], state, self.rank, self.ranks,
            reduce_scatter=self.reduce_scatter, all_gather=self.all_gather, update=self.update,
        )  # fmt: skip
        pair = isinstance(found, list | tuple) and len(found) == 2
        true(pair, "Give back two things: the new parameter and the new state.", got=found)
        return found


SIZES = ((2, (4, 3)), (3, (2, 5, 2)), (4, (13,)))


@zero_step.case("makes the update that one device with all gradients makes", points=5)
def one_update(student, draw):
    for ranks, shape in SIZES:
        device = Device(draw, ranks, shape, adamw=ranks == 3)
        parameter = device.next_step(draw)
        moved, _ = device.run(student, parameter, {})
        close(moved, device.whole.detach(), f"the parameter, with {ranks} ranks", rtol=1e-4, atol=1e-5)


@zero_step.case("lets the optimizer's rule see this rank's part and nothing else", points=3)
def own_part(student, draw):
    for ranks, shape in SIZES:
        device = Device(draw, ranks, shape)
        parameter = device.next_step(draw)
        moved, after = device.run(student, parameter, {})
        unchanged(student)
        part = tuple(parameter.flatten().tensor_split(ranks)[device.rank].shape)
        equal(device.updated, [part], "the shapes of the vectors that are updated")
        equal((device.scattered, device.gathered), (1, 1), "how often reduce_scatter and all_gather are called")
        true(
            isinstance(after, dict) and set(after) == {"step", "mean", "square"},
            "The state that the rule gives back is to be handed on.",
        )
        shaped(after["mean"], part, "the averages in the state")
        shaped(moved, shape, "the parameter")


@zero_step.case("goes on from the state of the step before", points=3)
def several_updates(student, draw):
    for ranks, shape in ((2, (3, 3)), (3, (3, 1, 4))):
        device, state = Device(draw, ranks, shape, adamw=ranks == 2), {}
        parameter = device.next_step(draw)
        for number in range(1, 4):
            moved, state = device.run(student, parameter, state)
            close(moved, device.whole.detach(), f"the parameter after step {number}", rtol=1e-4, atol=1e-5)
            parameter = device.next_step(draw)
