"""A training run's MLflow run: found again when training goes on, started otherwise."""

import shutil
from importlib.util import find_spec

import pytest

from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.tracker import Tracker
from storyteller.training.events import StepDone
from tracked import GREEDY, history, run_tracked, tokenizer, training

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


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
