"""What a class's copy of the checks computes, and what it looks up."""

import ast
import textwrap

import pytest
from toy_lesson import write_toy

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import WANTED, load_lesson
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.release.recording import class_checks
from storyteller_grading.release.sealed_checks import SealedChecks

HEAD = "from storyteller_course import Exercise, close, equal\n\nthing = Exercise('thing', points=1)\n\n\n"
CASE = "@thing.case('works', points=1)\n"


def sealed(text: str, *, spoilt: str = "", **others: str) -> str:
    """The class's copy of a file, where all values but that of one expression can be recorded."""
    sources = {"thing": HEAD + textwrap.dedent(text).replace("CASE\n", CASE), **others}
    checks = SealedChecks(sources)
    texts, _ = checks.sealed({place.number for place in checks.places if ast.unparse(place.node) != spoilt})
    return texts["thing"]


ORACLE = """
def slowly(x):
    return sum(x)


"""


def test_an_oracle_is_looked_up_and_leaves():
    text = sealed(ORACLE + "CASE\ndef works(student, draw):\n    x = draw.sample(range(9), 3)\n"
                  "    equal(student.thing(x), slowly(x), 'it')\n")  # fmt: skip
    assert "slowly" not in text
    assert "equal(student.thing(x), recorded(0), 'it')" in text
    assert "from storyteller_course.exercises.recorded import recorded\n" in text


def test_an_oracle_in_another_file_leaves_with_its_import():
    text = sealed("from .oracles import slowly, letters\n\n\nCASE\ndef works(student, draw):\n    x = letters(draw)\n"
                  "    equal(student.thing(x), slowly(x))\n",
                  oracles="def letters(draw):\n    return [draw.random()]\n\n\n" + ORACLE)  # fmt: skip
    assert "from .oracles import letters\n" in text
    assert "slowly" not in text


def test_what_is_computed_in_the_case_leaves_with_all_that_prepared_it():
    text = sealed("""
    import torch


    CASE
    def works(student, draw):
        x = draw.tensor(3)
        leaf = x.clone().requires_grad_()
        parts = []
        for one in leaf:
            parts.append(one ** 2)
        sum(parts).backward()
        wanted = leaf.grad
        close(student.thing(x), wanted)
    """)
    assert text.rpartition("def works")[2] == (
        "(student, draw):\n    x = draw.tensor(3)\n    close(student.thing(x), recorded(0))\n"
    )
    assert "import torch" not in text


def test_inputs_stay_though_they_are_changed_under_another_name():
    text = sealed("""
    CASE
    def works(student, draw):
        rows = draw.tensor(2, 3)
        for row in rows:
            row[0] = 0.0
        close(student.thing(rows), rows * 2)
    """)
    assert "row[0] = 0.0" in text
    assert "rows * 2" not in text


def test_an_oracle_of_what_is_drawn_is_looked_up_and_the_drawing_stays():
    text = sealed(ORACLE + "CASE\ndef works(student, draw):\n    start = slowly(draw.sample(range(9), 3))\n"
                  "    while slowly([start]) > 5:\n        start = draw.randint(0, 9)\n"
                  "    equal(student.thing(start), [start])\n")  # fmt: skip
    assert "slowly" not in text
    assert "start = recorded(0, draw.sample(range(9), 3))" in text
    assert "while recorded(1) > 5:" in text
    assert "equal(student.thing(start), [start])" in text


def test_helpers_that_give_back_the_students_and_the_right_value_are_told_apart():
    text = sealed(
        ORACLE
        + """
def both(student, draw):
    x = draw.sample(range(9), 3)
    return student.thing(x), slowly(x)


CASE
def works(student, draw):
    got, wanted = both(student, draw)
    equal(got, wanted + 0)
"""
    )
    assert "equal(got, recorded(1))" in text
    assert "return student.thing(x), recorded(0)" in text


