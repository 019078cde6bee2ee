"""The training loop and its parts, beside loops that are obviously right."""

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
from storyteller.runs.time_budget import Deadline, steps_within
from storyteller.training.batches import IGNORE_INDEX, Batch, InMemoryTokens, TrainingBatches, validation_batches
from storyteller.training.checkpoint import list_checkpoints
from storyteller.training.mixed_precision import autocast
from storyteller.training.trainer import (
    Evaluated,
    Message,
    Saved,
    StepDone,
    Trainer,
    clip_gradients,
    cosine_schedule,
    cross_entropy,
    evaluate,
    parameter_groups,
    probe_dtype,
)
from tiny_training import SEQ_LEN, VOCABULARY, tiny_model_config, tiny_source, tiny_train_config, tiny_trainer


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def joined(batches: list[Batch]) -> Batch:
    return Batch(
        *(torch.cat([getattr(batch, name) for batch in batches]) for name in ("inputs", "targets", "documents"))
    )


def uneven_batches(n: int) -> list[Batch]:
    """Batches of two sequences with a different number of targets each."""
    source = TrainingBatches(tiny_source(), batch_size=2, seq_len=SEQ_LEN, seed=1)
    batches = [next(source) for _ in range(n)]
    for index, batch in enumerate(batches):
        batch.targets[:, : 2 * index] = IGNORE_INDEX
    return batches


class TestParameterGroups:
    def test_matrices_decay_and_vectors_do_not(self):
        model = build_model(tiny_model_config(), seed=1)
        decay, rest = parameter_groups(model, 0.1)
        assert (decay["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        assert all("norm" in names[id(parameter)] for parameter in rest["params"])
        assert not any("norm" in names[id(parameter)] for parameter in decay["params"])

    @pytest.mark.parametrize("tied", [True, False])
    def test_every_parameter_is_there_once_and_a_tied_one_too(self, tied):
        model = build_model(tiny_model_config(tie_embeddings=tied), seed=1)
        ids = [id(parameter) for group in parameter_groups(model, 0.1) for parameter in group["params"]]
        assert len(ids) == len(set(ids))
        assert set(ids) == {id(parameter) for parameter in model.parameters()}

    def test_a_weight_shared_by_two_layers_counts_once(self):
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        model[1].weight = model[0].weight
        assert [len(group["params"]) for group in parameter_groups(model, 0.1)] == [1, 2]

    def test_a_frozen_parameter_is_left_out(self):
        model = nn.Linear(3, 3)
        model.bias.requires_grad_(False)
        assert [len(group["params"]) for group in parameter_groups(model, 0.1)] == [1, 0]


class TestSchedule:
    def test_the_rate_climbs_in_a_straight_line(self):
        rates = [cosine_schedule(step, steps=100, warmup=10, final=0.1) for step in range(10)]
        assert rates == pytest.approx([(step + 1) / 10 for step in range(10)])

    def test_then_it_falls_along_half_a_cosine_to_the_final_share(self):
        def rate(step: int) -> float:
            return cosine_schedule(step, steps=110, warmup=10, final=0.2)

        assert rate(9) == 1
        assert rate(59) == pytest.approx(0.6)  # half way
        assert rate(109) == pytest.approx(0.2)
        assert rate(34) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 4)))
        assert all(rate(step) > rate(step + 1) for step in range(9, 109))

    def test_it_equals_pytorch_without_warmup(self):
        parameter = nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.1)
        for step in range(20):
            optimizer.step()
            theirs.step()
            assert cosine_schedule(step, steps=20, warmup=0, final=0.1) == pytest.approx(theirs.get_last_lr()[0])

    def test_a_run_that_is_all_warmup_or_one_step_long_works(self):
        assert cosine_schedule(0, steps=1, warmup=0, final=0.1) == pytest.approx(0.1)
        assert cosine_schedule(4, steps=5, warmup=5, final=0.1) == 1


