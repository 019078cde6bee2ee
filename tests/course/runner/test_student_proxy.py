"""A student's code seen through values: calls, objects, gradients, generators, callbacks, and what goes wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from student_calls import fault, student

Answers = Callable[..., dict[str, Any]]


def test_a_call_goes_there_and_back_as_values(answers: Answers) -> None:
    namespace = answers("def same(*args, **kwargs): return [args, kwargs]")
    x = torch.arange(6.0).reshape(2, 3)
    (got,), named = student(namespace).same(x, flag={"a": (1, None)})
    assert torch.equal(got, x)
    assert got is not x
    assert named == {"flag": {"a": (1, None)}}


def test_a_class_is_built_loaded_called_and_read(answers: Answers) -> None:
    one = student(answers("Scale"))
    module = one.new("Scale", 3)
    module.load({"factor": torch.tensor([1.0, 2, 3]), "shift": torch.ones(3)})
    assert module(torch.ones(1, 3)).tolist() == [[2, 3, 4]]
    assert module.call(torch.ones(1, 3)).tolist() == [[2, 3, 4]]
    assert module.get("factor").tolist() == [1, 2, 3]
    assert module.get("factor.requires_grad") is True
    assert set(module.state()) == {"factor", "shift"}
    assert module.method("extra_repr") == ""


def test_a_generator_is_drained_up_to_a_count(answers: Answers) -> None:
    one = student(answers("count_up", "def few():\n    yield 1"))
    assert one.take("count_up", 4, 7) == [7, 8, 9, 10]
    assert one.take("few", 4) == [1]
    assert "should `yield`" in fault(lambda: student(answers("def f(): return 3")).take("f", 2)).message


def test_a_callback_runs_on_the_checks_side_and_sees_values(answers: Answers) -> None:
    seen: list[Any] = []

    def step(x: int, *, more: int = 0) -> int:
        seen.append((x, more))
        return x + 1

    namespace = answers("def f(step): return [step(1), step(2, more=[5])]")
    assert student(namespace).f(step) == [2, 3]
    assert seen == [(1, 0), (2, [5])]


def test_what_a_callback_raises_ends_the_case(answers: Answers) -> None:
    def step(x: int) -> int:
        raise AssertionError("called with the wrong number")

    namespace = answers("def f(step):\n    try:\n        step(1)\n    except Exception:\n        return 7")
    with pytest.raises(AssertionError, match="wrong number"):
        student(namespace).f(step)


def test_the_calls_of_a_case_share_its_time(answers: Answers) -> None:
    one = student(answers("import time\ndef f(seconds): time.sleep(seconds)"), limit=0.6)
    one.f(0.35)
    assert fault(lambda: one.f(0.5)).kind == "timeout"