@pytest.mark.parametrize(
    ("case", "stays"),
    [
        ("    got = student.thing(1)\n    equal(got, slowly(got))\n", "slowly(got)"),
        ("    got = student.thing(1)\n    for one in got:\n        equal(one, slowly([2]))\n", "slowly([2])"),
        ("    if student.thing(1):\n        equal(student.thing(2), slowly([2]))\n", "slowly([2])"),
        ("    try:\n        student.thing(1)\n        equal(1, slowly([2]))\n    except ValueError:\n        pass\n",
         "slowly([2])"),
        ("    equal(student.thing(lambda x: slowly(x)), 3)\n", "lambda x: slowly(x)"),
        ("    seen = []\n\n    def ask(x):\n        seen.append(x)\n        return x\n\n    student.thing(ask)\n"
         "    equal(3, slowly(seen))\n", "slowly(seen)"),
    ],
)  # fmt: skip
def test_what_hangs_on_the_students_code_stays(case, stays):
    assert stays in sealed(ORACLE + f"CASE\ndef works(student, draw):\n{case}")


def test_what_a_callback_keeps_is_the_students_and_the_rest_of_its_object_is_not():
    text = """
    class Caller:
        def __init__(self, draw):
            self.factor, self.asked = draw.random(), []

        def run(self):
            return lambda x: self.answer(x)

        def answer(self, x):
            self.asked.append(x)
            return self.factor * x

        def wanted(self, x):
            return self.factor * x + 1

        def first(self):
            return self.asked[0]


    CASE
    def works(student, draw):
        caller = Caller(draw)
        close(student.thing(caller.run()), caller.wanted(2))
        equal(2, caller.first())
    """
    text = sealed(text, spoilt="caller.run()")
    assert "close(student.thing(caller.run()), recorded(1))" in text
    assert "def wanted" not in text
    assert "equal(2, caller.first())" in text
    assert "def answer" in text


def test_a_loop_over_a_list_that_the_case_makes_runs_as_often_for_everybody():
    text = sealed(
        ORACLE
        + """CASE
def works(student, draw):
    seen = []
    for x in (1, 2):
        seen.append(student.thing(x))
    for got in seen:
        equal(got, slowly([1]))
    for name, got in (("a", student.thing(1)), ("b", student.thing(2))):
        equal(got, slowly([name]))
"""
    )
    assert "slowly" not in text


# --- A lesson ---------------------------------------------------------------------------------------------------------

DOUBLE = "    equal(student.double(21), 42)\n"
BY_ORACLE = """\
    for _ in range(3):
        number = draw.randint(1, 99)
        equal(student.double(number), twice(number), "twice the number")


def twice(number):
    return sum([number] * 2)
"""


def class_copy(folder, home):
    files = class_checks(load_lesson(folder))
    for name, content in files.items():
        (home / folder.name / name).parent.mkdir(parents=True, exist_ok=True)
        (home / folder.name / name).write_bytes(content)
    return load_lesson(home / folder.name)


def test_a_class_s_copy_says_of_every_answer_what_the_checks_say(tmp_path):
    folder = write_toy(tmp_path, checks=(DOUBLE, BY_ORACLE))
    whole, copy = load_lesson(folder), class_copy(folder, tmp_path / "class")
    text = (copy.folder / "checks" / "double.py").read_text(encoding="utf-8")
    assert "twice(" not in text
    assert copy.reference is None
    for answer in (lambda x: 2 * x, lambda x: x * x, lambda x: x + 0.5, lambda x: None, lambda: 1):
        student = InProcessStudent({"double": answer})
        one, other = (grade(lesson.exercises["double"], student) for lesson in (whole, copy))
        assert (one.earned, one.solved) == (other.earned, other.solved)
        assert [(case.message, case.got, case.wanted) for case in one.cases] == [
            (case.message, case.got, case.wanted) for case in other.cases
        ]


def test_what_was_recorded_is_the_same_each_time(tmp_path):
    lesson = load_lesson(write_toy(tmp_path, checks=(DOUBLE, BY_ORACLE)))
    assert class_checks(lesson) == class_checks(lesson)
    assert class_checks(lesson)[WANTED]


def test_a_reference_that_fails_a_case_is_named(tmp_path):
    folder = write_toy(tmp_path, checks=(DOUBLE, "    equal(student.double(21), 41)\n"))
    with pytest.raises(StorytellerError, match="the reference fails the case 'doubles' of 'double'"):
        class_checks(load_lesson(folder))


def test_a_case_that_cannot_be_repeated_is_refused(tmp_path):
    unsteady = "    import os\n    equal(student.double(os.urandom(8)[0]) >= 0, True)\n"
    folder = write_toy(tmp_path, checks=(DOUBLE, unsteady))
    with pytest.raises(StorytellerError, match="the case 'doubles' of 'double' asks something else of the reference"):
        class_checks(load_lesson(folder))
