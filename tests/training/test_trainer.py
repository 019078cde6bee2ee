"""The training loop, beside loops that are obviously right."""

import math
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from storyteller.errors import StorytellerError
from storyteller.moe.layer import build_model
from storyteller.moe.losses import load_balancing_loss, router_z_loss
from storyteller.training.batches import IGNORE_INDEX, Batch, InMemoryTokens, TrainingBatches
from storyteller.training.checkpoint import list_checkpoints
from storyteller.training.events import StepDone
from storyteller.training.losses import cross_entropy
from storyteller.training.trainer import Trainer
from tiny_training import SEQ_LEN, VOCABULARY, tiny_model_config, tiny_source, tiny_train_config, tiny_trainer


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def joined(batches: list[Batch]) -> Batch:
    return Batch(
        *(torch.cat([getattr(batch, name) for batch in batches]) for name in ("inputs", "targets", "document_ids"))
    )


def uneven_batches(n: int) -> list[Batch]:
    """Batches of two sequences with a different number of targets each."""
    source = TrainingBatches(tiny_source(), batch_size=2, seq_len=SEQ_LEN, seed=1)
    batches = [next(source) for _ in range(n)]
    for index, batch in enumerate(batches):
        batch.targets[:, : 2 * index] = IGNORE_INDEX
    return batches


class TestAccumulation:
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)], ids=str)
    def test_several_batches_give_the_gradients_of_one_large_batch(self, dtype, tolerance):
        # Without the balance loss, which is a statistic of each forward pass; see Trainer.backward.
        batches = uneven_batches(4)
        results = []
        for step in (batches, [joined(batches)]):
            trainer = tiny_trainer(balance_weight=0.0, z_weight=0.5)
            trainer.model.to(dtype)
            results.append((trainer.backward(step), gradients(trainer.model)))
        (several, ours), (large, theirs) = results
        assert several.n_targets == large.n_targets
        assert several.loss == pytest.approx(large.loss, abs=tolerance)
        assert several.router_z_loss == pytest.approx(large.router_z_loss, rel=tolerance)
        for name in theirs:
            torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=tolerance)

    def test_a_plain_mean_over_the_batches_would_be_wrong(self):
        batches = uneven_batches(4)
        trainer = tiny_trainer()
        total = trainer.backward([joined(batches)]).loss
        assert abs(np.mean([trainer.backward([batch]).loss for batch in batches]) - total) > 1e-3
        weights = [batch.n_targets for batch in batches]
        losses = [trainer.backward([batch]).loss for batch in batches]
        assert np.average(losses, weights=weights) == pytest.approx(total, abs=1e-6)

    def test_passes_side_by_side_give_the_same_bits_as_in_turn(self):
        in_turn, parallel_microbatches = (
            tiny_trainer(grad_accum_steps=4, batch_size=1, parallel_microbatches=n, model={"n_experts": 8, "top_k": 1})
            for n in (1, 3)
        )
        for _ in range(5):
            steps = [
                trainer.backward([next(trainer.batches) for _ in range(4)])
                for trainer in (in_turn, parallel_microbatches)
            ]
            assert steps[0] == steps[1]
            for trainer in (in_turn, parallel_microbatches):
                trainer.update()
        ours, theirs = (trainer.model.state_dict() for trainer in (in_turn, parallel_microbatches))
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)

    def test_an_error_in_a_pass_beside_others_is_raised(self):
        trainer = tiny_trainer(grad_accum_steps=2, parallel_microbatches=2)
        batches = uneven_batches(2)
        batches[1].inputs[0, 0] = VOCABULARY  # an id that the model does not know
        with pytest.raises(IndexError):
            trainer.backward(batches)

    def test_a_batch_without_targets_adds_nothing(self):
        batches = uneven_batches(2)
        empty = Batch(batches[1].inputs, torch.full_like(batches[1].targets, IGNORE_INDEX), batches[1].document_ids)
        trainer = tiny_trainer(balance_weight=0.0, z_weight=0.0)
        alone = trainer.backward(batches[:1])
        assert trainer.backward([batches[0], empty]).loss == pytest.approx(alone.loss)


