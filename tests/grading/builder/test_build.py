"""The two notebooks that are made of a lesson's sources."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from toy_lesson import LESSON, write_toy

from repository import ROOT
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.nbgrader_release import stub, student_notebook
from storyteller_grading.builder.solution_regions import answer_of


def solved(folder: Path):
    return draft_lesson(folder).notebook()


def released(folder: Path):
    return nbformat.reads(student_notebook(folder.name, nbformat.writes(solved(folder)) + "\n"), as_version=4)


def cell(notebook, name):
    [found] = [one for one in notebook.cells if one.id == name]
    return found


def test_cells_come_in_the_order_of_the_lesson_with_head_answer_try_and_check(tmp_path):
    names = [one.id for one in solved(write_toy(tmp_path)).cells]
    ours = [name for name in names if not name.startswith(("text-", "code-"))]
    assert ours == [
        *("begin", "setup", "double-head", "double", "double-try", "double-check"),
        *("Adder-head", "Adder", "Adder-check", "half-head", "half", "half-check", "why-head", "why"),
    ]


def test_a_function_keeps_signature_and_docstring_and_its_steps_become_todos(tmp_path):
    assert cell(released(write_toy(tmp_path)), "double").source == (
        'def double(number):\n    """Twice the number."""\n'
        "    # TODO 1: add the number to itself\n    #   (or multiply it)\n"
        '    raise NotImplementedError("double: fill in the TODOs above, then run the check below.")'
    )


def test_of_a_class_only_the_methods_with_steps_are_the_students(tmp_path):
    source = cell(released(write_toy(tmp_path)), "Adder").source
    assert "self.kept = kept" in source
    assert "self.forward(self.forward(number))" in source
    assert "the_sum_of_both" not in source
    assert source.count("raise NotImplementedError") == 1
    assert "        # TODO 2: give it back\n        raise" in source


def test_what_keeps_the_formatter_away_is_no_students_to_read(tmp_path):
    folder = write_toy(tmp_path, lesson=('print("seen")', 'print("seen",\n      1)  # fmt: skip'))
    [seen] = [one for one in released(folder).cells if '"seen"' in one.source]
    assert seen.source == 'print("seen",\n      1)'


def test_a_bug_hunt_starts_from_the_given_code(tmp_path):
    folder = write_toy(tmp_path)
    assert "smaller_than_before = number // 2\n    return" in cell(released(folder), "half").source
    assert "number / 2" in cell(solved(folder), "half").source
    assert "given" not in cell(released(folder), "half").metadata["storyteller"]


def test_the_solution_is_the_reference_with_marks_and_trailing_comments(tmp_path):
    source = cell(solved(write_toy(tmp_path)), "double").source
    assert source.split("\n")[2] == "    ### BEGIN SOLUTION"
    assert source.endswith("    return doubled\n    # the end\n    ### END SOLUTION")


def test_without_the_marks_the_solution_is_the_reference(tmp_path):
    folder = write_toy(tmp_path)
    lines = cell(solved(folder), "Adder").source.split("\n")
    plain = "\n".join(line for line in lines if "SOLUTION" not in line)
    assert plain in (folder / "reference.py").read_text(encoding="utf-8")


def test_the_check_is_locked_graded_and_lets_run_all_go_on(tmp_path):
    check = cell(released(write_toy(tmp_path)), "double-check")
    assert check.source == 'check("double")'
    assert check.metadata["tags"] == ["raises-exception"]
    about = check.metadata["nbgrader"]
    assert (about["grade"], about["locked"], about["points"]) == (True, True, 50)
    assert check.metadata["editable"] is check.metadata["deletable"] is False


def test_a_bonus_exercise_is_worth_no_points_to_nbgrader(tmp_path):
    extra = (
        "from storyteller_course import Exercise\n\n"
        'more = Exercise("more", points=5, bonus=True, hints=("a", "b", "c"))\n\n\n'
        '@more.case("", points=5)\ndef nothing(student, draw):\n    pass\n'
    )
    folder = write_toy(tmp_path, checks=('"half")', '"more", "half")'), lesson=("Why?", "exercise: more"))
    (folder / "checks" / "more.py").write_text(extra, encoding="utf-8")
    (folder / "answers" / "more.py").write_text("answers = []\n", encoding="utf-8")
    with (folder / "reference.py").open("a", encoding="utf-8") as file:
        file.write('\n\ndef more():\n    """More."""\n    # Step 1: nothing\n    return None\n')
    assert cell(solved(folder), "more-check").metadata["nbgrader"]["points"] == 0
    assert "bonus" in cell(solved(folder), "more-head").source


def test_the_model_answer_and_the_rubric_stay_with_the_solution(tmp_path):
    folder = write_toy(tmp_path)
    assert cell(solved(folder), "why").source == "Because."
    written = cell(released(folder), "why")
    assert written.source == "*Write your answer here.*"
    assert written.metadata["nbgrader"]["points"] == 10


def test_a_directive_inside_a_block_is_text(tmp_path):
    folder = write_toy(tmp_path, lesson=("Then a class.", "````\nexercise: nothing\n````"))
    assert any("exercise: nothing" in one.source for one in solved(folder).cells)


def test_ids_stay_when_something_else_is_edited(tmp_path):
    before = [one.id for one in solved(write_toy(tmp_path / "a")).cells]
    changed = LESSON.replace("Double a number.", "Double any number.\n\n+++\n\nNew.\n").replace("Toys", "Other toys")
    folder = write_toy(tmp_path / "b", lesson=(LESSON, changed))
    after = [one.id for one in solved(folder).cells]
    assert len(set(before) - set(after)) == 2  # the two texts that changed
    assert len(after) == len(before) + 1


def test_two_equal_cells_have_two_ids(tmp_path):
    folder = write_toy(tmp_path, lesson=("Then a class.", '```{code-cell}\nprint("seen")\n```'))
    names = [one.id for one in solved(folder).cells if one.source == 'print("seen")']
    assert len(set(names)) == 2


def test_a_stub_raises_once_and_names_the_exercise():
    region = "    # Step 1: one\n    if True:\n        # Step 2: two\n        pass\n    return 3"
    assert stub("f", region, "    ").split("\n") == [
        "    # TODO 1: one",
        "    # TODO 2: two",
        '    raise NotImplementedError("f: fill in the TODOs above, then run the check below.")',
    ]


def test_a_function_that_the_reference_has_from_the_library_is_taken_from_there():
    from types import SimpleNamespace

    from storyteller.inference import sampling

    name, function = next((name, one) for name, one in vars(sampling).items() if callable(one) and one.__doc__
                          and getattr(one, "__module__", "") == sampling.__name__)  # fmt: skip
    answer = answer_of(name, SimpleNamespace(**{name: function}), Path("reference.py"))
    assert answer.path == Path(sampling.__file__)
    assert answer.path.read_text(encoding="utf-8").split("\n")[answer.line - 1] in answer.source


def nbgrader(*arguments: str, cwd: Path) -> str:
    """Run nbgrader's own command; it calls alembic by name, so its folder must be on the path."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_the_student_notebook_is_byte_for_byte_what_nbgrader_generates(tmp_path):
    folder = write_toy(tmp_path / "toy")
    solution = nbformat.writes(solved(folder)) + "\n"
    source = tmp_path / "course" / "source" / folder.name
    source.mkdir(parents=True)
    (source / f"{folder.name}.ipynb").write_text(solution, encoding="utf-8", newline="\n")
    config = (ROOT / "grading" / "nbgrader_config.py").read_text(encoding="utf-8")
    (tmp_path / "course" / "nbgrader_config.py").write_text(config, encoding="utf-8")
    nbgrader("generate_assignment", folder.name, cwd=tmp_path / "course")
    made = (tmp_path / "course" / "release" / folder.name / f"{folder.name}.ipynb").read_bytes()
    assert made.replace(b"\r\n", b"\n") == student_notebook(folder.name, solution).encode()


