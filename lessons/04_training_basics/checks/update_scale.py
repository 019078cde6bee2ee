"""What `update_scale` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close, equal, unchanged

update_scale = Exercise(
    "update_scale",
    in_library="storyteller.training.mixed_precision.grad_scaler",
    points=8,
    stars=2,
    bonus=True,
    hints=(
        "Two stories: the step went well, or somewhere a gradient is infinite or nan. Write what happens in each with "
        "the scale, the count and the gradients.",
        "Divide after going to float32: in float16 a small gradient over the scale is 0 again, which is what the scale "
        "was for.",
        "`interval` good steps in a row double the scale: count this one first, then compare. After "
        "every change of the scale the count is 0.",
    ),
    forbidden=("torch.amp.GradScaler",),
)


@update_scale.case("takes the scale out in float32", points=3)
def unscales(student, draw):
    gradients = [draw.tensor(3, dtype="float16", scale=0.02), draw.tensor(2, 2, dtype="float16", scale=0.02)]
    scale, good, got = student.update_scale(65536.0, 3, gradients)
    close(got, [one.float() / 65536 for one in gradients], "the gradients", rtol=1e-5, atol=1e-12, dtype=True)
    equal([scale, good], [65536.0, 4], "the scale and the count")
    unchanged(student)


@update_scale.case("halves the scale and skips the update after an overflow", points=3)
def overflow(student, draw):
    gradients = [draw.tensor(3, dtype="float16"), draw.tensor(4, dtype="float16")]
    gradients[draw.randrange(2)][draw.randrange(3)] = draw.choice([math.inf, -math.inf, math.nan])
    got = student.update_scale(1024.0, draw.randint(1, 50), gradients)
    equal(got, (512.0, 0, None), "scale, count and gradients")


@update_scale.case("follows PyTorch's scaler through good and bad steps", points=2)
def like_torch(student, draw):
    leaf = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([leaf], lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)
    scale, good = 256.0, 0
    for step in range(14):
        bad = step > 5 and draw.random() < 0.25
        scaler.scale(leaf.sum() * (math.inf if bad else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        gradient = torch.full((2,), math.inf if bad else 1.0, dtype=torch.float16)
        scale, good, _ = student.update_scale(scale, good, [gradient], interval=3)
        equal(scale, scaler.get_scale(), f"the scale after step {step + 1}")
