"""What is not data is built beside the student's code."""

from collections.abc import Callable
from typing import Any

import torch
from student_calls import student

from storyteller_course.exercises.fixtures import fixture

Answers = Callable[..., dict[str, Any]]


def test_given_things_are_built_beside_the_students_code(answers: Answers) -> None:
    namespace = answers("def f(generator): return torch.rand(2, generator=generator)")
    expected = torch.rand(2, generator=torch.Generator().manual_seed(5))
    assert torch.equal(student(namespace).f(fixture("generator", seed=5)), expected)


def test_a_made_object_can_be_an_argument_of_later_calls(answers: Answers) -> None:
    one = student(answers("def nudge(model):\n    with torch.no_grad():\n        next(model.parameters()).add_(1.0)"))
    model = one.make("tiny_model", seed=3)
    before = next(iter(model.state().values()))
    one.nudge(model)
    assert torch.allclose(next(iter(model.state().values())), before + 1)
    one.close()