class TestClipping:
    @pytest.mark.parametrize("max_norm", [0.01, 1.0, 1e6])
    def test_it_equals_pytorch(self, max_norm):
        ours, theirs = (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)).double() for _ in range(2))
        theirs.load_state_dict(ours.state_dict())
        x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        for model in (ours, theirs):
            model(x).square().sum().backward()
        norm = clip_gradients(ours.parameters(), max_norm)
        assert norm.item() == pytest.approx(nn.utils.clip_grad_norm_(theirs.parameters(), max_norm).item(), rel=1e-12)
        for name, gradient in gradients(theirs).items():
            torch.testing.assert_close(
                gradients(ours)[name], gradient, rtol=1e-4, atol=0
            )  # theirs divides by norm + 1e-6

    def test_the_clipped_gradient_has_exactly_that_norm(self):
        parameter = nn.Parameter(torch.zeros(3))
        parameter.grad = torch.tensor([3.0, 4.0, 12.0])
        assert clip_gradients([parameter], 1.3).item() == 13
        torch.testing.assert_close(parameter.grad, torch.tensor([0.3, 0.4, 1.2]))

    def test_a_gradient_that_is_not_finite_is_reported_and_left(self):
        parameter, without = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
        parameter.grad = torch.tensor([1.0, math.inf])
        assert not math.isfinite(clip_gradients([parameter, without], 1.0))
        assert parameter.grad.tolist() == [1.0, math.inf]


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
        empty = Batch(batches[1].inputs, torch.full_like(batches[1].targets, IGNORE_INDEX), batches[1].documents)
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

    def test_weights_and_gradients_stay_in_float32_under_autocast(self):
        trainer = tiny_trainer(dtype="bfloat16")
        trainer.backward([next(trainer.batches)])
        trainer.update()
        assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}
        with autocast(torch.device("cpu"), "bfloat16"):
            assert trainer.model(torch.tensor([[1, 2]])).logits.dtype == torch.bfloat16

    def test_float16_skips_an_update_that_overflowed_and_lowers_the_scale(self):
        trainer = tiny_trainer(dtype="float16")
        before = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}
        trainer.backward([next(trainer.batches)])
        next(trainer.model.parameters()).grad[0, 0] = math.inf
        scale = trainer.scaler.get_scale()
        assert trainer.update()[2]
        assert trainer.scaler.get_scale() == scale / 2
        assert all(torch.equal(before[name], parameter) for name, parameter in trainer.model.named_parameters())
        trainer.backward([next(trainer.batches)])
        assert not trainer.update()[2]

    def test_schedule_loss_and_optimizer_can_be_replaced(self):
        calls = []

        def schedule(step, *, steps, warmup, final):
            calls.append((step, steps, warmup, final))
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


class TestEvaluation:
    def test_perplexity_leaves_the_auxiliary_losses_out(self):
        trainer = tiny_trainer(balance_weight=100.0, z_weight=100.0)
        trainer.run()
        nats, n = 0.0, 0
        trainer.model.eval()
        tokens = torch.tensor(tiny_source(seed=9).tokens(0, 10**6))
        for start in range(0, len(tokens) - 1, SEQ_LEN):  # one sequence after the other, without batches or padding
            window = tokens[start : start + SEQ_LEN + 1]
            log_probs = trainer.model(window[None, :-1]).logits[0].log_softmax(-1)
            nats -= log_probs.gather(1, window[1:, None]).sum().item()
            n += len(window) - 1
        assert trainer.metrics.tokens == n == len(tokens) - 1
        assert trainer.metrics.loss == pytest.approx(nats / n, rel=1e-5)
        assert trainer.metrics.perplexity == pytest.approx(math.exp(nats / n), rel=1e-5)

    def test_an_untrained_model_is_as_unsure_as_a_die_with_a_side_for_each_token(self):
        metrics = evaluate(tiny_trainer().model, validation_batches(tiny_source(), batch_size=2, seq_len=SEQ_LEN))
        assert metrics.perplexity == pytest.approx(VOCABULARY, rel=0.05)
        assert metrics.bits_per_byte is None

    def test_bits_per_byte_counts_the_bytes_of_the_targets(self):
        lengths = [0, *range(1, VOCABULARY)]
        source = tiny_source()
        metrics = evaluate(
            tiny_trainer().model, validation_batches(source, batch_size=2, seq_len=SEQ_LEN), byte_lengths=lengths
        )
        n_bytes = sum(lengths[token] for token in source.tokens(1, len(source)).tolist())
        assert metrics.bits_per_byte == pytest.approx(metrics.loss * metrics.tokens / math.log(2) / n_bytes)

    @pytest.mark.parametrize("training", [True, False])
    def test_the_mode_is_restored_and_no_gradient_is_kept(self, training):
        model = tiny_trainer().model.train(training)
        seen = []
        model.register_forward_pre_hook(lambda module, _: seen.append((module.training, torch.is_grad_enabled())))
        evaluate(model, validation_batches(tiny_source(), batch_size=9, seq_len=SEQ_LEN, limit=1))
        assert seen == [(False, False)]
        assert model.training == training

    def test_nothing_to_evaluate_is_an_error(self):
        with pytest.raises(StorytellerError, match="nothing to evaluate"):
            evaluate(tiny_trainer().model, [])

    def test_cross_entropy_equals_pytorch_and_is_zero_without_targets(self):
        logits, targets = torch.randn(2, 3, 7), torch.tensor([[1, IGNORE_INDEX, 6], [0, 2, IGNORE_INDEX]])
        wanted = F.cross_entropy(logits.reshape(-1, 7), targets.reshape(-1))
        torch.testing.assert_close(cross_entropy(logits, targets), wanted)
        assert cross_entropy(logits, torch.full_like(targets, IGNORE_INDEX)) == 0
        assert cross_entropy(logits.bfloat16(), targets).dtype == torch.float32


