"""What `clipped_loss` must do, case by case."""

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of, rows_of, slow_loss

clipped_loss = Exercise(
    "clipped_loss",
    in_library="storyteller.rl.losses.clipped_loss",
    points=16,
    stars=3,
    scaffold="blank",
    hints=(
        "First the case without clipping and without padding: what is the loss of one story, and why is it negative "
        "where the advantage is positive?",
        "`torch.minimum` of both products does it for advantages of either sign. Do not clip and then multiply only: "
        "a token that has become too unlikely although it is good must still get its gradient.",
        "Set what the mask leaves out to 0 *after* the products. Then three ways to divide: by each story's own number "
        "of tokens, by the number of all tokens, or by the same constant for every story.",
    ),
)


def drawn(draw, B, T, spread):
    """Log-probabilities new and old, advantages of both signs, and a mask. No ratio is next to a border."""
    old = -draw.tensor(B, T).abs() - 0.1
    logs = draw.tensor(B, T, scale=spread)
    for border in (0.9, 1.1, 0.8, 1.2, 0.7, 1.3):  # of any epsilon that is used here
        near = (logs.exp() - border).abs() < 0.01
        logs = torch.where(near, logs + 0.03, logs)
    advantages = draw.tensor(B)
    advantages[0], advantages[1] = advantages[0].abs() + 0.3, -advantages[1].abs() - 0.3
    return old + logs, old, advantages, rows_of(draw, B, T)


@clipped_loss.case("weighs each token's ratio with its story's advantage", points=3)
def unclipped(student, draw):
    for B, T in ((2, 5), (3, 7)):
        new, old, advantages, mask = drawn(draw, B, T, 0.02)
        got = student.clipped_loss(new, old, advantages, mask)
        close(got, slow_loss(new, old, advantages, mask), "the loss where no ratio is clipped")


@clipped_loss.case("clips in the direction that the advantage pushes to, and only there", points=4)
def clipped(student, draw):
    for (B, T), epsilon in (((3, 6), 0.2), ((2, 8), 0.1), ((4, 5), 0.3)):
        new, old, advantages, mask = drawn(draw, B, T, 0.6)
        got = student.clipped_loss(new, old, advantages, mask, epsilon=epsilon)
        wanted = slow_loss(new, old, advantages, mask, epsilon=epsilon)
        close(got, wanted, f"the loss with epsilon {epsilon}")


@clipped_loss.case("divides as DAPO and Dr. GRPO do, too", points=4)
def normalized(student, draw):
    for (B, T), normalization in (((3, 6), "dapo"), ((2, 7), "dr_grpo"), ((4, 5), "dapo"), ((3, 8), "dr_grpo")):
        new, old, advantages, mask = drawn(draw, B, T, 0.3)
        options = {"normalization": normalization, "max_tokens": draw.randint(9, 30)}
        got = student.clipped_loss(new, old, advantages, mask, **options)
        close(got, slow_loss(new, old, advantages, mask, **options), f"the loss with {normalization!r}")


@clipped_loss.case("counts no padding, whatever stands there", points=2)
def padded(student, draw):
    for B, T in ((3, 6), (2, 9)):
        new, old, advantages, mask = drawn(draw, B, T, 0.3)
        for normalization in ("grpo", "dapo"):
            noisy = torch.where(mask, new, new + 2.0)
            got = student.clipped_loss(noisy, old, advantages, mask, normalization=normalization)
            wanted = slow_loss(new, old, advantages, mask, normalization=normalization)
            close(got, wanted, f"the loss with {normalization!r} and other numbers in the padding")


@clipped_loss.case("has no gradient where a ratio is clipped", points=3)
def loss_gradients(student, draw):
    for B, T in ((3, 6), (2, 7)):
        new, old, advantages, mask = drawn(draw, B, T, 0.5)
        [wanted] = gradients_of(lambda one, rest=(old, advantages, mask): slow_loss(one, *rest), new)
        found = student.gradients("clipped_loss", new, old, advantages, mask)
        close(found.inputs[0], wanted, "the gradient of the log-probabilities")
