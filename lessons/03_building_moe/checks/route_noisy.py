"""What `route_noisy` must do, case by case."""

import torch

from storyteller_course import Exercise, close

from .oracles import WIDE, gradients_of, softmax_cut

route_noisy = Exercise(
    "route_noisy",
    points=6,
    stars=2,
    builds_on=("route_top_k",),
    bonus=True,
    hints=(
        "The logits are disturbed first; then everything goes on as in the router without noise.",
        "`F.softplus` (`torch.nn.functional.softplus`) makes a positive width out of any number. The noise of each "
        "expert is multiplied with the width of the same expert.",
        "`route_top_k` of logits + noise times width gives both, experts and weights.",
    ),
)


def slow_noisy(logits, noise_logits, noise, k):
    """The formula, number by number."""
    width = torch.log1p(noise_logits.exp())
    return softmax_cut(logits + noise * width, k)


@route_noisy.case("disturbs each logit by noise times softplus", points=3)
def disturbed(student, draw):
    inputs = [draw.tensor(6, 5, dtype=WIDE) for _ in range(3)]
    wanted = slow_noisy(*inputs, 2)
    close(list(student.route_noisy(*inputs, 2)), list(wanted), "weights and experts")


@route_noisy.case("without noise, is the plain router", points=1)
def no_noise(student, draw):
    logits, width = draw.tensor(5, 6, dtype=WIDE), draw.tensor(5, 6, dtype=WIDE)
    got = student.route_noisy(logits, width, torch.zeros(5, 6, dtype=torch.float64), 2)
    close(list(got), list(softmax_cut(logits, 2)), "weights and experts")


@route_noisy.case("lets gradients reach the logits and the width of the noise", points=2)
def noisy_gradients(student, draw):
    logits, width, noise = (draw.tensor(4, 5, dtype=WIDE) for _ in range(3))
    cotangent = draw.tensor(4, 2, dtype=WIDE)
    wanted = gradients_of(lambda one, two: slow_noisy(one, two, noise, 2)[0], logits, width, cotangent=cotangent)
    found = student.gradients("route_noisy", logits, width, noise, 2, cotangent=cotangent)
    close(found.inputs[:2], wanted, "the gradients of logits and noise_logits")
