"""What `Scale` must do, case by case."""

import torch

from storyteller_course import Exercise, close, equal

scale = Exercise("Scale", points=4)


@scale.case("scales and shifts", points=2)
def scales(student, draw):
    state = {"factor": draw.tensor(3), "shift": draw.tensor(3)}
    x = draw.tensor(5, 3)
    module = student.new("Scale", 3)
    module.load(state)
    close(module(x), torch.addcmul(state["shift"].expand(5, 3), x, state["factor"].expand(5, 3)), "the output")
    equal(module.get("factor"), state["factor"], "the factor")


@scale.case("learns", points=2)
def learns(student, draw):
    x, cotangent = draw.tensor(5, 3), draw.tensor(5, 3)
    found = student.new("Scale", d_model=3).gradients(x, cotangent=cotangent)
    close(found.parameters["factor"], (x * cotangent).sum(0), "the gradient of the factor")
    close(found.inputs[0], cotangent, "the gradient of the input")