class TestStep:
    def test_three_steps_equal_a_loop_written_by_hand(self):
        """AdamW, decay groups, warmup, clipping and both auxiliary losses, in float64."""
        settings = {"steps": 6, "warmup_ratio": 0.5, "max_grad_norm": 0.5, "learning_rate": 0.02, "weight_decay": 0.3}
        trainer = tiny_trainer(**settings)
        trainer.model.double()
        by_hand = build_model(tiny_model_config(), seed=1).double()
        m = {name: torch.zeros_like(parameter) for name, parameter in by_hand.named_parameters()}
        v = {name: torch.zeros_like(parameter) for name, parameter in by_hand.named_parameters()}
        batches = TrainingBatches(tiny_source(), batch_size=2, seq_len=SEQ_LEN, seed=1)
        for t in range(1, 4):
            trainer.backward([next(trainer.batches)])
            rate, norm, skipped = trainer.update()
            trainer.step += 1

            batch = next(batches)
            logits, routing = by_hand(batch.inputs)
            loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), batch.targets.reshape(-1))
            for layer in routing:
                loss = loss + 0.01 * load_balancing_loss(layer.probs, layer.expert_ids)
                loss = loss + 0.001 * router_z_loss(layer.logits)
            by_hand.zero_grad()
            loss.backward()
            length = math.sqrt(sum((gradient**2).sum().item() for gradient in gradients(by_hand).values()))
            assert (rate, skipped) == (pytest.approx(0.02 * t / 3), False)
            assert norm == pytest.approx(length)
            with torch.no_grad():
                for name, parameter in by_hand.named_parameters():
                    g = parameter.grad * min(1.0, 0.5 / length)
                    m[name] = 0.9 * m[name] + 0.1 * g
                    v[name] = 0.95 * v[name] + 0.05 * g**2
                    parameter -= rate * (0.3 if parameter.dim() >= 2 else 0.0) * parameter
                    parameter -= rate * (m[name] / (1 - 0.9**t)) / ((v[name] / (1 - 0.95**t)).sqrt() + 1e-8)
        for name, parameter in by_hand.named_parameters():
            torch.testing.assert_close(dict(trainer.model.named_parameters())[name], parameter, rtol=0, atol=1e-12)

    def test_gradient_checkpointing_gives_the_same_gradients(self):
        batches = uneven_batches(2)
        plain, checkpointed = tiny_trainer(), tiny_trainer(gradient_checkpointing=True)
        assert checkpointed.model.checkpoint_blocks
        assert plain.backward(batches) == checkpointed.backward(batches)
        for name, gradient in gradients(plain.model).items():
            assert torch.equal(gradients(checkpointed.model)[name], gradient)

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
    def test_one_batch_can_be_learnt_by_heart(self, dtype):
        trainer = tiny_trainer(steps=60, learning_rate=0.02, dtype=dtype)
        batch = next(trainer.batches)
        trainer.model.train()
        for trainer.step in range(60):
            loss = trainer.backward([batch]).loss
            trainer.update()
        assert loss < 0.1

    def test_a_dense_model_trains_without_auxiliary_losses(self):
        trainer = tiny_trainer(model={"n_experts": 0})
        losses = trainer.backward([next(trainer.batches)])
        assert (losses.balance_losses, losses.router_z_loss) == ((), 0)

    def test_schedule_loss_and_optimizer_can_be_replaced(self):
        calls = []

        def schedule(step, *, steps, warmup, min_lr_ratio):
            calls.append((step, steps, warmup, min_lr_ratio))
            return 0.5

        def loss(logits, targets):
            return 2 * cross_entropy(logits, targets)

        def optimizer(groups, config):
            return torch.optim.SGD(groups, lr=config.learning_rate)

        events = []
        trainer = tiny_trainer(
            steps=2, warmup_ratio=0.5, schedule=schedule, loss=loss, optimizer=optimizer, on_event=events.append
        )
        trainer.run()
        assert calls == [(0, 2, 1, 0.1), (1, 2, 1, 0.1)]
        assert isinstance(trainer.optimizer, torch.optim.SGD)
        step = next(event for event in events if isinstance(event, StepDone))
        assert step.learning_rate == trainer.config.learning_rate / 2
        assert step.loss == pytest.approx(2 * math.log(VOCABULARY), rel=0.05)


