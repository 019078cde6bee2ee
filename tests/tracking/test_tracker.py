"""What a training leaves in MLflow, read back through MLflow's own client."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from small_policy import small_trainer
from small_policy import tokenizer as policy_tokenizer
from storyteller.config import to_dict
from storyteller.moe.statistics import router_statistics
from storyteller.runs.openings import find_openings
from storyteller.tracking.compare_runs import list_runs
from storyteller.tracking.store import connect, store_uri
from storyteller.tracking.tracker import Tracker
from storyteller.training.events import Evaluated, Saved, StepDone
from tracked import GREEDY, artifacts, history, run_tracked, tokenizer, training

pytestmark = [
    # Looked for, not imported: it is the library that must import it, with its telemetry switched off.
    pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra `track` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own parts
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


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


def test_what_a_reward_gives_and_costs_is_logged(work):
    events = []
    trainer = small_trainer(on_event=events.append)
    with Tracker(trainer, policy_tokenizer(), name="reinforced", notice=print):
        trainer.run()
    (run,) = list_runs()
    steps = [event for event in events if isinstance(event, StepDone)]
    for name in ("reward", "reward/letters", "kl", "length", "distinct_4", "clip_share"):
        assert history(run, name) == [(event.step, event.figures[name]) for event in steps]
    assert run.info.status == "FINISHED"


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
    (work / "x").mkdir()
    find_openings(["the fox and the owl sat"]).save(work / "x")  # as a run is prepared
    run_tracked(work / "x")
    (run,) = list_runs()
    assert artifacts(run) >= {"stories/step-000003.txt", "stories/step-000006.txt", "plots/loss.png", "plots/load.png"}
    client = connect(store_uri())
    stories = Path(client.download_artifacts(run.info.run_id, "stories/step-000006.txt", str(work)))
    assert stories.read_text(encoding="utf-8").startswith("the fox and the")
    picture = Path(client.download_artifacts(run.info.run_id, "plots/loss.png", str(work)))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(run.data.metrics)


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
