"""What `SwiGLU` must do, case by case."""

import torch

from storyteller.transformer.decoder import swiglu
from storyteller_course import Exercise, close

from .oracles import WIDE, gated, gradients_of, loaded

SwiGLU = Exercise(
    "SwiGLU",
    in_library="storyteller.transformer.decoder.SwiGLU",
    points=7,
    stars=1,
    hints=(
        "Three matrices: two of them read x, the third brings the result back to width D. Only one of the two is a "
        "gate.",
        "silu goes over the gate's projection alone; the up-projection is multiplied as it is.",
        "`F.silu(self.gate(x))` times `self.up(x)`, feature by feature with `*`, and `self.down` of the product.",
    ),
    forbidden=("storyteller.transformer.decoder.swiglu",),
)


def library_swiglu(state, x):
    """The same by the library's function, which keeps gate and up in one matrix."""
    return swiglu(x, torch.cat((state["gate.weight"], state["up.weight"])), state["down.weight"])


@SwiGLU.case("opens and closes hidden features by the gate", points=3)
def opens(student, draw):
    state, x = gated(draw, 4, 6), draw.tensor(5, 4, dtype=WIDE)
    close(loaded(student, "SwiGLU", 4, 6, state=state)(x), library_swiglu(state, x), "the output")


@SwiGLU.case("lets the up-projection through as it is", points=2)
def up_is_plain(student, draw):
    state, x = gated(draw, 3, 4), draw.tensor(4, 3, dtype=WIDE)
    one = loaded(student, "SwiGLU", 3, 4, state=state)(x)
    state["up.weight"] = -2 * state["up.weight"]
    double = loaded(student, "SwiGLU", 3, 4, state=state)(x)
    close(double, -2 * one, "the output with the matrix `up` times -2")


@SwiGLU.case("treats each token by itself, however many dimensions lie around", points=1)
def any_shape(student, draw):
    state, x = gated(draw, 4, 5), draw.tensor(2, 3, 4, dtype=WIDE)
    close(loaded(student, "SwiGLU", 4, 5, state=state)(x), library_swiglu(state, x), "the output")


@SwiGLU.case("lets gradients through to all three matrices", points=1)
def swiglu_gradients(student, draw):
    state, x, cotangent = gated(draw, 4, 5), draw.tensor(3, 4, dtype=WIDE), draw.tensor(3, 4, dtype=WIDE)
    got = loaded(student, "SwiGLU", 4, 5, state=state).gradients(x, cotangent=cotangent)

    def forward(gate, up, down):
        return library_swiglu({"gate.weight": gate, "up.weight": up, "down.weight": down}, x)

    wanted = gradients_of(forward, *state.values(), cotangent=cotangent)
    close([got.parameters[name] for name in state], list(wanted), "the gradients of gate, up and down")