class TestRun:
    def test_it_learns(self):
        text = InMemoryTokens.pack([[1, 2, 3, 4, 5, 6, 7]] * 30, end_id=0)
        events = []
        model = build_model(tiny_model_config(), seed=1)
        batches = TrainingBatches(text, batch_size=4, seq_len=SEQ_LEN, seed=1)
        Trainer(model, tiny_train_config(steps=60, learning_rate=0.02), batches, on_event=events.append).run()
        assert events[-1].loss < 0.5 < events[0].loss

    def test_a_loss_that_is_not_a_number_stops_it_and_names_the_last_good_checkpoint(self, tmp_path):
        calls = []

        def loss(logits, targets):
            calls.append(None)
            return cross_entropy(logits, targets) * (math.nan if len(calls) == 4 else 1)

        trainer = tiny_trainer(tmp_path, loss=loss, validation=())
        with pytest.raises(StorytellerError, match=r"loss became nan at step 4.*step-000002"):
            trainer.run()
        assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())
        assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000002"]

    def test_a_gradient_that_is_not_finite_stops_it(self):
        trainer = tiny_trainer(validation=())
        trainer.model.norm.weight.register_hook(lambda gradient: gradient * math.inf)
        with pytest.raises(StorytellerError, match=r"gradient became .* at step 1.*no checkpoint was written"):
            trainer.run()

    def test_ctrl_c_finishes_the_step_and_keeps_a_checkpoint(self, tmp_path):
        def interrupt(event):
            if isinstance(event, StepDone) and event.step == 3:
                signal.raise_signal(signal.SIGINT)

        before = signal.getsignal(signal.SIGINT)
        result = tiny_trainer(tmp_path, on_event=interrupt).run()
        assert signal.getsignal(signal.SIGINT) is before
        assert (result.step, result.interrupted, result.checkpoint.name) == (3, True, "step-000003")
        resumed = tiny_trainer(tmp_path)
        assert resumed.resume()
        assert resumed.run().step == 6
        unbroken = tiny_trainer()
        unbroken.run()
        for name, parameter in unbroken.model.named_parameters():
            assert torch.equal(dict(resumed.model.named_parameters())[name], parameter)

    def test_a_second_ctrl_c_interrupts_at_once(self):
        def interrupt(event):
            if isinstance(event, StepDone):
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

        # Whoever started the tests in the background may have had SIGINT ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                tiny_trainer(on_event=interrupt).run()
        finally:
            assert signal.signal(signal.SIGINT, before) is signal.default_int_handler

    @pytest.mark.parametrize("form", ["cpu", "cuda", "python"])
    def test_running_out_of_memory_says_what_to_do(self, form):
        def loss(logits, targets):
            if form == "cuda":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
            if form == "python":
                raise MemoryError
            return torch.empty(2**60, dtype=torch.int8)

        with pytest.raises(StorytellerError, match=r"4 sequences in a batch.*--batch-size 2 --grad-accum-steps 8"):
            tiny_trainer(loss=loss, batch_size=4).run()

    def test_the_smallest_batches_get_another_way_out(self):
        def loss(logits, targets):
            raise MemoryError

        with pytest.raises(StorytellerError, match="2 sequences in a batch: choose a smaller preset"):
            tiny_trainer(loss=loss, batch_size=2).run()

    def test_it_runs_outside_the_main_thread(self):
        with ThreadPoolExecutor(max_workers=1) as pool:
            assert pool.submit(tiny_trainer().run).result().step == 6

    def test_other_errors_stay_what_they_are(self):
        def loss(logits, targets):
            raise RuntimeError("something else")

        with pytest.raises(RuntimeError, match="something else"):
            tiny_trainer(loss=loss).run()

    def test_a_folder_with_another_run_is_not_overwritten(self, tmp_path):
        tiny_trainer(tmp_path).run()
        with pytest.raises(StorytellerError, match="already holds a run"):
            tiny_trainer(tmp_path).run()

    def test_it_needs_no_folder(self):
        assert tiny_trainer().run().checkpoint is None
        assert not tiny_trainer().resume()


