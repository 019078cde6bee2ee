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
    for before, count in ((65536.0, 3), (16384.0, draw.randint(5, 90))):
        small, large = draw.tensor(2, 3, scale=0.02), draw.tensor(3, scale=5000.0)
        gradients = [torch.cat([small[0], large]).half(), small[1:].half()]
        scale, good, got = student.update_scale(before, count, gradients)
        close(got, [one.float() / before for one in gradients], "the gradients", rtol=1e-5, atol=1e-12, dtype=True)
        equal([scale, good], [before, count + 1], "the scale and the count")
        unchanged(student)


@update_scale.case("halves the scale and skips the update after an overflow", points=3)
def overflow(student, draw):
    for scale, number in ((1024.0, draw.choice([math.inf, -math.inf])), (64.0, math.nan)):
        gradients = [draw.tensor(3, dtype="float16"), draw.tensor(4, dtype="float16")]
        gradients[draw.randrange(2)][draw.randrange(3)] = number
        got = student.update_scale(scale, draw.randint(1, 50), gradients)
        equal(got, (scale / 2, 0, None), "scale, count and gradients")


@update_scale.case("follows PyTorch's scaler through good and bad steps", points=2)
def like_torch(student, draw):
    for interval in (3, 5):
        leaf = torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([leaf], lr=0.0)
        scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=interval)
        scale, good = 256.0, 0
        scales, wanted = [], []
        for step in range(14):
            bad = step > 5 and draw.random() < 0.25
            scaler.scale(leaf.sum() * (math.inf if bad else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            gradient = torch.full((2,), math.inf if bad else 1.0, dtype=torch.float16)
            scale, good, _ = student.update_scale(scale, good, [gradient], interval=interval)
            scales.append(scale)
            wanted.append(scaler.get_scale())
        equal(scales, wanted, f"the scale after each of 14 steps, with the interval {interval}")
    after = student.update_scale(256.0, 1999, [torch.ones(2, dtype=torch.float16)])[:2]
    close(after, (512.0, 0), "scale and count after 2,000 good steps")
