"""A class is graded to its end, whatever one of it hands in, and what was done is not done again."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from strange_judges import strange, strange_tasks
from toy_class import NAME, POINTS, RIGHT, hand_in, make_course, notebook, outcome, table
from typer.testing import CliRunner

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_grading import cli
from storyteller_grading.classroom.autograde import autograde as autograding
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.autograde.dask_cluster import grade_on_cluster
from storyteller_grading.classroom.autograde.grade_task import Task, grade_one, task_from_bytes, task_to_bytes
from storyteller_grading.classroom.autograde.process_pool import grade_in_processes
from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.autograde.regrade_diff import changes
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.lock import course_lock

OPTIONS = GradingOptions(jobs=1, draws=1, unsafe=True)  # our own code, also where there is no sandbox


def hand_in_all(course, home):
    hand_in(course, "ada", notebook(home, written="Because."), when="2026-03-01 12:00:00.000000 UTC")
    hand_in(course, "bob", notebook(home, {"double": RIGHT["double"]}))
    hand_in(course, "cyd", '{"cells": 3}')
    hand_in(course, "dan", notebook(home, RIGHT | {"half": "import os\nos._exit(0)"}))
    other = course.submitted / "eve" / NAME
    other.mkdir(parents=True)
    (other / "mine.ipynb").write_text(json.dumps(notebook(home)), encoding="utf-8")
    (course.submitted / "fay" / NAME).mkdir(parents=True)
    (course.submitted / "fay" / NAME / f"{NAME}.ipynb").symlink_to(course.secret_file)
    (course.submitted / "gil" / NAME).mkdir(parents=True)


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
    assert "1 in submitted/ are no student's folder and were passed over: a[bold]b" in result.output


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
    assert str(result.exception).startswith(f"Stopped: 1 submissions of {NAME} were graded and are kept")


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


def test_changes_are_told_case_by_case():
    before, after = outcome("ada", {"double": 50}), outcome("ada", {"double": 50, "half": 20})
    assert list(changes(before, after)) == [
        "09_toys: 50 -> 70 of 100 points; 1 of 3 cases changed.",
        "  half: does it: 0/20 (differs) -> 20/20",
    ]
    assert list(changes(after, after)) == ["09_toys: 70 -> 70 of 100 points; 0 of 3 cases changed."]
    assert list(changes(None, after)) == ["09_toys: 70 of 100 points, graded for the first time."]


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


# --- The pool


def test_a_judge_that_dies_hangs_or_fails_costs_nobody_else_anything(tmp_path):
    orders = {"a": "die", "b": "", "c": "die once", "d": "hang", "e": "fail once", "f": "fail", "g": ""}
    found = {
        one.student: one
        for one in grade_in_processes(strange_tasks(tmp_path, orders), jobs=2, timeout_s=2.0, grade=strange)
    }
    assert {name: one.status for name, one in found.items()} == {
        **dict.fromkeys("bceg", "graded"),
        **dict.fromkeys("adf", "failed"),
    }
    assert found["a"].failure == "the judge died (signal 9), twice"
    assert found["d"].failure == "the judge was still busy after 2 seconds, twice"
    assert found["f"].failure == "no luck with ..., twice"
    tries = {name: len((tmp_path / name).read_text(encoding="utf-8").splitlines()) for name in orders}
    assert tries == {"a": 2, "b": 1, "c": 2, "d": 2, "e": 2, "f": 2, "g": 1}


def test_judges_end_with_a_class_that_is_killed(tmp_path):
    """SIGKILL gives nobody a chance to say goodbye."""
    script = tmp_path / "grade.py"
    script.write_text(
        "from pathlib import Path\nfrom strange_judges import strange, strange_tasks\n"
        "from storyteller_grading.classroom.autograde.process_pool import grade_in_processes\n"
        "if __name__ == '__main__':\n"
        f"    tasks = strange_tasks(Path({str(tmp_path)!r}), {{'a': 'hang'}})\n"
        "    list(grade_in_processes(tasks, jobs=1, grade=strange))\n",
        encoding="utf-8",
    )
    tests = ROOT / "tests"
    paths = os.pathsep.join([str(tests / "grading"), str(tests)])
    process = subprocess.Popen([sys.executable, str(script)], env=os.environ | {"PYTHONPATH": paths})
    wait_until(lambda: (tmp_path / "a").is_file() and (tmp_path / "a").read_text(encoding="utf-8"), process)
    judge = int((tmp_path / "a").read_text(encoding="utf-8"))
    process.kill()
    process.wait()
    wait_until(lambda: not Path(f"/proc/{judge}").exists() and not alive(judge))


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true, process=None):
    for _ in range(600):
        if true():
            return
        assert process is None or process.poll() is None
        time.sleep(0.1)
    raise AssertionError("it did not happen within a minute")


def test_an_outcome_of_a_task_is_the_same_as_bytes(tmp_path):
    task = Task(lesson=str(tmp_path), student="ada", name="x", notebook=b"\xff\0", secret="s", notes=("n",), key="k")
    assert task_from_bytes(task_to_bytes(task)) == task
    assert grade_one(task).status == "failed"


# --- Dask


@pytest.mark.slow
def test_a_class_on_dask_is_graded_once_each_though_a_worker_is_killed(tmp_path, home):
    distributed = pytest.importorskip("distributed")
    course = make_course(tmp_path / "course")
    hand_in_all(course, home)
    for number in range(8):
        hand_in(course, f"more{number}", notebook(home, {"double": RIGHT["double"]}))
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(processes=True, **workers) as cluster:
        killed = []

        def kill_one(found):
            if not killed:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], 9)

        wanted = GradingOptions(scheduler=cluster.scheduler_address, draws=1, unsafe=True)
        summary = autograde(course, home, wanted, step=kill_one)
    assert killed
    assert sorted(one.student for one in summary.outcomes) == sorted(one.student for one in course.submissions(NAME))
    assert not summary.count("failed")
    with Records(course.records_file) as records:
        assert all(len(records.history(NAME, one.student)) == 1 for one in summary.outcomes)
    earned = {student: [rows[f"{name}-check"][0] for name in POINTS] for student, rows in table(course).items()}
    assert earned["ada"] == [50, 30, 20]
    assert earned["dan"] == [50, 30, 0]
    assert earned["more7"] == [50, 0, 0]
    assert len(earned) == 15


def test_no_scheduler_is_a_sentence(monkeypatch):
    monkeypatch.setattr("storyteller_grading.classroom.autograde.dask_cluster.CONNECT_TIMEOUT_S", 0.5)
    with pytest.raises(StorytellerError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(grade_on_cluster("tcp://127.0.0.1:9", []))