def test_a_bias_moves_after_each_step_by_the_choices_of_its_real_tokens_and_no_loss_balances(tmp_path):
    trainer = tiny_trainer(tmp_path, model={"balance": "bias", "router": "sigmoid"}, bias_rate=0.25, grad_accum_steps=2)
    layer = trainer.model.blocks[1].feed_forward
    seen = []
    hook = layer.register_forward_hook(lambda *call: seen.append(call[2][1].expert_ids))
    trainer.train_step()
    hook.remove()
    counts = torch.bincount(torch.cat(seen).flatten(), minlength=4).float()
    assert len(seen) == 2
    assert counts.max() > counts.min()
    torch.testing.assert_close(layer.balance_bias, 0.25 * (counts.mean() - counts).sign())
    trainer.save()
    again = tiny_trainer(tmp_path, model={"balance": "bias", "router": "sigmoid"}, bias_rate=0.25, grad_accum_steps=2)
    assert again.resume()
    assert torch.equal(again.model.blocks[1].feed_forward.balance_bias, layer.balance_bias)


def test_the_weight_of_the_balance_loss_counts_for_nothing_where_a_bias_balances():
    weights = []
    for balance_weight in (0.0, 5.0):
        trainer = tiny_trainer(model={"balance": "bias"}, balance_weight=balance_weight)
        trainer.train_step()
        weights.append(trainer.model.blocks[0].feed_forward.router.weight.detach().clone())
    assert torch.equal(*weights)


def test_a_biased_model_is_not_trained_by_passes_that_count_no_choices():
    with pytest.raises(StorytellerError, match="balance 'loss'"):
        tiny_trainer(model={"balance": "bias"}, gradients=lambda trainer, batches: None)


@pytest.mark.parametrize(("scope", "is_one_large_batch"), [("global", True), ("local", False)])
@pytest.mark.parametrize("parallel", [1, 2])
def test_passes_are_balanced_together_or_each_by_itself(scope, is_one_large_batch, parallel):
    """Three passes of two sequences beside one of six: with "global" the same losses and gradients."""
    options = {"balance_scope": scope, "balance_weight": 0.5}
    three = tiny_trainer(batch_size=2, grad_accum_steps=3, parallel_microbatches=parallel, **options)
    one = tiny_trainer(batch_size=6, **options)
    losses = []
    for trainer in (three, one):
        trainer.model.double()
        losses.append(trainer.backward([next(trainer.batches) for _ in range(trainer.config.grad_accum_steps)]))
    assert losses[0].loss == pytest.approx(losses[1].loss, abs=1e-12)
    pairs = zip(three.model.parameters(), one.model.parameters(), strict=True)
    difference = max(float((ours.grad - theirs.grad).abs().max()) for ours, theirs in pairs)
    assert (losses[0].balance_losses == pytest.approx(losses[1].balance_losses, abs=1e-12)) is is_one_large_batch
    assert (difference < 1e-12) is is_one_large_batch


@pytest.mark.parametrize("passes", [1, 2])
def test_a_dense_model_has_nothing_to_balance_over_a_step(passes):
    trainers = [
        tiny_trainer(model={"n_experts": 0}, grad_accum_steps=passes, balance_scope=scope)
        for scope in ("local", "global")
    ]
    for trainer in trainers:
        trainer.train_step()
    local, spanning = (trainer.model.state_dict() for trainer in trainers)
    assert all(torch.equal(local[name], spanning[name]) for name in local)
