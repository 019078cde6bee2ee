"""A student's code seen through values: calls, objects, gradients, generators, callbacks, and what goes wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from student_calls import fault, student

from storyteller_course.exercises.fixtures import fixture

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

    def step(x: int, more: list[int]) -> int:
        seen.append((x, more))
        return x + 1

    namespace = answers("def f(step): return [step(1, []), step(2, [5])]")
    assert student(namespace).f(step) == [2, 3]
    assert seen == [(1, []), (2, [5])]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        ("run[1](x, e=[1] * 300_000)", "raised", "unexpected keyword argument 'e'"),
        ("run[1](x, 0)", "raised", "takes 1 argument, and it was called with 2"),
        ("run[1]()", "raised", "takes 1 argument, and it was called with 0"),
        ("[run[1](torch.zeros(100_000)) for _ in range(20)]", "type", "more than 4 MB in this case"),
        ("[run[1](x) for _ in range(10**9)]", "timeout", "after 1 seconds"),
        ("torch.zeros(2_000_000)", "type", "too large: tensors of more than 4,194,304 bytes"),
    ],
)
def test_what_goes_to_a_callback_is_counted_and_is_its_own_arguments(
    answers: Answers, call: str, kind: str, text: str
) -> None:
    asked = []

    def answer(e: int, rows: Any) -> Any:
        asked.append(e)
        return rows + e

    one = student(answers(f"import torch\ndef f(run, x): return {call}"), limit=1.0)
    found = fault(lambda: one.f([lambda rows, e=e: answer(e, rows) for e in range(2)], torch.ones(1)))
    assert found.kind == kind
    assert text in found.message
    assert set(asked) <= {1}  # the check's own value, whatever the student's code would like it to be
    assert call.startswith("[") or not asked


@pytest.mark.parametrize("call", ["run(x, n)", "run(x, n=n)", "run(n=n, x=x)"])
def test_a_callback_takes_its_arguments_by_name_too_and_may_answer_with_a_fixture(answers: Answers, call: str) -> None:
    one = student(answers(f"def f(run, x, n):\n    told = {call}\n    return told.ids, told.stories, len(told)"))
    ids = torch.tensor([3, 4])

    def run(x: torch.Tensor, n: int) -> Any:
        return fixture("rollout", x, x > 3, -x, ["a story"] * n)

    got, stories, length = one.f(run, ids, 2)
    assert torch.equal(got, ids)
    assert (stories, length) == (["a story", "a story"], 4)


@pytest.mark.parametrize("call", ["run(1, x=1)", "run(y=1)", "run(x=1, y=2)"])
def test_a_callback_refuses_names_that_are_not_its_own(answers: Answers, call: str) -> None:
    found = fault(lambda: student(answers(f"def f(run): return {call}")).f(lambda x: x))
    assert found.kind == "raised"
    assert "unexpected keyword argument" in found.message


def test_all_results_of_a_case_are_counted_together(answers: Answers) -> None:
    one = student(answers("import torch\ndef f(): return torch.zeros(600_000)"))
    one.f()
    assert "more than 4 MB in this case" in fault(one.f).message


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
