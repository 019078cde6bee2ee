"""`storyteller-grade build` and `storyteller-grade new`, as they are called."""

import json

import pytest

from storyteller_grading.builder.build import drift_of_sources
from storyteller_grading.builder.execute import ExecutionCost
from storyteller_grading.builder.lesson_folders import TEMPLATE, new_lesson
from storyteller_grading.cli import main
from storyteller_grading.commands import author

EXERCISES = "chances", "count_next", "most_likely"
FILES = [
    *(f"answers/{name}.py" for name in EXERCISES),
    *(f"checks/{name}.py" for name in ("__init__", *EXERCISES, "oracles")),
    "lesson.md",
    "reference.py",
]
DRIFT = "storyteller_grading.builder.build.drift_of_"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty course, and the working directory in it."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "lessons")
    return tmp_path


def run(capsys, *arguments):
    """Exit code and what was printed."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    said = capsys.readouterr()
    return caught.value.code or 0, said.out, said.err


def test_a_new_lesson_has_the_templates_files_and_its_own_name(repository, capsys):
    code, out, _ = run(capsys, "new", "06_rhymes")
    assert code == 0
    assert out == "Made lessons/06_rhymes. Next: storyteller-grade build 06\n"
    folder = repository / "lessons" / "06_rhymes"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == FILES
    text = (folder / "lesson.md").read_text(encoding="utf-8")
    assert "# Lesson 06: rhymes\n" in text
    assert "../../solutions/06_rhymes.ipynb" in text
    assert "LESSON_" not in text


@pytest.mark.parametrize("name", ["rhymes", "6_rhymes", "06_Rhymes", "06-rhymes", "../06_rhymes", "06_"])
def test_a_name_of_another_form_is_refused(repository, capsys, name):
    code, _, err = run(capsys, "new", name)
    assert code == 2
    assert "such as 06_rhymes" in err
    assert list((repository / "lessons").iterdir()) == []


def test_a_number_that_is_taken_is_refused(repository, capsys):
    new_lesson("06_rhymes", repository / "lessons")
    code, _, err = run(capsys, "new", "06_metres")
    assert code == 2
    assert "There is 06_rhymes already" in err


def test_an_unknown_lesson_is_refused_with_those_that_there_are(repository, capsys):
    new_lesson("06_rhymes", repository / "lessons")
    code, _, err = run(capsys, "build", "7")
    assert code == 2
    assert "There is no lesson '7'; there are: 06_rhymes." in err


def test_without_lessons_there_is_nothing_to_build(repository, capsys):
    assert run(capsys, "build")[:2] == (0, "There are no lessons yet: storyteller-grade new 01_name makes one.\n")


def test_a_fault_of_the_sources_is_one_line_and_exit_code_2(repository, capsys):
    folder = new_lesson("06_rhymes", repository / "lessons")
    (folder / "reference.py").write_text("", encoding="utf-8")
    code, _, err = run(capsys, "build", "06")
    assert code == 2
    assert err.startswith("storyteller-grade: 06_rhymes/reference.py:1: ")
    assert err.count("\n") == 1


def test_what_drifted_is_named_and_long_lists_are_cut(repository, capsys, monkeypatch):
    new_lesson("06_rhymes", repository / "lessons")
    monkeypatch.setattr(DRIFT + "sources", lambda *_: [f"cell {n}" for n in range(12)])
    code, _, err = run(capsys, "build", "--check")
    assert code == 1
    assert err.count("drifted: cell") == 10
    assert err.endswith("drifted: 2 more cells of 06_rhymes.\n")


@pytest.mark.parametrize(
    ("cost", "code"), [({"seconds": 900}, 0), ({"seconds": 1000}, 1), ({"gigabytes": 30}, 1), ({"faults": ["no"]}, 1)]
)
def test_time_and_memory_are_printed_and_fail_only_above_four_times_the_budget(
    repository, capsys, monkeypatch, cost, code
):
    new_lesson("06_rhymes", repository / "lessons")
    monkeypatch.setattr(DRIFT + "sources", lambda *_: [])
    monkeypatch.setattr(DRIFT + "outputs", lambda folder, _: ExecutionCost(folder.name, **cost))
    found, out, _ = run(capsys, "build", "--check")
    assert found == code
    assert " s of 240 s" in out
    assert " GB of 6 GB" in out


def test_two_notebooks_run_at_once():
    assert author.PARALLEL_NOTEBOOKS == 2


@pytest.mark.slow
def test_a_new_lesson_builds_at_once_and_then_nothing_has_drifted(repository, capsys):
    assert run(capsys, "new", "06_rhymes")[0] == 0
    code, out, err = run(capsys, "build", "06")
    assert (code, err) == (0, "")
    assert out.startswith("06_rhymes: ")
    folder, solutions = repository / "lessons" / "06_rhymes", repository / "solutions"
    assert drift_of_sources(folder, solutions) == []
    solution = json.loads((solutions / "06_rhymes.ipynb").read_text(encoding="utf-8"))
    student = json.loads((folder / "06_rhymes.ipynb").read_text(encoding="utf-8"))
    outputs = [[bool(cell.get("outputs")) for cell in one["cells"]] for one in (solution, student)]
    assert any(outputs[0])
    assert not any(outputs[1])
    assert run(capsys, "build", "--check")[0] == 0


def test_the_template_holds_the_hand_written_files_only():
    found = {path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*.*") if "__pycache__" not in path.parts}
    assert found == set(FILES)


def test_a_submission_that_is_not_there_is_said(repository, capsys):
    code, _, said = run(capsys, "judge", "ada.ipynb")
    assert code == 2
    assert said == "storyteller-grade: There is no file ada.ipynb; name the .ipynb file that was handed in.\n"
