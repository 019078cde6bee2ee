"""A student's code in this process: defined anew, and with the course's functions in its place."""

from collections.abc import Callable
from typing import Any

import pytest
from student_calls import student

from storyteller_course.runner.in_process import stand_ins_in_place

Answers = Callable[..., dict[str, Any]]


def test_parts_stand_in_and_go_again(toys: Any, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    own = answers("double")
    mine = own["double"]
    parts = {"double": lambda x: "part", "counts": lambda words: "part"}
    monkeypatch.setattr(type(toys), "stand_in", lambda self, name: parts.get(name))
    with stand_ins_in_place(own, toys, ["double", "counts", "shout"]) as replaced:
        assert replaced == ["double", "counts"]
        assert own["double"](1) == own["counts"]([]) == "part"
    assert own["double"] is mine
    assert "counts" not in own


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
