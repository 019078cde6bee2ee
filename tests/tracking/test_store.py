"""Where runs are kept, and what MLflow is told before it is loaded."""

from importlib.util import find_spec

import pytest

from storyteller.errors import StorytellerError
from storyteller.inference.generate import tell
from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.registry import load_tracked
from storyteller.tracking.store import quiet_mlflow, store_uri
from tracked import GREEDY, artifacts, history, run_tracked, serving, tokenizer

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