@pytest.mark.slow
def test_nbgrader_validates_the_answers_and_not_the_untouched_notebook(tmp_path):
    folder = write_toy(tmp_path)
    config = (ROOT / "grading" / "nbgrader_config.py").read_text(encoding="utf-8")
    (folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    name, solution = f"{folder.name}.ipynb", nbformat.writes(solved(folder)) + "\n"
    (folder / name).write_text(solution, encoding="utf-8")
    assert "Success! Your notebook passes all the tests." in nbgrader("validate", name, cwd=folder)
    (folder / name).write_text(student_notebook(folder.name, solution), encoding="utf-8")
    said = nbgrader("validate", name, cwd=folder)
    assert "VALIDATION FAILED ON 4 CELL(S)"  # three checks and the written answer in said
    assert "double" in said


def test_the_notebook_names_our_kernel_and_no_version(tmp_path):
    notebook = json.loads(nbformat.writes(released(write_toy(tmp_path))))
    assert notebook["metadata"]["kernelspec"]["name"] == "storyteller"
    assert "version" not in notebook["metadata"]["language_info"]
    assert "lines_to_next_cell" not in json.dumps(notebook)


@pytest.mark.parametrize("name", ["lesson.md", "reference.py", "checks/half.py", "answers/half.py"])
def test_windows_line_ends_change_nothing(tmp_path, name):
    plain, windows = write_toy(tmp_path / "a"), write_toy(tmp_path / "b")
    text = (windows / name).read_bytes().replace(b"\n", b"\r\n")
    (windows / name).write_bytes(text)
    assert solved(plain) == solved(windows)
