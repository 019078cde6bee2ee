"""A call leaves no trace and is stopped in time; a call that would be the answer itself is seen in every spelling."""

import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from student_calls import fault, student

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_course import load_lesson
from storyteller_course.exercises.stand_ins import resolve
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.student_errors import StudentError
from storyteller_course.runner.student_proxy import StudentProxy

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


def uses(namespace: dict[str, Any], forbidden: str, *args: Any) -> bool:
    one = StudentProxy(InProcessStudent(namespace), forbidden=(forbidden,))
    try:
        one.f(*args)
    except StudentError as error:
        if error.kind != "shortcut":
            raise
        return forbidden in error.message
    return False


@pytest.mark.parametrize(
    "spelling",
    [
        "torch.softmax(x, -1)",
        "x.softmax(-1)",
        "torch.nn.functional.softmax(x, -1)",
        "nn.Softmax(-1)(x)",
        "torch.special.softmax(x, -1)",
        "torch.Tensor.softmax(x, -1)",
        "getattr(torch, 'soft' + 'max')(x, dim=-1)",
        "torch.ops.aten.softmax(x, -1)",
        "list(map(torch.softmax, [x], [-1]))[0]",
    ],
)
def test_every_spelling_of_a_torch_function_is_seen(answers: Answers, spelling: str) -> None:
    assert uses(answers(f"def f(x): return {spelling}"), "torch.softmax", torch.ones(3))


@pytest.mark.parametrize(
    "check",
    [
        "assert torch.allclose(y, torch.softmax(x, -1))",
        "want = x.softmax(-1)\n    assert (y - want).abs().max().item() < 1e-6",
        "torch.testing.assert_close(y, torch.softmax(x, -1))",
        "want = torch.softmax(x, -1)\n    if not torch.allclose(y, want):\n        print(want.tolist())",
    ],
)
def test_who_compares_with_the_ready_made_function_takes_no_shortcut(answers: Answers, check: str) -> None:
    source = f"def f(x):\n    y = x.exp() / x.exp().sum()\n    {check}\n    return y"
    assert not uses(answers(source), "torch.softmax", torch.ones(3))


@pytest.mark.parametrize(
    "body",
    [
        "w = torch.softmax(x, -1)\n    return (w @ x) * 2",
        "out = torch.zeros(3)\n    out[:] = torch.softmax(x, -1)\n    return out",
        "out = torch.zeros(3)\n    out.copy_(torch.softmax(x, -1))\n    return out",
        "return torch.softmax(x, -1).tolist()",
        "return [row * 2 for row in torch.softmax(x, -1)]",
        "return {'w': (torch.softmax(x, -1), 1)}",
        "x.copy_(torch.softmax(x, -1))",
        "assert torch.softmax(x, -1) is not None\n    return torch.softmax(x, -1)",
    ],
)
def test_what_a_forbidden_function_gave_is_followed_to_the_result(answers: Answers, body: str) -> None:
    assert uses(answers(f"def f(x):\n    {body}"), "torch.softmax", torch.ones(3))


def test_an_assertion_may_call_any_forbidden_function(answers: Answers) -> None:
    source = "from collections import Counter\ndef f(x):\n    y = {1: 2}\n    assert y == Counter(x)\n    return y"
    assert not uses(answers(source), "collections.Counter", [1, 1])


@pytest.mark.parametrize("other", ["x.exp() / x.exp().sum()", "torch.log_softmax(x, -1).exp()"])
def test_other_torch_functions_are_free(answers: Answers, other: str) -> None:
    assert not uses(answers(f"def f(x): return {other}"), "torch.softmax", torch.ones(3))


@pytest.mark.parametrize(
    ("forbidden", "source"),
    [
        ("collections.Counter", "from collections import Counter as C\ndef f(x): return C(x)"),
        ("collections.Counter", "import collections\ndef f(x): return dict(collections.Counter(x))"),
        ("collections.Counter", "from collections import Counter\ndef g(x): return Counter(x)\ndef f(x): return g(x)"),
        ("statistics.median", "import statistics\ndef f(x): return statistics.median(x)"),
        ("statistics.median", "from statistics import median as f"),
        ("builtins.sorted", "def f(x): return sorted(x)"),
        ("math.fsum", "from math import fsum\ndef f(x): return fsum(x)"),
        ("builtins.str.upper", "def f(x): return 'a'.upper()"),
        ("storyteller.moe.router.route_top_k", "def f(x):\n    from storyteller.moe.router import route_top_k\n"
         "    return route_top_k(torch.ones(1, 3), 2)[0]"),
        ("storyteller.tokenizer.Tokenizer", "from storyteller.tokenizer import Tokenizer\n"
         "def f(x): return Tokenizer.train(['ab'], vocab_size=257).vocab_size"),
    ],
)  # fmt: skip
def test_python_functions_and_classes_are_seen(answers: Answers, forbidden: str, source: str) -> None:
    assert uses(answers(source), forbidden, [2, 1, 3])


IN_A_THREAD = """
import threading
from concurrent.futures import ThreadPoolExecutor

def started(target, *args):
    found = []
    thread = threading.Thread(target=lambda: found.append(target(*args)))
    thread.start()
    thread.join()
    return found[0]
"""


@pytest.mark.parametrize(
    ("forbidden", "body"),
    [
        ("storyteller.moe.router.route_top_k", "started(route_top_k, x, 2)[0]"),
        ("storyteller.moe.router.route_top_k", "ThreadPoolExecutor(1).submit(route_top_k, x, 2).result()[0]"),
        ("torch.softmax", "started(torch.softmax, x, -1)"),
        ("torch.softmax", "started(lambda: torch.nn.functional.softmax(x, -1))"),
        ("torch.softmax", "started(x.softmax, -1)"),
        ("builtins.sorted", "started(sorted, x.tolist())"),
    ],
)
def test_calls_in_a_thread_of_the_students_are_seen(answers: Answers, forbidden: str, body: str) -> None:
    source = f"{IN_A_THREAD}from storyteller.moe.router import route_top_k\ndef f(x): return {body}"
    assert uses(answers(source), forbidden, torch.tensor([[1.0, 3.0, 2.0]]))
    assert threading.getprofile() is None


