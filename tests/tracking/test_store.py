"""Where runs are kept, what MLflow is told before it is loaded, and a run that is found again when training goes on."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from storyteller.errors import StorytellerError
from storyteller.inference.generate import tell
from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.registry import load_tracked
from storyteller.tracking.store import quiet_mlflow, store_lock, store_uri
from storyteller.tracking.tracker import Tracker
from storyteller.training.events import StepDone
from tracked import GREEDY, artifacts, history, run_tracked, serving, tokenizer, training

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.mark.parametrize("named", ["file:/tmp/runs", "./mlruns"])
def test_a_store_of_plain_files_is_refused_in_one_sentence(named):
    with pytest.raises(StorytellerError, match=r"unset it for mlflow\.db"):
        store_uri({"MLFLOW_TRACKING_URI": named})


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b [c]", "ü 終 100%"])
def test_the_database_is_in_the_folder_whatever_its_name(tmp_path, monkeypatch, name):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    folder = tmp_path / "place" / name
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert sqlalchemy.make_url(store_uri({})).database == str(folder / "mlflow.db")
    with store_lock(store_uri({})):
        pass
    assert [path.name for path in folder.iterdir()] == [".mlflow.db.lock"]
    assert [path.name for path in folder.parent.iterdir()] == [name]


FIRST = """
import sys
from storyteller.tracking.store import find_or_start, store_uri
run = find_or_start(store_uri(), folder=None, resumed=False, experiment="storyteller", name=sys.argv[1], parameters={})
print(run.run_id)
"""


def test_two_that_begin_a_store_at_once_both_have_their_run_in_it(tmp_path, monkeypatch):
    folder = tmp_path / "place" / "what?"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    both = [
        subprocess.Popen([sys.executable, "-c", FIRST, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    said = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert {run.info.run_id for run in list_runs()} == {out.strip() for out, _ in said}
    # MLflow itself makes an empty folder by the escaped name beside; all files are in ours.
    files = {path for path in folder.parent.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert files == {folder / "mlflow.db"}


def test_what_the_user_has_set_stays():
    environment = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "99"}
    quiet_mlflow(environment)
    assert environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_nothing_is_printed_and_nobody_is_told(work, capfd):
    run_tracked(work / "x")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    from mlflow.telemetry import get_telemetry_client

    assert get_telemetry_client() is None


def test_a_training_that_goes_on_goes_on_in_its_run(work):
    class Stop(RuntimeError):
        pass

    def stop_after_four(event):
        if isinstance(event, StepDone) and event.step == 5:
            raise Stop

    trainer = training(work / "x", on_event=stop_after_four)
    with pytest.raises(Stop), Tracker(trainer, tokenizer(), sampling=GREEDY, notice=print):
        trainer.run()
    (broken,) = list_runs()
    assert broken.info.status == "FAILED"
    run_tracked(work / "x", batch_size=1)  # after a checkpoint at step 4
    (run,) = list_runs()
    assert (run.info.run_id, run.info.status) == (broken.info.run_id, "FINISHED")
    assert [step for step, _ in history(run, "loss")] == [1, 2, 3, 4, 5, 6]
    assert (run.data.params["train.batch_size"], run.data.tags["changed.train.batch_size"]) == ("2", "1")


def test_steps_that_are_made_twice_are_logged_once(work):
    folder = work / "x"
    run_tracked(folder)
    shutil.rmtree(folder / "step-000006")  # as if the machine had failed before the last checkpoint
    run_tracked(folder)
    (run,) = list_runs()
    assert [step for step, _ in history(run, "loss")] == [1, 2, 3, 4, 5, 6]


def test_a_training_from_the_beginning_is_a_run_of_its_own(work):
    run_tracked(work / "x")
    run_tracked(work / "y")
    assert [run.info.run_name for run in list_runs()] == ["y", "x"]


@pytest.mark.slow
def test_a_server_keeps_everything(work):
    with serving(work) as server:
        trainer, _, told = run_tracked(work / "x", uri=server.uri)
        (run,) = list_runs(uri=server.uri)
        assert [step for step, _ in history(run, "loss", server.uri)] == [1, 2, 3, 4, 5, 6]
        assert artifacts(run, server.uri) >= {"plots/loss.png", "model/MLmodel", "model/data/tokenizer.json"}
        model, loaded = load_tracked("models:/storyteller-tiny@best", uri=server.uri)
        expected = tell(trainer.model, tokenizer(), ["the fox"], sampling=GREEDY)
        assert tell(model, loaded, ["the fox"], sampling=GREEDY) == expected
        assert told == []
    # A server leaves the artifacts of its experiments behind itself; without it the same work goes on beside them.
    assert run_tracked(work / "y")[2] == []
    assert {run.info.run_name for run in list_runs()} == {"x", "y"}
