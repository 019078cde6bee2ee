"""Tracking: what a training leaves in MLflow, read back through MLflow's own client."""

import json
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from ports import free_port
from storyteller.config import to_dict
from storyteller.errors import StorytellerError
from storyteller.inference.generate import tell
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.statistics import router_statistics
from storyteller.runs import pipeline
from storyteller.runs.run_config import RunConfig
from storyteller.tracking.compare_runs import compare_runs, list_runs
from storyteller.tracking.registry import SAMPLING, load_tracked
from storyteller.tracking.store import SETTINGS, connect, quiet_mlflow, store_uri
from storyteller.tracking.tracker import Tracker
from storyteller.training.events import Evaluated, Saved, StepDone
from tiny_training import PLAN
from tracked import copy_empty_store, serving, tokenizer, training

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

ABOUT = {"preset": "tiny", "corpus": "storyworld"}
GREEDY = Sampling(greedy=True, max_new_tokens=12)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch, tmp_path_factory) -> Path:
    """An empty folder to work in, with an empty store."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    copy_empty_store(tmp_path_factory.getbasetemp(), tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_tracked(folder: Path | None, **options):
    """Train, tracked; returns the trainer, its events and what the user was told."""
    events, told = [], []
    names = {name: options.pop(name) for name in ("name", "uri") if name in options}
    trainer = training(folder, on_event=events.append, **options)
    trainer.resume()
    with Tracker(trainer, tokenizer(), parameters=ABOUT, sampling=GREEDY, notice=told.append, **names):
        trainer.run()
    return trainer, events, told


def history(run, name: str, uri: str | None = None) -> list[tuple[int, float]]:
    client = connect(uri or store_uri())
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]


def artifacts(run, uri: str | None = None, path: str | None = None) -> set[str]:
    """The files among a run's artifacts."""
    found = set()
    for file in connect(uri or store_uri()).list_artifacts(run.info.run_id, path):
        found |= artifacts(run, uri, file.path) if file.is_dir else {file.path}
    return found


def test_every_step_and_evaluation_is_logged_as_the_trainer_told_it(work):
    _, events, told = run_tracked(work / "runs" / "x")
    (run,) = list_runs()
    steps = [event for event in events if isinstance(event, StepDone)]
    assert history(run, "loss") == [(event.step, event.loss) for event in steps]
    assert history(run, "learning_rate") == [(event.step, event.learning_rate) for event in steps]
    assert history(run, "gradient_norm") == [(event.step, event.gradient_norm) for event in steps]
    assert history(run, "tokens_per_second") == [(event.step, event.tokens_per_second) for event in steps]
    for layer in range(2):
        expected = [(event.step, event.balance_losses[layer]) for event in steps]
        assert history(run, f"router/layer_{layer}/load_balancing_loss") == expected
    evaluations = [event for event in events if isinstance(event, Evaluated)]
    for name in ("loss", "perplexity", "bits_per_byte"):
        expected = [(event.step, getattr(event.metrics, name)) for event in evaluations]
        assert history(run, f"validation/{name}") == expected
    assert [event.step for event in evaluations] == [3, 6]
    assert (run.info.run_name, run.info.status, told) == ("x", "FINISHED", [])


def test_settings_are_the_parameters(work):
    trainer, _, _ = run_tracked(None)
    parameters = list_runs()[0].data.params
    for part, config in (("model", trainer.model.config), ("train", trainer.config)):
        for name, value in to_dict(config).items():
            assert parameters[f"{part}.{name}"] == str(value)
    assert parameters["parameters.total"] == str(sum(weights.numel() for weights in trainer.model.parameters()))
    assert (parameters["preset"], parameters["corpus"]) == ("tiny", "storyworld")


def test_the_routers_balance_is_that_of_a_validation_batch(work):
    trainer, _, _ = run_tracked(None)
    metrics = list_runs()[0].data.metrics
    batch = trainer.validation[0]
    with torch.no_grad():
        routing = trainer.model(batch.inputs, attention_mask=batch.attention_mask).routing
    for layer, one in enumerate(routing):
        expected = router_statistics(one.probs, one.expert_ids, attention_mask=batch.attention_mask)
        for name in ("entropy", "utilization", "max_load"):
            assert metrics[f"router/layer_{layer}/{name}"] == pytest.approx(expected[name])
        assert metrics[f"router/layer_{layer}/dropped"] == pytest.approx(one.dropped_share)
        load = [metrics[f"router/layer_{layer}/load/expert_{expert}"] for expert in range(4)]
        assert load == pytest.approx(expected["load"].tolist())


