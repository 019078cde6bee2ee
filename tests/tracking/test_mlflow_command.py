"""The commands: `storyteller train --track` and `storyteller mlflow`."""

import signal
import socket
import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest

from storyteller.inference.generate import tell
from storyteller.runs import pipeline
from storyteller.runs.run_config import RunConfig
from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.registry import load_tracked
from tiny_training import PLAN
from tracked import GREEDY, artifacts, run_tracked, serving

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def test_the_command_trains_tracked_and_resumes(work, monkeypatch, capsys):
    from storyteller.cli.train import train_and_show

    monkeypatch.setattr(pipeline, "VALIDATION_STORIES", 10)
    monkeypatch.setattr(pipeline, "VALIDATION_TOKENS", 500)
    train_and_show(PLAN, work / "runs" / "p", device="cpu", track=True)
    assert "storyteller mlflow shows it" in capsys.readouterr().out
    (run,) = list_runs()
    assert (run.data.params["corpus"], run.data.params["model.d_model"]) == ("storyworld", "16")
    assert run.data.metrics["validation/bits_per_byte"] > 0
    again = replace(PLAN, train=replace(PLAN.train, learning_rate=1e-3))
    assert isinstance(again, RunConfig)
    train_and_show(again, work / "runs" / "p", device="cpu", track=True)
    assert [run.info.run_id] == [one.info.run_id for one in list_runs()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [(sys.executable, "-m", "mlflow", "ui"), (sys.executable, "-m", "storyteller", "mlflow")],
    ids=["mlflow ui", "storyteller mlflow"],
)
def test_mlflows_pages_show_the_runs_of_the_folder(work, command):
    run_tracked(work / "x")
    with serving(work, *command) as server:
        (run,) = list_runs(uri=server.uri)
        assert run.info.run_name == "x"
        assert "plots/loss.png" in artifacts(run, server.uri)
        model, loaded = load_tracked("models:/storyteller-tiny@best", uri=server.uri)
        assert tell(model, loaded, ["the fox"], sampling=GREEDY)
        if "storyteller" in command:
            assert f"{server.uri}/#/experiments/{run.info.experiment_id} " in server.printed()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
            with socket.socket() as again:  # nobody listens there any more
                again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                again.bind(("127.0.0.1", server.port))


def test_a_port_that_is_taken_is_named_before_anything_starts(capsys):
    from storyteller_course.cli import main

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SystemExit) as stopped:
            main(["mlflow", "--port", str(port)])
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith(f"storyteller: 127.0.0.1:{port} cannot be listened on")
    assert said.count("\n") == 1


def test_where_a_server_is_named_its_address_is_shown(monkeypatch, capsys):
    from storyteller.cli.mlflow import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    mlflow()
    assert "http://tracking.example:5000" in capsys.readouterr().out
