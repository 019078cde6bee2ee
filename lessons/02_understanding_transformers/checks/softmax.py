"""What `softmax` must do, case by case."""

import math

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of

softmax = Exercise(
    "softmax",
    points=7,
    stars=1,
    scaffold="goal",
    hints=(
        "exp(1000) is more than a float can hold, but exp(x - c) / sum of exp(x - c) is the same for every c. Which c "
        "makes all exponents 0 or less?",
        "The largest number along `dim`: `x.amax(dim, keepdim=True)`. With keepdim the result still has as many "
        "dimensions as x, so it can be taken away from it.",
        "Three lines: subtract, `.exp()`, divide by `.sum(dim, keepdim=True)`. exp(-inf) is 0 by itself.",
    ),
    forbidden=("torch.softmax", "torch.log_softmax"),
)


@softmax.case("gives positive numbers that sum to 1, in the right proportions", points=2)
def proportions(student, draw):
    close(student.softmax(torch.log(torch.tensor([1.0, 2.0, 5.0]))), torch.tensor([0.125, 0.25, 0.625]), "the weights")
    x = draw.tensor(3, 4, scale=2.0)
    close(student.softmax(x), torch.softmax(x, -1), "the weights of three rows")


@softmax.case("takes numbers of any size", points=2)
def any_size(student, draw):
    x = draw.tensor(4, 5) + torch.tensor([[1000.0], [-1000.0], [0.0], [3000.0]])
    close(student.softmax(x), torch.softmax(x, -1), "the weights of rows around 1000, -1000, 0 and 3000", rtol=1e-3)
    far = torch.tensor([[0.0, 1000.0, 1000.0], [1000.0, 0.0, -1000.0], [-1000.0, -1000.0, -7.0], [5.0, 5.0, 5.0]])
    close(student.softmax(far), torch.softmax(far, -1), "the weights of rows whose numbers lie far apart")


@softmax.case("lets numbers compete along the dimension that is asked for", points=1)
def along(student, draw):
    for dim in (1, 0, -2):
        x = draw.tensor(*draw.sample(range(2, 7), 3))
        close(student.softmax(x, dim), torch.softmax(x, dim), f"the weights along dim={dim}")


@softmax.case("gives -inf no weight", points=1)
def masked(student, draw):
    closed = (draw.tensor(5, 6) > 0) & (torch.arange(6) != draw.randint(1, 5))
    closed[0, 0] = True
    x = draw.tensor(5, 6).masked_fill(closed, -math.inf)
    close(student.softmax(x, -1), torch.softmax(x, -1), "the weights")


@softmax.case("lets gradients through", points=1)
def differentiable(student, draw):
    x, weight = draw.tensor(3, 5), draw.tensor(3, 5)
    wanted = gradients_of(lambda one: torch.softmax(one, -1), x, cotangent=weight)
    close(student.gradients("softmax", x, cotangent=weight).inputs, list(wanted), "the gradient")
