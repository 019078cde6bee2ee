"""What `apply_rope` must do, case by case."""

import torch

from storyteller_course import Exercise, close, shaped, true

from .oracles import cos_and_sin, gradients_of


def turned(x, cos, sin):
    """RoPE with complex numbers: a pair of features is one number, and turning is multiplying."""
    pair = torch.complex(*x.chunk(2, dim=-1)) * torch.complex(cos, sin)
    return torch.cat((pair.real, pair.imag), dim=-1)


apply_rope = Exercise(
    "apply_rope",
    points=9,
    stars=2,
    scaffold="goal",
    hints=(
        "Think of a pair of features as a point in the plane, and of the position as an angle. What do the two "
        "coordinates become when the point turns?",
        "Feature i goes with feature i + Dh/2, so the pairs are the two halves of the last dimension: "
        "`x[..., :half]` and `x[..., half:]`. The table has one column for each pair.",
        "With a and b for the halves: the new first half is a cos - b sin, the new second half a sin + b cos; put them "
        "together with `torch.cat` in the last dimension, and give back the dtype that came in with `.to`.",
    ),
    stand_in="storyteller.transformer.attention.apply_rope",
)


@apply_rope.case("turns a pair by its angle, counter-clockwise", points=2)
def one_pair(student, draw):
    quarter = torch.tensor([[0.0], [1.0]])  # cos of 90 degrees and of 0, for two positions
    x = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    wanted = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
    close(student.apply_rope(x, quarter, 1 - quarter), wanted, "(1, 0) turned by 90 and by 0 degrees")
    angle = draw.tensor(4, 1, scale=2.0)
    x = draw.tensor(2, 3, 4, 2)
    close(student.apply_rope(x, angle.cos(), angle.sin()), turned(x, angle.cos(), angle.sin()), "the turned pairs")


@apply_rope.case("pairs feature i with feature i + Dh/2", points=2)
def pairs(student, draw):
    cos, sin = cos_and_sin(5, 8)
    x = draw.tensor(2, 3, 5, 8)
    close(student.apply_rope(x, cos, sin), turned(x, cos, sin), "the turned features")


@apply_rope.case("makes scores depend on the distance of two tokens alone", points=2)
def distance_only(student, draw):
    cos, sin = cos_and_sin(12, 6)
    query, key = draw.tensor(6), draw.tensor(6)
    q, k = (student.apply_rope(one.expand(1, 1, 12, 6), cos, sin) for one in (query, key))
    for one in (q, k):
        shaped(one, (1, 1, 12, 6), "the turned features")
    scores = q[0, 0] @ k[0, 0].T  # (12, 12), of the same query and key at all pairs of positions
    close(scores[:-1, :-1], scores[1:, 1:], "the scores with both tokens one place further on")
    true(scores[0].std() > 1e-3, "The scores do not depend on the position at all: nothing was turned.", got=q)


@apply_rope.case("takes texts that stand at different positions", points=1)
def own_positions(student, draw):
    for batch, heads in ((2, 3), (3, draw.choice([1, 2, 4]))):
        cos, sin = cos_and_sin(9, 4)
        places = draw.integers(0, 9, batch, 5)
        x = draw.tensor(batch, heads, 5, 4)
        cos, sin = cos[places][:, None], sin[places][:, None]  # (B, 1, T, Dh/2)
        close(student.apply_rope(x, cos, sin), turned(x, cos, sin), "the turned features")


@apply_rope.case("gives back the dtype that it was given", points=1)
def same_dtype(student, draw):
    cos, sin = (part.float() for part in cos_and_sin(4, 4))
    for dtype in ("bfloat16", "float16"):
        x = draw.tensor(1, 2, 4, 4, dtype=dtype)
        close(student.apply_rope(x, cos, sin), turned(x.float(), cos, sin).to(x.dtype), "the result", dtype=True)


@apply_rope.case("lets gradients through", points=1)
def rope_gradients(student, draw):
    cos, sin = cos_and_sin(4, 6)
    x, weight = draw.tensor(2, 2, 4, 6), draw.tensor(2, 2, 4, 6)
    [wanted] = gradients_of(lambda one: turned(one, cos, sin), x, cotangent=weight)
    close(student.gradients("apply_rope", x, cos, sin, cotangent=weight).inputs[0], wanted, "the gradient of x")
