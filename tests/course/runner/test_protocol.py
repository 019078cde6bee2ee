"""A side that answers with what does not belong there is refused."""

from typing import Any

import pytest
from student_calls import fault

from storyteller_course.runner.student_proxy import StudentProxy


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
