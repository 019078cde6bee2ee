"""What a trainer tells of a run."""

from storyteller.training.events import Evaluated, Message, Saved, StepDone
from tiny_training import tiny_trainer


def test_it_tells_what_it_does(tmp_path):
    events = []
    result = tiny_trainer(tmp_path, on_event=events.append).run()
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 6]
    assert [event.tokens for event in steps] == [16 * (n + 1) for n in range(6)]
    assert all(len(event.balance_losses) == 2 and event.tokens_per_second > 0 for event in steps)
    assert steps[-1].seconds_left == 0
    assert [event.step for event in events if isinstance(event, Evaluated)] == [3, 6]
    assert [event.step for event in events if isinstance(event, Saved)] == [2, 4, 6]
    assert not any(isinstance(event, Message) for event in events)
    assert (result.step, result.interrupted, result.checkpoint.name) == (6, False, "step-000006")
    assert result.metrics == [event for event in events if isinstance(event, Evaluated)][-1].metrics