def test_a_thread_that_does_its_own_work_is_no_shortcut(answers: Answers) -> None:
    source = f"{IN_A_THREAD}def f(x): return started(lambda: x.exp() / x.exp().sum())"
    assert not uses(answers(source), "torch.softmax", torch.ones(3))


@pytest.mark.parametrize(
    ("forbidden", "source"),
    [
        ("storyteller.moe.losses.router_z_loss", "from storyteller.moe.losses import router_z_loss as f"),
        (
            "storyteller.moe.losses.router_z_loss",
            "import storyteller.moe.losses as m\ndef f(x): return m.router_z_loss(x)",
        ),
        ("torch.softmax", "from torch import softmax\ndef f(x): return softmax(x, -1)"),
    ],
)
def test_calls_are_seen_where_gradients_are_taken(answers: Answers, forbidden: str, source: str) -> None:
    one = StudentProxy(InProcessStudent(answers(source)), forbidden=(forbidden,))
    assert fault(lambda: one.gradients("f", torch.ones(2, 3))).kind == "shortcut"


def test_the_gradients_own_arithmetic_is_no_call_of_the_students(answers: Answers) -> None:
    one = StudentProxy(InProcessStudent(answers("def f(x): return x * 2")), forbidden=("torch.sum", "torch.stack"))
    assert one.gradients("f", torch.ones(3)).inputs[0].tolist() == [2, 2, 2]


def test_a_result_that_holds_itself_is_no_crash(answers: Answers) -> None:
    source = "def f(x):\n    rows = [torch.softmax(x, -1)]\n    rows.append(rows)\n    return rows"
    one = StudentProxy(InProcessStudent(answers(source)), forbidden=("torch.softmax",))
    assert fault(lambda: one.f(torch.ones(3))).kind == "type"


def test_the_courses_own_code_may_use_what_is_forbidden(answers: Answers) -> None:
    source = (
        "from storyteller.tokenizer import Tokenizer\ndef f(x): return Tokenizer.train(x, vocab_size=258).vocab_size"
    )
    assert not uses(answers(source), "builtins.sorted", ["a b a b"])
    source = "from storyteller.moe.router import route_top_k\ndef f(x): return route_top_k(x, 2)[0]"
    assert not uses(answers(source), "torch.softmax", torch.ones(1, 3))


def test_what_catches_a_print_may_use_what_is_forbidden(answers: Answers) -> None:
    assert not uses(answers("def f():\n    print('seen')\n    return 1"), "builtins.len")


def test_students_code_that_the_library_calls_is_still_the_students(answers: Answers) -> None:
    source = (
        "from storyteller_course.exercises.fixtures import tiny_model\n"
        "import storyteller.transformer.decoder\n"
        "def mine(q, k, v, **rest): return torch.softmax(q, -1)\n"
        "def f(x):\n"
        "    from storyteller.transformer.attention import Attention\n"
        "    model = tiny_model(dtype='float32')\n"
        "    for module in model.modules():\n"
        "        if hasattr(module, 'attend'): module.attend = mine\n"
        "    return model(torch.tensor([[1, 2]])).logits\n"
    )
    assert uses(answers(source), "torch.softmax", 1)


def test_a_forbidden_call_is_no_crash_and_leaves_nothing_behind(answers: Answers) -> None:
    before = sys.getprofile()
    assert uses(answers("from collections import Counter\ndef f(x): return Counter(x)"), "collections.Counter", [1])
    assert sys.getprofile() is before
    assert torch.softmax(torch.zeros(2), 0).tolist() == [0.5, 0.5]


def test_what_stands_in_for_an_exercise_is_no_answer_to_it() -> None:
    lesson = load_lesson(ROOT / "lessons" / "01_data_preparation")
    exercise, stand_in = lesson.exercises["merge_pair"], lesson.stand_in("merge_pair")
    assert exercise.forbidden == (f"{lesson.stand_ins_module}.merge_pair",)
    for source in ("f = merge_pair", "def f(*args): return merge_pair(*args)"):
        namespace: dict[str, Any] = {"__name__": "__main__", "merge_pair": stand_in}
        exec(source, namespace)
        one = StudentProxy(
            InProcessStudent(namespace), forbidden=(*exercise.forbidden, f"{lesson.stand_ins_module}.none_such")
        )
        with pytest.raises(StudentError, match="This is the course's own `merge_pair`, not yours"):
            one.f((1, 2), (1, 2), 3)


def test_a_stand_in_may_call_what_is_forbidden_to_the_student() -> None:
    lesson = load_lesson(ROOT / "lessons" / "01_data_preparation")
    namespace: dict[str, Any] = {"__name__": "__main__", "encode_word": lesson.stand_in("encode_word")}
    exec("def f(*args): return encode_word(*args)", namespace)
    forbidden = lesson.exercises["merge_pair"].forbidden
    assert StudentProxy(InProcessStudent(namespace), forbidden=forbidden).f((5, 6, 5), [(5, 6)]) == (256, 5)


def test_a_forbidden_name_must_stand_for_something() -> None:
    assert resolve("collections.Counter.most_common")
    for name in ("collections.Countr", "no_such_package.f", "plain"):
        with pytest.raises(StorytellerError, match="stands for nothing"):
            resolve(name)
