"""Judges side by side, in processes of this machine and on a cluster: none takes another's work with it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from strange_judges import hungry, strange, strange_tasks
from toy_class import NAME, POINTS, RIGHT, hand_in, hand_in_all, make_course, notebook, table

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.autograde.parallel_judges import grade_in_processes, grade_on_cluster
from storyteller_grading.classroom.autograde.records import Records


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


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say how much memory is used")
def test_a_judge_has_so_much_memory_and_no_more(tmp_path):
    tasks = strange_tasks(tmp_path, {"much": str(1 << 30), "less": str(-(5 << 30))})
    found = {one.student: one.status for one in grade_in_processes(tasks, jobs=1, grade=hungry)}
    assert found == {"much": "failed", "less": "graded"}


def test_judges_end_with_a_class_that_is_killed(tmp_path):
    """SIGKILL gives nobody a chance to say goodbye."""
    script = tmp_path / "grade.py"
    script.write_text(
        "from pathlib import Path\nfrom strange_judges import strange, strange_tasks\n"
        "from storyteller_grading.classroom.autograde.parallel_judges import grade_in_processes\n"
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
    monkeypatch.setattr("storyteller_grading.classroom.autograde.parallel_judges.CONNECT_TIMEOUT_S", 0.5)
    with pytest.raises(StorytellerError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(grade_on_cluster("tcp://127.0.0.1:9", []))
