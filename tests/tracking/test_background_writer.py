"""A store that is away, does not answer, or dies: training goes on."""

import json
import socket
import time
from importlib.util import find_spec

import pytest

from ports import free_port
from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.store import connect, store_uri
from storyteller.tracking.tracker import Tracker
from storyteller.training.events import StepDone
from tracked import GREEDY, artifacts, history, run_tracked, serving, tokenizer, training

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def test_an_unreachable_server_costs_one_warning(work):
    uri = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    trainer, _, told = run_tracked(work / "x", uri=uri)
    assert trainer.step == 6
    (warning,) = told
    assert uri in warning
    assert store_uri() in warning
    assert time.monotonic() - started < 60
    (run,) = list_runs()
    assert [step for step, _ in history(run, "loss")] == [1, 2, 3, 4, 5, 6]
    assert artifacts(run) >= {"model/MLmodel"}


def test_training_does_not_wait_for_a_server_that_does_not_answer(work):
    with socket.socket() as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        trainer, told = training(work / "x"), []
        with Tracker(trainer, tokenizer(), sampling=GREEDY, uri=uri, notice=told.append):
            trainer.run()
            assert told == []  # the training is done, and the server is still waited for
            silent.close()
    assert len(told) == 1
    assert len(list_runs()) == 1


@pytest.mark.slow
def test_a_server_that_dies_in_training_costs_one_warning(work):
    with serving(work) as server:

        def kill_in_the_middle(event):
            if isinstance(event, StepDone) and event.step == 4:
                deadline = time.monotonic() + 60
                while not list_runs(uri=server.uri) and time.monotonic() < deadline:
                    time.sleep(0.1)
                server.kill()

        told = []
        trainer = training(work / "x", on_event=kill_in_the_middle)
        (work / "here").mkdir()
        with Tracker(trainer, tokenizer(), sampling=GREEDY, uri=server.uri, notice=told.append, experiment="mine"):
            trainer.run()
    assert (trainer.step, len(told)) == (6, 1)
    names = json.loads((work / "x" / "mlflow.json").read_text(encoding="utf-8"))["runs"]
    assert set(names) == {server.uri, store_uri()}
    local = connect(store_uri()).get_run(names[store_uri()])
    assert local.info.status == "FINISHED"
    assert local.data.tags["continues"] == f"{names[server.uri]} in {server.uri}"
    assert history(local, "loss")[-1][0] == 6
