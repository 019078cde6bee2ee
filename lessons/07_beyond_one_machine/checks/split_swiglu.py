"""What `split_swiglu` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, true
from storyteller_course.exercises.exercise import shaped, unchanged

split_swiglu = Exercise(
    "split_swiglu",
    points=9,
    stars=2,
    scaffold="blank",
    hints=(
        "Write the layer out for F = 4 and two ranks. The hidden feature f needs row f of the gate, row f of the "
        "up-projection and column f of `down`. What does a rank need to compute the features 0 and 1 alone?",
        "`gate_up` has two matrices above each other. Cut it once between them, then each of them into P parts.",
        "`chunk(ranks)` cuts rows, `chunk(ranks, dim=1)` columns, and `torch.cat` puts a rank's part of the gate above "
        "its part of the up-projection.",
    ),
    in_library="storyteller.transformer.decoder.swiglu",
)


def layer(x, gate_up, down):
    """SwiGLU, feature by feature."""
    y, half = torch.zeros(len(x), down.size(0), dtype=x.dtype), gate_up.size(0) // 2
    for f in range(half):
        hidden = F.silu(x @ gate_up[f]) * (x @ gate_up[half + f])  # (N,)
        y += hidden[:, None] * down[:, f]
    return y


def drawn(draw, ranks):
    """Weights of a layer whose F is a multiple of the ranks, and rows to try it on."""
    each = draw.randint(2, 3)
    D = draw.choice([4, 5, 7])
    return draw.tensor(draw.randint(2, 3), D), draw.tensor(2 * each * ranks, D), draw.tensor(D, each * ranks)


def parts_of(student, gate_up, down, ranks):
    """The student's parts, of the right shapes."""
    parts = student.split_swiglu(gate_up, down, ranks)
    true(isinstance(parts, list | tuple) and len(parts) == ranks, f"There is one pair for each of {ranks} ranks.")
    F2, D = gate_up.shape
    for rank, pair in enumerate(parts):
        true(isinstance(pair, list | tuple) and len(pair) == 2, "Each rank gets a pair: its gate_up and its down.")
        shaped(pair[0], (F2 // ranks, D), f"gate_up of rank {rank}")
        shaped(pair[1], (D, F2 // 2 // ranks), f"down of rank {rank}")
    return parts


@split_swiglu.case("lets the outputs of the parts add up to that of the whole layer", points=6)
def adds_up(student, draw):
    for ranks in (2, 3, 4):
        x, gate_up, down = drawn(draw, ranks)
        parts = parts_of(student, gate_up, down, ranks)
        outputs = [layer(x, *pair) for pair in parts]
        total = sum(outputs[1:], start=outputs[0])
        close(total, layer(x, gate_up, down), f"the sum of the outputs of {ranks} ranks", rtol=1e-4, atol=1e-4)


@split_swiglu.case("gives each weight to one rank, and changes none", points=3)
def once_each(student, draw):
    for ranks in (2, 5):
        _, gate_up, down = drawn(draw, ranks)
        parts = parts_of(student, gate_up, down, ranks)
        unchanged(student)
        for place, weights in ((0, gate_up), (1, down)):
            found = torch.cat([pair[place].flatten() for pair in parts]).sort().values
            equal(found, weights.flatten().sort().values, f"all numbers of {('gate_up', 'down')[place]}, sorted")
        lonely = [layer(torch.eye(gate_up.size(1)), *pair).abs().sum() for pair in parts]
        true(all(one > 0 for one in lonely), "A rank has nothing to compute.")
