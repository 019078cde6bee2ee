"""A class is graded to its end, whatever one of it hands in, and what was done is not done again."""

import re
from pathlib import Path

import pytest
from toy_class import NAME, POINTS, RIGHT, SECRET, hand_in, hand_in_all, make_course, notebook, outcome, table
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading import cli
from storyteller_grading.classroom.autograde import autograde as autograding
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.autograde.grade_task import Task
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.course import Course, Submission, course_lock
from storyteller_grading.judge.hidden_seeds import DRAWS, hidden_seeds

OPTIONS = GradingOptions(jobs=1, draws=1, unsafe=True)  # our own code, also where there is no sandbox


@pytest.fixture(scope="module")
def graded(tmp_path_factory, home):
    """A class that was graded, and the summary."""
    course = make_course(tmp_path_factory.mktemp("class") / "course")
    hand_in_all(course, home)
    return course, autograde(course, home, OPTIONS)


def records_of(course):
    with Records(course.records_file) as records:
        return {record.student: record for record in records.all_latest(NAME)}


def test_everybody_is_graded_whatever_the_others_handed_in(graded):
    course, summary = graded
    earned = {one.student: (one.status, one.data["earned"]) for one in summary.outcomes}
    assert earned == {
        "ada": ("graded", 100),
        "bob": ("graded", 50),
        "cyd": ("unreadable", 0),
        "dan": ("graded", 80),
        "eve": ("graded", 100),
        "fay": ("unreadable", 0),
        "gil": ("unreadable", 0),
    }
    found = table(course)
    assert {student: [rows[f"{name}-check"][0] for name in POINTS] for student, rows in found.items()} == {
        "ada": [50, 30, 20],
        "bob": [50, 0, 0],
        "cyd": [0, 0, 0],
        "dan": [50, 30, 0],
        "eve": [50, 30, 20],
        "fay": [0, 0, 0],
        "gil": [0, 0, 0],
    }
    assert found["ada"]["why"] == (None, None, 10.0, True)
    assert str(found["ada"]["when"]) == "2026-03-01 12:00:00"


def test_records_say_what_was_strange(graded):
    found = records_of(graded[0])
    assert "mine.ipynb" in found["eve"].data["notes"][0]
    assert found["fay"].data["fault"] == f"{NAME}.ipynb is a link; hand in the notebook itself."
    assert "cannot be opened" in found["gil"].data["fault"]
    assert found["ada"].written == {"why": "Because."}
    assert found["bob"].written == {"why": ""}
    assert found["ada"].answers == RIGHT
    assert all(record.booked for record in found.values())


