"""A student's code seen through values: calls, objects, gradients, generators, callbacks, and what goes wrong."""

import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from storyteller_course.exercises.fixtures import fixture
from storyteller_course.exercises.toy_training import Folder
from storyteller_course.runner.in_process import InProcessStudent, stand_ins_in_place
from storyteller_course.runner.student_errors import StudentError
from storyteller_course.runner.student_proxy import StudentProxy

Answers = Callable[..., dict[str, Any]]


def student(namespace: dict[str, Any], **options: Any) -> StudentProxy:
    return StudentProxy(InProcessStudent(namespace), **options)


def fault(call: Callable[[], Any]) -> StudentError:
    with pytest.raises(StudentError) as caught:
        call()
    return caught.value


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


def test_a_module_takes_on_the_precision_of_the_state_it_loads(answers: Answers) -> None:
    module = student(answers("Scale")).new("Scale", 2)
    third = torch.tensor([1.0, 1.0], dtype=torch.float64) / 3
    module.load({"factor": third, "shift": torch.zeros(2, dtype=torch.float64)})
    found = module(torch.ones(1, 2, dtype=torch.float64))
    assert found.dtype == torch.float64
    assert torch.equal(found[0], third)


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


def test_changed_arguments_are_named(answers: Answers) -> None:
    one = student(answers("def f(words, x, *, more=None):\n    words.append(1)\n    x += 1\n    more and more.clear()"))
    one.f([1], torch.zeros(2))
    assert one.mutated == ("words", "x")
    one.f([], torch.zeros(2), more={})
    assert one.mutated == ("words", "x")
    one.f([], torch.zeros(2), more={1: 2})
    assert one.mutated == ("words", "x", "more")


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("", "missing", "There is no `f` yet"),
        ("f = 3", "missing", "`f` is an int, not a function"),
        ("def f():\n    raise NotImplementedError('f: fill in the TODOs above')", "unfinished", "open TODOs"),
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


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    while True:\n        pass",
        "import time\ndef f():\n    time.sleep(60)",
        "def f():\n    while True:\n        try:\n            1 / 0\n        except Exception:\n            pass",
        "def f():\n    while True:\n        try:\n            x = 1\n        except:\n            x = 2",
    ],
)
def test_an_endless_answer_is_stopped(answers: Answers, source: str) -> None:
    before = signal.getsignal(signal.SIGINT)
    found = fault(student(answers(source), limit=0.3).f)
    assert found.kind == "timeout"
    assert "loop that never ends" in found.message
    assert signal.getsignal(signal.SIGINT) is before
    assert not any("time-limit" in thread.name for thread in threading.enumerate())


def test_a_single_call_that_cannot_be_stopped_is_waited_for_and_named(answers: Answers) -> None:
    """Compiled code does not look at signals; 2 * 10^8 numbers take it seconds."""
    source = "def f():\n    return sum(range(2 * 10**8))"
    found = fault(student(answers(source), limit=0.05).f)
    assert found.kind == "timeout"
    assert "A single call in it" in found.message


def test_the_calls_of_a_case_share_its_time(answers: Answers) -> None:
    one = student(answers("import time\ndef f(seconds): time.sleep(seconds)"), limit=0.6)
    one.f(0.35)
    assert fault(lambda: one.f(0.5)).kind == "timeout"


def test_the_users_own_interrupt_is_no_timeout(answers: Answers) -> None:
    if not hasattr(signal, "pthread_kill"):
        pytest.skip("needs a signal from another thread")
    main, before = threading.get_ident(), signal.getsignal(signal.SIGINT)

    def press() -> None:
        """Press Ctrl-C in a moment: the answer has begun by now, and will be in its loop."""
        threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT)).start()

    signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            student(answers("def f(begun):\n    begun()\n    while True:\n        pass"), limit=20).f(press)
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_bound_holds_outside_the_main_thread_but_calls_work(answers: Answers) -> None:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(student(answers("double")).double(4)))
    thread.start()
    thread.join()
    assert got == [8]


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


