"""Gradients of a student's code, as values."""

from collections.abc import Callable
from typing import Any

import torch
from student_calls import fault, student

Answers = Callable[..., dict[str, Any]]


def test_gradients_come_as_values(answers: Answers) -> None:
    source = "def f(x, n, y): return {'a': x * y, 'b': [x.detach(), (y * y).sum()]}"
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    found = student(answers(source)).gradients("f", x, 3, y=y)
    assert found.inputs[0].tolist() == [3, 4]
    assert found.inputs[1] is None
    assert found.keywords["y"].tolist() == [1 + 6, 2 + 8]
    assert found.parameters == {}
    assert found.outputs["b"][1].item() == 25
    assert not found.outputs["a"].requires_grad


def test_gradients_of_a_module_name_its_parameters(answers: Answers) -> None:
    x = torch.tensor([[1.0, 2.0]])
    found = student(answers("Scale")).new("Scale", 2).gradients(x, cotangent=torch.tensor([[1.0, 10.0]]))
    assert found.parameters["factor"].tolist() == [1, 20]
    assert found.parameters["shift"].tolist() == [1, 10]
    assert found.inputs[0].tolist() == [[1, 10]]


def test_a_detached_result_is_explained(answers: Answers) -> None:
    one = student(answers("def f(x): return torch.tensor(x.tolist())"))
    assert "No gradient can flow back" in fault(lambda: one.gradients("f", torch.ones(2))).message
