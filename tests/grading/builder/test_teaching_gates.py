"""What a lesson may not give away, and how wide and long its cells may be."""

import nbformat
import pytest
from toy_lesson import line_of, write_toy

from storyteller_course import load_lesson
from storyteller_course.exercises.known_answers import run_source
from storyteller_course.grading.grade import grade
from storyteller_course.runner.in_process import InProcessStudent
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.builder.teaching_gates import MAX_COLUMNS, MAX_DEMO_LINES, formula_in, words_in_common


def scaffolded(folder, scaffold, reference=("", ""), stars=1, lesson=("Toys", "Toys")):
    return write_toy(
        folder,
        reference=reference,
        lesson=lesson,
        checks=('Exercise("double", points=50', f'Exercise("double", scaffold="{scaffold}", stars={stars}, points=50'),
    )


def released(folder, name):
    text = student_notebook(folder.name, nbformat.writes(draft_lesson(folder).notebook()) + "\n")
    [cell] = [one for one in nbformat.reads(text, as_version=4).cells if one.id == name]
    return cell


GOAL = (
    "    # Step 1: add the number",
    "    # Goal: what number + number gives,\n    #   whatever it is\n    # Step 1: add the number",
)


def test_a_goal_is_the_only_todo(tmp_path):
    cell = released(scaffolded(tmp_path, "goal", GOAL, stars=3), "double")
    assert cell.source == (
        'def double(number):\n    """Twice the number."""\n    # TODO: what number + number gives,\n'
        "    #   whatever it is\n"
        '    raise NotImplementedError("double: write its body, then run the check below.")'
    )
    assert "scaffold" not in cell.metadata["storyteller"]


def test_a_blank_cell_has_signature_and_docstring(tmp_path):
    folder = scaffolded(tmp_path, "blank", stars=2)
    assert released(folder, "double").source == (
        'def double(number):\n    """Twice the number."""\n'
        '    raise NotImplementedError("double: write its body, then run the check below.")'
    )
    namespace = {}
    run_source(released(folder, "double").source, namespace, "<cell>")
    assert grade(load_lesson(folder).exercises["double"], InProcessStudent(namespace)).unfinished
    assert 'hint("double")` gives the steps, and then 3 more hints' in released(folder, "double-head").source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scaffold": "goal"}, "has comment `# Goal: ...`"),
        ({"scaffold": "blank", "reference": GOAL}, "has no comment `# Goal: ...`"),
        ({"scaffold": "steps", "stars": 2}, "'double' has 2 stars"),
        ({"scaffold": "blank", "reference": ("Twice the number.", "Gives number + number * 1.")}, "is blank, and its"),
        ({"scaffold": "blank", "lesson": ("Double a number.", "It is `number + 0 * number`.")}, "is blank, and its"),
        ({"scaffold": "blank", "lesson": ("Double a number.", "```\nsum(both) + 0\n```")}, "is blank, and its"),
        ({"scaffold": "steps", "reference": ("Twice the number.", "Twice" + " the number" * 9)}, f"{MAX_COLUMNS} are"),
    ],
)
def test_what_gives_an_answer_away_is_refused(tmp_path, options, message):
    with pytest.raises(BuildError, match=message):
        draft_lesson(scaffolded(tmp_path, **options))


def test_the_prose_of_another_exercise_may_have_its_formula(tmp_path):
    folder = scaffolded(tmp_path, "blank", lesson=("Then a class.", "It is `number + 0 * number`."))
    draft_lesson(folder)


def test_a_step_that_tells_a_mistake_is_refused(tmp_path):
    wrong = (
        "from storyteller_course import Wrong\n\nanswers = [Wrong('double', 'thrice', "
        "'Add the amount to itself once, or multiply it by two.', "
        "change=('number + number + 0', 'number + number + 1'))]\n"
    )
    steps = ("add the number to itself", "add the amount to itself once")
    folder = scaffolded(tmp_path, "steps", steps)
    (folder / "answers" / "double.py").write_text(wrong, encoding="utf-8")
    with pytest.raises(BuildError, match="tells what the mistake 'thrice' explains: add, amount, "):
        draft_lesson(folder)
    folder = scaffolded(tmp_path / "b", "steps")
    (folder / "answers" / "double.py").write_text(
        wrong.replace("Add the amount to itself once, or multiply it by two.", "It is one more."), encoding="utf-8"
    )
    draft_lesson(folder)


@pytest.mark.parametrize("tag", ["", ":tags: [nbval-ignore-output]\n\n"])
def test_a_long_or_wide_cell_is_refused(tmp_path, tag):
    for number, body in enumerate(("x = 1\n" * MAX_DEMO_LINES + "x = 2", "y = 2\nx = '" + "x" * MAX_COLUMNS + "'")):
        cell = f"```{{code-cell}}\n{tag}{body}\n```"
        folder = write_toy(tmp_path / str(number), lesson=("Then a class.", cell))
        with pytest.raises(BuildError, match="at most") as caught:
            draft_lesson(folder)
        wide = "x = '" if number else "x = 1"
        assert f"lesson.md:{line_of(folder / 'lesson.md', wide)}: " in str(caught.value)
        ungated = (
            (folder / "lesson.md").read_text(encoding="utf-8").replace("---\n", "---\nbefore_teaching_gates: true\n", 1)
        )
        (folder / "lesson.md").write_text(ungated, encoding="utf-8")
        draft_lesson(folder)


def test_each_question_to_think_about_has_an_answer_to_unfold(tmp_path):
    answer = "<details>\n<summary>An answer</summary>\n\n1. So.\n\n</details>"
    asked = f"Two questions to think about:\n\n1. Why?\n\n{answer}\n\n2. How?"
    with pytest.raises(BuildError, match="of 2 questions to think about each has its answer"):
        draft_lesson(write_toy(tmp_path, lesson=("Then a class.", asked)))
    whole = asked + "\n\n<details>\n\nThus.\n\n</details>"
    draft_lesson(write_toy(tmp_path / "b", lesson=("Then a class.", whole)))


@pytest.mark.parametrize(
    "text",
    [
        "x / rms(x)",
        "the rows q @ k.T / sqrt(d)",
        "f(x) + 1",
        "(a * cos - b * sin)",
        "x ** 2 + y ** 2",
        "return -counts[p] + f(p)",
    ],
)
def test_a_formula_is_found(text):
    assert formula_in(["Words.", text]) == text


@pytest.mark.parametrize(
    "text",
    [
        "token 256 + r",
        "(B, T, D) -> (B, H, T, Dh)",
        "of shape (B * T, D)",
        "a word - or two - more",
        "ids[i], f(x)",
        "n_merges: how many",
    ],
)
def test_words_and_shapes_are_no_formula(text):
    assert formula_in([text]) == ""


def test_words_that_the_docstring_has_are_not_told_by_a_step():
    step, explanation = (
        "Replace the longest keys first.",
        "Replaced first, the short key eats it: the longest go first.",
    )
    assert words_in_common(step, explanation, known="") == ["first", "key", "longest", "replac"]
    assert words_in_common(step, explanation, known="the keys, longest first") == ["replac"]
