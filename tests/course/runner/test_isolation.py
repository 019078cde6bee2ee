"""A call leaves no trace: prints, warnings, random numbers, gradients."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from student_calls import student

Answers = Callable[..., dict[str, Any]]


def test_prints_and_warnings_are_kept_and_cost_nothing(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    source = "import warnings\ndef f():\n    print('x' * 30_000)\n    warnings.warn('old')\n    return 1"
    one = student(answers(source))
    assert one.f() == 1
    (outcome,) = one.close()
    assert outcome.printed == "x" * 20_000
    assert outcome.warnings == ("UserWarning: old",)
    assert capsys.readouterr().out == ""


def test_random_numbers_repeat_and_the_callers_generators_are_left_alone(answers: Answers) -> None:
    import random

    source = "import random, numpy\ndef f(): return [random.random(), numpy.random.rand(), torch.rand(1).item()]"
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    expected = [random.random(), np.random.rand(), torch.rand(1).item()]
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    first = student(answers(source), seed="a")
    second = student(answers(source), seed="a")
    other = student(answers(source), seed="b")
    assert first.f() == second.f() != other.f()
    assert first.f() == second.f()
    assert [random.random(), np.random.rand(), torch.rand(1).item()] == expected


def test_a_student_cannot_leave_gradients_off(answers: Answers) -> None:
    one = student(answers("Scale", "def off():\n    torch.set_grad_enabled(False)"))
    one.off()
    assert torch.is_grad_enabled()
    assert one.new("Scale", 2).gradients(torch.ones(1, 2)).parameters["shift"].tolist() == [1, 1]


def test_warnings_are_still_on_afterwards(answers: Answers) -> None:
    student(answers("double")).double(1)
    with pytest.warns(UserWarning, match="here"):
        warnings.warn("here", stacklevel=1)
    assert sys.getprofile() is None
