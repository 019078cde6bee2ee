"""What `apply_rope` must do, case by case."""

import torch

from storyteller_course import Exercise, close, true

from .oracles import WIDE, gradients_of, rotation


def turned(x, cos, sin):
    """RoPE with complex numbers: a pair of features is one number, and turning is multiplying."""
    pair = torch.complex(*x.chunk(2, dim=-1)) * torch.complex(cos, sin)
    return torch.cat((pair.real, pair.imag), dim=-1)


apply_rope = Exercise(
    "apply_rope",
    points=12,
    stars=2,
    hints=(
        "Think of a pair of features as a point in the plane, and of the position as an angle. What do the two "
        "coordinates become when the point turns?",
        "Feature i goes with feature i + K/2, so the pairs are the two halves of the last dimension: "
        "`x[..., :half]` and `x[..., half:]`. The table has one column for each pair.",
        "With a and b for the halves: the new first half is a cos - b sin, the new second half a sin + b cos; put them "
        "together with `torch.cat` in the last dimension, and give back the dtype that came in with `.to`.",
    ),
    stand_in="storyteller.transformer.attention.apply_rope",
)


@apply_rope.case("turns a pair by its angle, counter-clockwise", points=3)
def one_pair(student, draw):
    quarter = torch.tensor([[0.0], [1.0]], dtype=torch.float64)  # cos of 90 degrees and of 0, for two positions
    x = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]], dtype=torch.float64)
    wanted = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]], dtype=torch.float64)
    close(student.apply_rope(x, quarter, 1 - quarter), wanted, "(1, 0) turned by 90 and by 0 degrees")
    angle = draw.tensor(4, 1, dtype=WIDE, scale=2.0)
    x = draw.tensor(2, 3, 4, 2, dtype=WIDE)
    close(student.apply_rope(x, angle.cos(), angle.sin()), turned(x, angle.cos(), angle.sin()), "the turned pairs")


@apply_rope.case("pairs feature i with feature i + K/2", points=3)
def pairs(student, draw):
    cos, sin = rotation(5, 8)
    x = draw.tensor(2, 3, 5, 8, dtype=WIDE)
    close(student.apply_rope(x, cos, sin), turned(x, cos, sin), "the turned features")


@apply_rope.case("makes scores depend on the distance of two tokens alone", points=2)
def distance_only(student, draw):
    cos, sin = rotation(12, 6)
    query, key = draw.tensor(6, dtype=WIDE), draw.tensor(6, dtype=WIDE)
    q, k = (student.apply_rope(one.expand(1, 1, 12, 6), cos, sin)[0, 0] for one in (query, key))
    scores = q @ k.T  # (12, 12), of the same query and key at all pairs of positions
    close(scores[:-1, :-1], scores[1:, 1:], "the scores with both tokens one place further on")
    true(scores[0].std() > 1e-3, "The scores do not depend on the position at all: nothing was turned.", got=q)


@apply_rope.case("takes texts that stand at different positions", points=1)
def own_positions(student, draw):
    cos, sin = rotation(9, 4)
    places = draw.integers(0, 9, 2, 3)
    x = draw.tensor(2, 2, 3, 4, dtype=WIDE)
    cos, sin = cos[places][:, None], sin[places][:, None]  # (B, 1, T, K/2)
    close(student.apply_rope(x, cos, sin), turned(x, cos, sin), "the turned features")


@apply_rope.case("gives back the dtype that it was given", points=1)
def same_dtype(student, draw):
    cos, sin = (part.float() for part in rotation(4, 4))
    x = draw.tensor(1, 2, 4, 4, dtype="bfloat16")
    close(student.apply_rope(x, cos, sin), turned(x.float(), cos, sin).bfloat16(), "the result", dtype=True)


@apply_rope.case("lets gradients through", points=2)
def rope_gradients(student, draw):
    cos, sin = rotation(4, 6)
    x, weight = draw.tensor(2, 2, 4, 6, dtype=WIDE), draw.tensor(2, 2, 4, 6, dtype=WIDE)
    [wanted] = gradients_of(lambda one: turned(one, cos, sin), x, cotangent=weight)
    close(student.gradients("apply_rope", x, cos, sin, cotangent=weight).inputs[0], wanted, "the gradient of x")
