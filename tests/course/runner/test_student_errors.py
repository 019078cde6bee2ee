"""What goes wrong in a student's code, each with a kind and a sentence."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from student_calls import fault, student

Answers = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("", "missing", "There is no `f` yet"),
        ("f = 3", "missing", "`f` is an int, not a function"),
        ("def f():\n    raise NotImplementedError('f: fill in the TODOs above')", "unfinished", "`f` is not written"),
        ("def f():\n    raise NotImplementedError('f: write its body, then')", "unfinished", "`f` is not written yet"),
        ("def f():\n    raise NotImplementedError('later')", "raised", "later"),
        ("def f():\n    return [1][2]", "raised", "list index out of range"),
        ("def f(): return f()", "raised", "calls itself without end"),
        ("def f(): exit(3)", "raised", ""),
        ("def f(): yield 1", "type", "is a generator"),
        ("def f(): return {}.items()", "type", "make a list of it"),
        ("def f(): return lambda: 1", "type", "forget the parentheses"),
        ("def f(): return object()", "type", "cannot be checked"),
        ("def f(): return input()", "raised", "input() is not available"),
        ("def f(a): return a", "raised", "missing 1 required positional argument"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\ndef f(): raise E", "raised", ""),
    ],
)
def test_each_fault_has_a_kind_and_a_sentence(answers: Answers, source: str, kind: str, text: str) -> None:
    found = fault(student(answers(source or "x = 0")).f)
    assert found.kind == kind
    assert text in found.message


def test_an_exception_comes_with_its_classes_and_its_line(answers: Answers) -> None:
    found = fault(student(answers("def f():\n    table = {}\n    return table['a']")).f)
    assert found.names[:2] == ("KeyError", "LookupError")
    assert (found.line, found.code) == (3, "return table['a']")


def test_what_autograd_says_of_a_changed_argument_is_put_plainly(answers: Answers) -> None:
    one = student(answers("def f(x):\n    x -= 1\n    return x"))
    found = fault(lambda: one.gradients("f", torch.ones(2)))
    assert "you change your argument `x` in place" in found.message
    assert "leaf" not in found.message


def test_no_names_of_the_checks_own_functions_are_shown(answers: Answers) -> None:
    source = "def f():\n    raise TypeError('Run.fill.<locals>.<lambda>() got an unexpected keyword argument')"
    found = fault(student(answers(source)).f)
    assert found.message == "a function of the check got an unexpected keyword argument"


def test_the_folder_of_a_case_has_one_name_in_all_messages(answers: Answers) -> None:
    """Its real name is another one each time, so that no two errors would be the same."""
    source = "def f(folder):\n    open(f'{folder}/step-1/checkpoint.pt')"
    found = fault(lambda: student(answers(source)).f("/tmp/some one/storyteller-a_b3c4d5"))
    assert found.message == "[Errno 2] No such file or directory: 'FOLDER/step-1/checkpoint.pt'"