def test_parts_stand_in_and_go_again(toys: Any, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    own = answers("double")
    mine = own["double"]
    ours = {"double": lambda x: "part", "counts": lambda words: "part"}
    monkeypatch.setattr(type(toys), "stand_in", lambda self, name: ours.get(name))
    with stand_ins_in_place(own, toys, ["double", "counts", "shout"]) as replaced:
        assert replaced == ["double", "counts"]
        assert own["double"](1) == own["counts"]([]) == "part"
    assert own["double"] is mine
    assert "counts" not in own


def test_nothing_is_kept_on_the_students_side_after_a_case(answers: Answers) -> None:
    transport = InProcessStudent(answers("Scale"))
    one = StudentProxy(transport)
    one.new("Scale", 2)
    assert len(transport.objects) == 1
    one.close()
    assert not transport.objects


class Liar:
    """A student's side that answers with what does not belong there."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply

    def exchange(self, frame: bytes, *, seconds: float, call_back: Any) -> bytes:
        from storyteller_course.runner.serialization import encode

        return self.reply if isinstance(self.reply, bytes) else encode(self.reply)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"nonsense",
        3,
        (1, 2),
        (1, None, 5),
        (1, ("angry", "", (), 0, "", ""), ((), "", (), "")),
        (1, ("raised", 5, (), 0, "", ""), ((), "", (), "")),
        (1, None, ((3,), "", (), "")),
    ],
)
def test_a_side_that_lies_about_the_form_is_refused(reply: Any) -> None:
    assert fault(lambda: StudentProxy(Liar(reply)).f()).kind == "type"


def test_a_side_that_lies_about_objects_is_refused() -> None:
    liar = Liar((7, None, ((), "", (), "")))
    for call in (
        lambda: StudentProxy(liar).new("A"),
        lambda: StudentProxy(liar).gradients("f"),
        lambda: StudentProxy(liar).take("f", 1),
    ):
        assert fault(call).kind == "type"


def test_warnings_are_still_on_afterwards(answers: Answers) -> None:
    student(answers("double")).double(1)
    with pytest.warns(UserWarning, match="here"):
        warnings.warn("here", stacklevel=1)
    assert sys.getprofile() is None


def test_after_a_kill_the_code_knows_nothing(answers: Answers) -> None:
    source = (
        "class Counter:\n    seen = []\n    def count(self):\n"
        "        self.seen.append(1)\n        return len(self.seen)\n"
        "def also(x, seen=[]):\n    seen.append(x)\n    return len(seen)"
    )
    one = student(answers(source))
    assert [one.new("Counter").method("count") for _ in range(2)] == [1, 2]
    assert [one.also(1), one.also(1)] == [1, 2]
    one.fresh()
    assert one.new("Counter").method("count") == 1
    assert one.also(1) == 1


def test_a_folder_outlives_a_kill_as_values(answers: Answers) -> None:
    source = (
        "import os\nfrom pathlib import Path\n"
        "def write(folder):\n"
        "    (Path(folder) / 'deep').mkdir()\n"
        "    (Path(folder) / 'deep' / 'note').write_text('kept')\n"
        "    (Path(folder) / 'other').symlink_to('/etc/hostname')\n"
        "    return os.fspath(folder)\n"
        "def read(folder): return os.fspath(folder), (Path(folder) / 'deep' / 'note').read_text()"
    )
    one = student(answers(source))
    folder = one.make("folder")
    before = one.write(folder)
    assert folder.method("names") == ["deep/note"]
    assert folder.method("files") == {"deep/note": b"kept"}  # a link is not followed: it may lead anywhere
    after, text = one.read(one.fresh(folder))
    assert text == "kept"
    assert after != before
    values = [outcome.value for outcome in one.close()]
    assert values.count({"deep/note": b"kept"}) == 1  # the second time for the check alone
    assert not Path(after).exists()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "..\\out", "C:out", ""])
def test_a_file_cannot_be_put_outside_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="inside a folder"):
        Folder({name: b"x"})


def test_a_new_case_has_the_same_numbers_for_its_objects(answers: Answers) -> None:
    transport = InProcessStudent(answers("Scale"))
    values = []
    for _ in range(2):
        one = StudentProxy(transport)
        one.new("Scale", 3)
        values.append(one.close()[0].value)
    assert values[0] == values[1]