def test_the_secret_is_nowhere_but_in_its_file(graded):
    course = graded[0]
    secret = course.secret()
    files = [path for path in course.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == [course.secret_file]
    assert secret not in repr(Task(lesson="", student="", name="", notebook=b"", secret=secret))


def test_a_second_run_grades_nobody_and_changes_nothing(graded, home):
    course, _ = graded
    before, notebooks = table(course), sorted(course.autograded.rglob("*.ipynb"))
    summary = autograde(course, home, OPTIONS)
    assert (summary.kept, summary.outcomes) == (7, [])
    assert table(course) == before
    assert sorted(course.autograded.rglob("*.ipynb")) == notebooks
    assert len(notebooks) == 7


def test_what_a_killed_run_left_undone_is_done(graded, home, monkeypatch):
    """Killed after the record, before the gradebook; and after the gradebook was lost."""
    course, _ = graded
    whole = table(course)
    (course.folder / "gradebook.db").rename(course.folder / "old.db")
    (course.autograded / "bob" / NAME / f"{NAME}.ipynb").unlink()
    monkeypatch.setattr(autograding, "grade_in_processes", lambda tasks, jobs: pytest.fail("nobody need be graded"))
    monkeypatch.setattr(autograding, "graded_tasks", lambda tasks, wanted: (one for one in ()))
    autograde(course, home, OPTIONS)
    assert table(course) == whole
    assert (course.autograded / "bob" / NAME / f"{NAME}.ipynb").is_file()


def test_only_what_changed_is_graded_again(graded, home, monkeypatch):
    course, _ = graded
    sent = []

    def noted(tasks, wanted):
        for task in tasks:
            sent.append(task.student)
            yield from ()

    monkeypatch.setattr(autograding, "graded_tasks", noted)
    file = course.submitted / "bob" / NAME / f"{NAME}.ipynb"
    before = file.read_bytes()
    file.write_bytes(before + b"\n")
    autograde(course, home, OPTIONS)
    autograde(course, home, GradingOptions(only_new=True, unsafe=True))
    file.write_bytes(before)
    autograde(course, home, OPTIONS)
    assert sent == ["bob"]
    autograde(course, home, GradingOptions(draws=2, unsafe=True, students=["ada", "eve"]))
    assert sent == ["bob", "ada", "eve"]


def test_the_time_of_handing_in_is_brought_up_to_date(graded, home):
    course, _ = graded
    stamp = course.submitted / "bob" / NAME / "timestamp.txt"
    stamp.write_text("2026-03-02 08:00:00 UTC", encoding="utf-8")
    assert autograde(course, home, OPTIONS).kept == 7
    assert str(table(course)["bob"]["when"]) == "2026-03-02 08:00:00"
    stamp.write_text("yesterday <b>", encoding="utf-8")
    assert "no time" in Course(course.folder).submissions(NAME)[1].notes[0]
    stamp.unlink()
    autograde(course, home, OPTIONS)
    assert table(course)["bob"]["when"] is None


# --- The commands


def run(*arguments):
    return CliRunner().invoke(cli.app, list(arguments))


def test_the_command_says_what_came_of_it(graded, home):
    course, _ = graded
    result = run("autograde", str(home), "--course", str(course.folder), "--only-new", "--unsafe")
    assert result.exit_code == 0, result.output
    assert "7 had been graded before and have not changed." in result.output
    course.roster_file.write_text("id\nada\nzoe\n", encoding="utf-8")
    (course.submitted / "a[bold]b").mkdir()
    result = run("autograde", str(home), "--course", str(course.folder), "--only-new", "--unsafe")
    (course.submitted / "a[bold]b").rmdir()
    assert "1 of the roster handed in nothing: zoe" in result.output
    assert "6 have work here and do not stand in roster.csv" in result.output
    assert "1 in submitted/ is no student's folder and was passed over: a[bold]b" in result.output


def test_a_failure_of_the_grader_is_exit_code_1_and_no_grade(graded, home, monkeypatch):
    course, _ = graded
    failure = outcome("ada", status="failed", data={}, failure="the judge died (signal 9), twice")
    monkeypatch.setattr(autograding, "graded_tasks", lambda tasks, wanted: (one for one in [failure]))
    before = table(course)
    result = run("regrade", "ada", str(home), "--course", str(course.folder), "--unsafe")
    assert result.exit_code == 1
    assert "FAILED (the judge died (signal 9), twice)" in result.output
    assert table(course) == before
    assert records_of(course)["ada"].status == "graded"


def test_ctrl_c_is_a_sentence(graded, home, monkeypatch):
    course, _ = graded

    def interrupted(tasks, wanted):
        yield outcome("ada")
        raise KeyboardInterrupt

    monkeypatch.setattr(autograding, "graded_tasks", interrupted)
    arguments = ["autograde", str(home), "--course", str(course.folder), "--unsafe", "--students", "ada,bob"]
    monkeypatch.setattr(autograding, "is_done", lambda *about: False)
    result = run(*arguments)
    assert isinstance(result.exception, StorytellerError)
    assert str(result.exception).startswith(f"Stopped: 1 submission of {NAME} was graded and is kept")


def test_regrading_says_what_changed_and_keeps_what_was(graded, home, monkeypatch):
    course, _ = graded
    better = outcome("bob", {"double": 50, "half": 20})
    monkeypatch.setattr(autograding, "graded_tasks", lambda tasks, wanted: (one for one in [better]))
    result = run("regrade", "bob", str(home), "--course", str(course.folder), "--unsafe")
    assert result.exit_code == 0, result.output
    assert "50 -> 70 of 100 points" in result.output
    with Records(course.records_file) as records:
        assert [one.data["earned"] for one in records.history(NAME, "bob")][-2:] == [50, 70]
    assert table(course)["bob"]["half-check"][0] == 20.0


def test_an_appeal_gets_the_hidden_inputs_of_before(graded, home):
    """They depend on the notebook, and the record keeps which they were."""
    course, _ = graded
    before, other = records_of(course)["dan"], records_of(course)["eve"]
    result = run("regrade", "dan", str(home), "--course", str(course.folder), "--unsafe")
    assert result.exit_code == 0, result.output
    assert re.search(r"80 -> 80 of 100 points; 0 of \d+ cases changed", result.output)
    after = records_of(course)["dan"]
    assert after.id > before.id
    assert after.seeds == [*hidden_seeds(SECRET, DRAWS, before.sha256)]
    assert before.seeds == after.seeds[: OPTIONS.draws]
    assert other.seeds
    assert not set(other.seeds) & set(after.seeds)


# --- What the user can mend


def test_a_secret_that_others_can_read_is_refused(graded, home):
    course, _ = graded
    course.secret_file.chmod(0o644)
    with pytest.raises(StorytellerError, match=r"chmod 600 .*secret"):
        autograde(course, home, OPTIONS)
    course.secret_file.chmod(0o600)


def test_two_graders_at_once_are_refused(graded, home):
    course, _ = graded
    with course_lock(course), pytest.raises(StorytellerError, match="Another storyteller-grade"):
        autograde(course, home, OPTIONS)


def test_no_course_no_submissions_and_unknown_students_are_sentences(graded, home, tmp_path):
    course, _ = graded
    with pytest.raises(StorytellerError, match=r"is no course: it has no nbgrader_config\.py"):
        Course.open(tmp_path)
    with pytest.raises(StorytellerError, match="Nothing of zoe lies in"):
        autograde(course, home, GradingOptions(students=["zoe"], unsafe=True))
    with pytest.raises(StorytellerError, match="Nothing was handed in"):
        autograde(make_course(tmp_path / "course"), home, OPTIONS)


def test_folders_that_are_no_students_and_links_are_passed_over(tmp_path):
    course = make_course(tmp_path / "course")
    hand_in(course, "ada", "{}")
    for name in ("_unmatched", ".hidden", "<b>", "-rf"):
        (course.submitted / name / NAME).mkdir(parents=True)
    (course.submitted / "link").symlink_to(course.submitted / "ada")
    assert [one.student for one in course.submissions(NAME)] == ["ada"]
    assert course.passed_over() == ["-rf", "<b>", "link"]


def test_a_roster_with_a_student_twice_is_a_sentence(tmp_path):
    course = make_course(tmp_path / "course")
    course.roster_file.write_text("id,first_name\nada,Ada\nada,Ada\n", encoding="utf-8")
    with pytest.raises(StorytellerError, match="line 3, has a student a second time: 'ada'"):
        course.students()


def broken(student):
    """In the place of a function that reads or writes down what a student handed in: fails at this student's."""

    def make(original):
        def wrapped(*args, **kwargs):
            if any(
                argument == student or (isinstance(argument, Path) and student in argument.parts) for argument in args
            ):
                raise ArithmeticError("[<class 'decimal.ConversionSyntax'>]")
            return original(*args, **kwargs)

        return wrapped

    return make


@pytest.mark.parametrize("place", ["read", "contents"])
def test_what_goes_wrong_while_one_students_files_are_read_is_that_students_fault(place, tmp_path, home, monkeypatch):
    course = make_course(tmp_path / "course")
    hand_in(course, "ada", notebook(home))
    hand_in(course, "bob", notebook(home))
    where, name = (Submission, "read") if place == "read" else (autograding, "contents")
    monkeypatch.setattr(where, name, broken("ada")(getattr(where, name)))
    summary = autograde(course, home, OPTIONS)
    assert {one.student: (one.status, one.data["earned"]) for one in summary.outcomes} == {
        "ada": ("unreadable", 0),
        "bob": ("graded", 100),
    }
    assert "could not be read (ArithmeticError: [<class 'decimal" in records_of(course)["ada"].data["fault"]


def test_a_grade_that_cannot_be_booked_is_told_and_stops_nobody(tmp_path, home, monkeypatch):
    course = make_course(tmp_path / "course")
    hand_in(course, "ada", notebook(home))
    hand_in(course, "bob", notebook(home))
    with monkeypatch.context() as patched:
        patched.setattr(autograding, "write_rebuilt", broken("ada")(autograding.write_rebuilt))
        arguments = ["autograde", str(home), "--course", str(course.folder), "--jobs", "1", "--unsafe"]
        done = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    assert done.exit_code == 1, done.output
    assert "could NOT be entered in nbgrader's gradebook" in " ".join(done.output.split())
    assert "ada (ArithmeticError" in done.output
    assert records_of(course)["ada"].data["earned"] == 100
    assert set(table(course)) == {"bob"}
    autograde(course, home, OPTIONS)  # which begins with what was left undone
    assert set(table(course)) == {"ada", "bob"}
