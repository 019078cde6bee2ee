"""What `RMSNorm` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close

from .oracles import gradients_of

RMSNorm = Exercise(
    "RMSNorm",
    points=5,
    stars=1,
    scaffold="blank",
    hints=(
        "Read the formula from the inside out: square, mean, plus eps, root, divide, weigh.",
        "The mean goes over the features of each token, the last dimension; keepdim=True lets you divide by it.",
        "`x.pow(2).mean(dim=-1, keepdim=True)`, then x divided by `torch.sqrt` of that plus `self.eps`, times "
        "`self.weight`. Nothing is subtracted.",
    ),
    forbidden=(
        "torch.nn.functional.rms_norm",
        "torch.nn.functional.layer_norm",
    ),
    stand_in="storyteller.transformer.decoder.RMSNorm",
)


def norm_of(student, draw, width, **options):
    """The student's norm with drawn weights, and these."""
    weight = draw.tensor(width) + 1.5
    module = student.new("RMSNorm", width, **options)
    module.load({"weight": weight})
    return module, weight


@RMSNorm.case("scales features to a root mean square of 1", points=1)
def scales(student, draw):
    module = student.new("RMSNorm", 4)
    close(
        module(torch.tensor([[3.0, 0.0, 4.0, 0.0]])), torch.tensor([[1.2, 0.0, 1.6, 0.0]]), "the output for 3, 0, 4, 0"
    )
    x = draw.tensor(3, 4, scale=5.0) + 2.0
    close(module(x), F.rms_norm(x, (4,), eps=1e-5), "the output")


@RMSNorm.case("treats each token by itself, however many dimensions lie around", points=1)
def token_by_token(student, draw):
    module, weight = norm_of(student, draw, 6)
    for around in ((2, 3), (4, 5, 3), (5, 4, 3), (3,), ()):
        x = draw.tensor(*around, 6)
        if around:
            x = x * torch.tensor([1.0, 10.0, 100.0])[:, None]
        close(module(x), F.rms_norm(x, (6,), weight, 1e-5), "the output")


@RMSNorm.case("weighs each feature", points=1)
def weighs(student, draw):
    module, weight = norm_of(student, draw, 5)
    x = draw.tensor(2, 5)
    close(module(x), F.rms_norm(x, (5,), weight, 1e-5), "the output")


@RMSNorm.case("adds eps under the root, so that tiny numbers stay tiny", points=1)
def under_the_root(student, draw):
    module, weight = norm_of(student, draw, 4, eps=0.25)
    x = draw.tensor(3, 4, scale=0.3)
    close(module(x), F.rms_norm(x, (4,), weight, 0.25), "the output with eps = 0.25")
    close(module(torch.zeros(2, 4)), torch.zeros(2, 4), "the output for zeros")


@RMSNorm.case("lets gradients through", points=1)
def norm_gradients(student, draw):
    module, weight = norm_of(student, draw, 4)
    x, cotangent = draw.tensor(3, 4), draw.tensor(3, 4)
    wanted = gradients_of(lambda a, b: F.rms_norm(a, (4,), b, 1e-5), x, weight, cotangent=cotangent)
    got = module.gradients(x, cotangent=cotangent)
    close([*got.inputs, got.parameters["weight"]], list(wanted), "the gradients of x and of the weight")
