"""Two runs side by side."""

from importlib.util import find_spec

import pytest

from storyteller.errors import StorytellerError
from storyteller.tracking.compare_runs import compare_runs, list_runs
from tracked import run_tracked

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def test_two_runs_are_compared(work, monkeypatch):
    run_tracked(work / "one")
    run_tracked(work / "two", learning_rate=1e-2, steps=3)
    found = compare_runs("one", "two")
    rates, steps = {"train.learning_rate": ("0.003", "0.01")}, {"train.steps": ("6", "3")}
    assert {row.name: (row.first, row.second) for row in found.parameters} == rates | steps
    loss = next(row for row in found.metrics if row.name == "validation/loss")
    assert (loss.first, loss.second) == tuple(
        run.data.metrics["validation/loss"] for run in sorted(list_runs(), key=lambda run: run.info.run_name)
    )
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle["text/plain"]))
    found.show()
    assert "train.learning_rate" in shown[0]
    assert "validation/loss" in shown[1]
    with pytest.raises(StorytellerError, match=r"no run 'three'.*two, one"):
        compare_runs("one", "three")
