"""Every fault of a lesson's sources is named with its file and line."""

import re

import pytest
from toy_lesson import line_of, write_toy

from storyteller_grading.builder.build import answers_of, draft_lesson, load_checked, refuse_leaks
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.nbgrader_release import student_notebook


def build(folder):
    import nbformat

    draft = draft_lesson(folder)
    student = student_notebook(folder.name, nbformat.writes(draft.notebook()) + "\n")
    refuse_leaks(draft, student, answers_of(load_checked(folder)))


# What is changed in which file, where the error must point (file, text of the line), what it must say.
FAULTS = {
    "unknown exercise": (
        {"lesson": ("Why?", "exercise: triple")},
        ("lesson.md", "exercise: triple"),
        "unknown exercise 'triple'",
    ),
    "exercise twice": (
        {"lesson": ("Why?", "a\n\nexercise: double")},
        ("lesson.md", "a\n\nexercise: double", 2),
        "'double' has a cell from line 15",
    ),
    "one id for an exercise and a written answer": (
        {"lesson": ("written: why", "written: half")},
        ("lesson.md", "written: half"),
        "'half' has a cell",
    ),
    "points": (
        {"checks": ("points=30, builds", "points=30, bonus=True, builds")},
        ("checks/__init__.py", "EXERCISES"),
        "70, not to 100",
    ),
    "marker in the text": (
        {"lesson": ("Why?", "### BEGIN SOLUTION")},
        ("lesson.md", "### BEGIN"),
        "a solution marker outside an exercise",
    ),
    "marker in a demo": (
        {"lesson": ('print("seen")', "x = 1  # END SOLUTION")},
        ("lesson.md", "x = 1"),
        "a solution marker outside an exercise",
    ),
    "marker in the reference": (
        {"reference": ("# the end", "### END SOLUTION")},
        ("reference.py", "### END"),
        "a solution marker in the reference",
    ),
    "check without an exercise": (
        {"lesson": ('print("seen")', 'x = 1\ncheck("half")')},
        ("lesson.md", 'check("half")'),
        "a check without an exercise",
    ),
    "exercise that is not placed": (
        {"lesson": ("exercise: half\n", "")},
        ("checks/half.py", 'Exercise("half"'),
        "has no line `exercise: half`",
    ),
    "answer in a demo": (
        {"lesson": ('print("seen")', "number = 1\ndoubled = number  +  number + 0 * number")},
        ("lesson.md", "doubled ="),
        "this line of the answer to 'double' is left",
    ),
    "answer in the text": (
        {"lesson": ("Then a class.", "As in\n`the_sum_of_both = number + self.kept`.")},
        ("lesson.md", "`the_sum"),
        "this line of the answer to 'Adder' is left",
    ),
    "mended bug in the text": (
        {"lesson": ("A bug to find.", "smaller_than_before = number / 2")},
        ("lesson.md", "smaller_than"),
        "this line of the answer to 'half' is left",
    ),
    "function that is not there": (
        {"reference": ("def half", "def halve")},
        ("reference.py", '"""Toys."""'),
        "no function or class 'half'",
    ),
    "no steps": (
        {"reference": ("# Step 1: add the number", "# add the number")},
        ("reference.py", "def double"),
        "no comment",
    ),
    "steps out of order": (
        {"reference": ("# Step 2: give", "# Step 3: give")},
        ("reference.py", "class Adder"),
        "are numbered [1, 3]",
    ),
    "too long": (
        {"reference": ("    return doubled", "    x = 1\n" * 30 + "    return doubled")},
        ("reference.py", "# Step 1: add the number"),
        "at most 30",
    ),
    "no docstring": (
        {"reference": ('    """Twice the number."""\n', "")},
        ("reference.py", "def double"),
        "needs a docstring",
    ),
    "unknown tag": (
        {"lesson": ("[setup]", "[set-up]")},
        ("lesson.md", "from storyteller_course"),
        "unknown tag 'set-up'",
    ),
    "not Python": ({"lesson": ('print("seen")', "x = 1\nif x\n")}, ("lesson.md", "if x"), "not Python"),
    "written without its block": (
        {"lesson": ("```{rubric}", "```")},
        ("lesson.md", "written: why"),
        "block ```{rubric}",
    ),
    "empty rubric": ({"lesson": ("Because.\n", "")}, ("lesson.md", "```{rubric}"), "is empty"),
    "not quite a directive": (
        {"lesson": ("exercise: half", "Exercise: half")},
        ("lesson.md", "Exercise: half"),
        "write `exercise: half`",
    ),
    "described before what it builds on": (
        {"checks": ('builds_on=("double",)', 'builds_on=("half",)')},
        ("checks/Adder.py", 'Exercise("Adder"'),
        "builds on 'half'",
    ),
    "placed before what it builds on": (
        {"lesson": ("exercise: double\n", "exercise: Adder\n")},
        ("lesson.md", "exercise: Adder"),
        "builds on 'double', which must come before",
    ),
    "a change that does not fit the reference": (
        {"answers": ('("number / 2", "number // 2")', '("number / 3", "number // 2")')},
        ("answers/half.py", "Given("),
        "changes 'number / 3', which stands 0 times",
    ),
    "a wrong answer that does not fit the reference": (
        {
            "answers": (
                "answers = [",
                "from storyteller_course import Wrong\n\nanswers = [\n    Wrong('double',\n"
                "        'thrice', 'No.', change=('x', 'y')),",
            )
        },
        ("answers/double.py", "'thrice'"),
        "changes 'x', which stands",
    ),
    "bug hunt without its code": (
        {"answers": ('Given("half", change=("number / 2", "number // 2"))', "")},
        ("checks/half.py", '"half"'),
        "has a Given('half', ...) in answers/half.py",
    ),
    "given code with another signature": (
        {"answers": ('("number / 2", "number // 2")', '("def half(number)", "def half(n, number=2)")')},
        ("reference.py", "def half"),
        "must change the body and nothing else",
    ),
    "syntax of the checks": ({"checks": ("HINTS =", "HINTS = =")}, ("checks/hints.py", "HINTS ="), "not Python"),
    "error in the checks": ({"checks": ("HINTS =", "HINTS = nothing")}, ("checks/hints.py", "HINTS ="), ""),
    "exercise that is not listed": (
        {"checks": (', "half")', ")")},
        ("checks/__init__.py", '"""What'),
        "checks/half.py is not listed in the EXERCISES",
    ),
    "exercise without a file": (
        {"checks": ('"half")', '"half", "third")')},
        ("checks/__init__.py", '"""What'),
        "lists 'third', and third.py beside it describes no such exercise",
    ),
    "cases and points": (
        {"checks": ('"doubles", points=50', '"doubles", points=40')},
        ("checks/double.py", 'Exercise("double"'),
        "sum to 40",
    ),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_named_with_its_file_and_line(tmp_path, fault):
    changes, (name, text, *rest), message = FAULTS[fault]
    folder = write_toy(tmp_path, **changes)
    with pytest.raises(BuildError) as caught:
        build(folder)
    line = line_of(folder / name, text) + (rest[0] if rest else 0)
    assert str(caught.value).startswith(f"09_toys/{name}:{line}: ")
    assert message in str(caught.value)


def test_the_toy_itself_has_no_fault(tmp_path):
    build(write_toy(tmp_path))


def test_a_try_cell_may_follow_its_exercise_only(tmp_path):
    moved = "Why?\n\n```{code-cell}\n:tags: [try]\n\nprint(1)\n```"
    folder = write_toy(tmp_path, lesson=("Why?", moved))
    with pytest.raises(BuildError, match=re.escape(f"lesson.md:{line_of(folder / 'lesson.md', 'print(1)')}: ")):
        build(folder)


@pytest.mark.parametrize("name", ["lesson.md", "reference.py", "checks/__init__.py", "answers/double.py"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = write_toy(tmp_path)
    (folder / name).unlink()
    with pytest.raises(BuildError, match=re.escape(name)):
        build(folder)