def test_choices_that_found_no_room_are_counted(work):
    trainer = training(None)
    for block in trainer.model.blocks:
        block.feed_forward.capacity_factor = 0.5  # room for half of the choices, as in training
    with Tracker(trainer, tokenizer(), sampling=GREEDY, notice=print):
        trainer.run()
    assert list_runs()[0].data.metrics["router/layer_0/dropped"] >= 0.5


def test_stories_pictures_and_the_machine_are_kept(work):
    run_tracked(work / "x")
    (run,) = list_runs()
    assert artifacts(run) >= {"stories/step-000003.txt", "stories/step-000006.txt", "plots/loss.png", "plots/load.png"}
    client = connect(store_uri())
    stories = Path(client.download_artifacts(run.info.run_id, "stories/step-000006.txt", str(work)))
    assert stories.read_text(encoding="utf-8").startswith("Once upon a time")
    picture = Path(client.download_artifacts(run.info.run_id, "plots/loss.png", str(work)))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(run.data.metrics)


def test_the_registered_model_tells_the_same_story(work):
    trainer, _, _ = run_tracked(work / "x")
    openings = ["the fox", "", "owl"]
    expected = tell(trainer.model, tokenizer(), openings, sampling=GREEDY)
    for name in ("models:/storyteller-tiny@best", "models:/storyteller-tiny/latest"):
        model, loaded = load_tracked(name)
        assert loaded.fingerprint == tokenizer().fingerprint
        assert tell(model, loaded, openings, sampling=GREEDY) == expected
    (run,) = list_runs()
    kept = connect(store_uri()).download_artifacts(run.info.run_id, "model/data", str(work / "copy"))
    again = training(Path(kept))  # the checkpoint is whole: training can go on from it
    assert again.resume()
    assert again.step == 6


@pytest.mark.slow
def test_mlflow_itself_loads_the_model(work):
    trainer, _, _ = run_tracked(work / "x")
    code = (
        "import mlflow, sys\n"
        "model = mlflow.pyfunc.load_model('models:/storyteller-tiny@best')\n"
        "print(model.predict(['the fox']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, cwd=work)
    assert done.stdout == f"{tell(trainer.model, tokenizer(), ['the fox'], sampling=SAMPLING)}\n", done.stderr


def test_best_is_the_model_with_the_fewest_bits_per_byte(work):
    client = connect(store_uri())
    bits = {}
    for steps, rate in ((6, 1e-3), (6, 3e-2), (3, 1e-5)):
        trainer, _, _ = run_tracked(work / f"{steps}-{rate}", steps=steps, learning_rate=rate)
        bits[len(bits) + 1] = trainer.metrics.bits_per_byte
        assert int(client.get_registered_model("storyteller-tiny").aliases["best"]) == min(bits, key=bits.get)
    assert len(set(bits.values())) == 3


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


def test_tracking_changes_no_weight(work):
    tracked, _, _ = run_tracked(work / "x")
    alone = training(work / "y")
    alone.run()
    for ours, theirs in zip(tracked.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_earlier_listener_is_still_told_and_put_back(work):
    events = []
    trainer = training(work / "x", on_event=events.append)
    before = list(trainer._handlers)
    with Tracker(trainer, tokenizer(), sampling=GREEDY):
        trainer.run()
    assert {type(event) for event in events} == {StepDone, Evaluated, Saved}
    assert trainer._handlers == before


def test_nothing_is_printed_and_nobody_is_told(work, capfd):
    run_tracked(work / "x")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    from mlflow.telemetry import get_telemetry_client

    assert get_telemetry_client() is None


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


def test_a_model_that_is_not_there_is_named(work):
    with pytest.raises(StorytellerError, match="no model models:/nothing"):
        load_tracked("models:/nothing@best")


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


@pytest.mark.parametrize("named", ["file:/tmp/runs", "./mlruns"])
def test_a_store_of_plain_files_is_refused_in_one_sentence(named):
    with pytest.raises(StorytellerError, match=r"unset it for mlflow\.db"):
        store_uri({"MLFLOW_TRACKING_URI": named})


def test_what_the_user_has_set_stays():
    environment = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "99"}
    quiet_mlflow(environment)
    assert environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


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
