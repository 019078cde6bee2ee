"""A class is graded on a cluster as on one machine."""

import os

import pytest
from toy_class import NAME, POINTS, RIGHT, hand_in, hand_in_all, make_course, notebook, table

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.autograde.dask_cluster import grade_on_cluster
from storyteller_grading.classroom.autograde.records import Records


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
