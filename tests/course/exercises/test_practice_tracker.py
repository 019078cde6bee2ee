"""The practice tracker keeps what MLflow would keep of the same calls, and refuses what MLflow refuses."""

import pytest

from storyteller.errors import StorytellerError
from storyteller.tracking.store import connect, load_mlflow
from storyteller_course.exercises.practice_tracker import PracticeTracker


def breaks(tracker):
    """A run that an error leaves."""
    with tracker.start_run(run_name="second"):
        tracker.log_param("learning_rate", 0.008)
        tracker.log_metric("bits_per_byte", 0.25)
        raise ValueError("broken")


def two_runs(tracker):
    """One run that ends as it should, and one that breaks."""
    with tracker.start_run(run_name="first"):
        tracker.log_params({"learning_rate": 0.004, "seed": 1})
        tracker.log_metrics({"bits_per_byte": 0.5, "consistent": 0})
    with pytest.raises(ValueError, match="broken"):
        breaks(tracker)


def test_it_keeps_runs_in_their_order_with_how_they_ended():
    tracker = PracticeTracker()
    two_runs(tracker)
    first, second = tracker.record()
    assert first["params"] == {"learning_rate": 0.004, "seed": 1}
    assert (first["status"], second["status"]) == ("FINISHED", "FAILED")
    assert second == {
        "name": "second",
        "params": {"learning_rate": 0.008},
        "metrics": {"bits_per_byte": 0.25},
        "status": "FAILED",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own parts
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_mlflow_keeps_the_same_of_the_same_calls(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # for this test alone; what is set by a call stays for the others
    client, mlflow = connect(uri), load_mlflow()
    practice = PracticeTracker()
    two_runs(mlflow)
    two_runs(practice)
    kept = {run.info.run_name: run for run in client.search_runs(["0"])}  # MLflow's own default experiment
    for wanted in practice.record():
        run = kept[wanted["name"]]
        assert run.data.metrics == wanted["metrics"]
        assert run.data.params == {name: str(value) for name, value in wanted["params"].items()}
        assert run.info.status == wanted["status"]


def test_it_refuses_what_would_spoil_the_record():
    tracker = PracticeTracker()
    with pytest.raises(StorytellerError, match="No run is open"):
        tracker.log_params({"seed": 1})
    tracker.start_run(run_name="open")
    with pytest.raises(StorytellerError, match="'open' is still open"):
        tracker.start_run(run_name="another")
    tracker.log_param("seed", 1)
    with pytest.raises(StorytellerError, match="seed is 1 in this run"):
        tracker.log_param("seed", 2)
    with pytest.raises(StorytellerError, match="a metric is a number"):
        tracker.log_metric("loss", "low")
    tracker.end_run()
    assert [run["status"] for run in tracker.record()] == ["FINISHED"]
