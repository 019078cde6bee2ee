"""Calls that would be the answer itself are seen in every spelling, and only when the student's code makes them."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_course import load_lesson
from storyteller_course.exercises.stand_ins import resolve
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_course.runner.student_errors import StudentError
from storyteller_course.runner.student_proxy import StudentProxy

Answers = Callable[..., dict[str, Any]]


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


def test_the_courses_own_code_may_use_what_is_forbidden(answers: Answers) -> None:
    source = (
        "from storyteller.tokenizer import Tokenizer\ndef f(x): return Tokenizer.train(x, vocab_size=258).vocab_size"
    )
    assert not uses(answers(source), "builtins.sorted", ["a b a b"])
    source = "from storyteller.moe.router import route_top_k\ndef f(x): return route_top_k(x, 2)[0]"
    assert not uses(answers(source), "torch.softmax", torch.ones(1, 3))


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
