"""The student's side: objects and their numbers, arguments that were changed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from student_calls import student

from storyteller_course.exercises.exercise import Mismatch, same_condition
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.student_proxy import StudentProxy

Answers = Callable[..., dict[str, Any]]


def test_a_module_takes_on_the_precision_of_the_state_it_loads(answers: Answers) -> None:
    module = student(answers("Scale")).new("Scale", 2)
    third = torch.tensor([1.0, 1.0], dtype=torch.float64) / 3
    module.load({"factor": third, "shift": torch.zeros(2, dtype=torch.float64)})
    found = module(torch.ones(1, 2, dtype=torch.float64))
    assert found.dtype == torch.float64
    assert torch.equal(found[0], third)


def test_changed_arguments_are_named(answers: Answers) -> None:
    one = student(answers("def f(words, x, *, more=None):\n    words.append(1)\n    x += 1\n    more and more.clear()"))
    one.f([1], torch.zeros(2))
    assert one.mutated == ("words", "x")
    one.f([], torch.zeros(2), more={})
    assert one.mutated == ("words", "x")
    one.f([], torch.zeros(2), more={1: 2})
    assert one.mutated == ("words", "x", "more")


def test_nothing_is_kept_on_the_students_side_after_a_case(answers: Answers) -> None:
    transport = InProcessStudent(answers("Scale"))
    one = StudentProxy(transport)
    one.new("Scale", 2)
    assert len(transport.objects) == 1
    one.close()
    assert not transport.objects


def test_a_new_case_has_the_same_numbers_for_its_objects(answers: Answers) -> None:
    transport = InProcessStudent(answers("Scale"))
    values = []
    for _ in range(2):
        one = StudentProxy(transport)
        one.new("Scale", 3)
        values.append(one.close()[0].value)
    assert values[0] == values[1]


def test_a_list_of_functions_that_was_changed_is_seen(answers: Answers) -> None:
    one = student(answers("def f(parts):\n    parts.pop()"))
    one.f([len, max])
    assert one.mutated == ("parts",)


def test_the_condition_of_a_model_can_be_compared(answers: Answers) -> None:
    one = student(answers("def f(model, x):\n    model.eval()\n    model.norm.weight.requires_grad_(False)"))
    model = one.make("practice_model")
    before = model.condition()
    same_condition(model.condition(), before)
    assert before["training"][""] is True
    one.f(model, 1)
    with pytest.raises(Mismatch, match=r"another state than it found it: the mode"):
        same_condition(model.condition(), before)