class TestRun:
    def test_it_tells_what_it_does(self, tmp_path):
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

        with pytest.raises(StorytellerError, match=r"4 sequences in a batch.*--batch-size 2 --accumulate 8"):
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


class TestCalibration:
    def test_the_probe_finds_a_dtype(self):
        assert probe_dtype("cpu", seconds=0.05) in ("float32", "bfloat16")

    def test_auto_asks_the_probe(self, monkeypatch):
        monkeypatch.setattr("storyteller.training.trainer.probe_dtype", lambda device: "bfloat16")
        assert tiny_trainer(dtype="auto").dtype == "bfloat16"

    def test_steps_within_leaves_everything_as_it_was(self):
        trainer = tiny_trainer()
        place, draw = trainer.batches.state_dict(), torch.get_rng_state()
        weights = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}
        settings = (trainer.model, trainer.config, trainer.batches)
        steps = steps_within(1000.0, *settings, validation=trainer.validation)
        assert steps > 10
        assert steps_within(0.0, *settings) == 1
        assert trainer.batches.state_dict() == place
        assert torch.equal(torch.get_rng_state(), draw)
        assert all(torch.equal(weights[name], parameter) for name, parameter in trainer.model.named_parameters())
        assert all(parameter.grad is None for parameter in trainer.model.parameters())

    def test_evaluations_take_their_part_of_the_time(self, monkeypatch):
        # By this clock a step takes 1 s, and so does the evaluation of one batch.
        ticks = iter(range(1000))
        monkeypatch.setattr("storyteller.runs.time_budget.time.perf_counter", lambda: float(next(ticks)))
        trainer = tiny_trainer(evaluate_every=10)
        settings = (100.0, trainer.model, trainer.config, trainer.batches)
        ten = validation_batches(tiny_source(), batch_size=1, seq_len=SEQ_LEN, limit=10)
        assert steps_within(*settings, margin=1.0) == 100
        # 10 s for the last evaluation, and for each step another second towards the others.
        assert steps_within(*settings, margin=1.0, validation=ten) == 45

    def test_a_deadline_shortens_a_slow_run_and_lengthens_a_quick_one_while_it_is_young(self, monkeypatch):
        clock = iter([0.0, 10.0, 60.0, 70.0, 99.5, 120.0])
        monkeypatch.setattr("storyteller.runs.time_budget.time.perf_counter", lambda: next(clock))
        deadline = Deadline(100.0)
        assert deadline.steps(10, 70) == 10 + 85  # 1 s a step and 90 s left, of which a longer plan fills 95 %
        assert deadline.steps(60, 90) == 90  # 1 s a step: 40 more would fit, too late to say so
        assert deadline.steps(65, 90) == 80  # 2 s a step: 15 more
        assert deadline.steps(79, 80) == 80
        assert deadline.steps(80, 90) == 81  # too late already: one step to end with
