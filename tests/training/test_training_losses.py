"""The cross-entropy and the figures of an evaluation, beside sums over single sequences."""

import math

import pytest
import torch
import torch.nn.functional as F

from storyteller.errors import StorytellerError
from storyteller.training.batches import IGNORE_INDEX, validation_batches
from storyteller.training.losses import cross_entropy, evaluate
from tiny_training import SEQ_LEN, VOCABULARY, tiny_source, tiny_trainer


def test_perplexity_leaves_the_auxiliary_losses_out():
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


def test_an_untrained_model_is_as_unsure_as_a_die_with_a_side_for_each_token():
    metrics = evaluate(tiny_trainer().model, validation_batches(tiny_source(), batch_size=2, seq_len=SEQ_LEN))
    assert metrics.perplexity == pytest.approx(VOCABULARY, rel=0.05)
    assert metrics.bits_per_byte is None


def test_bits_per_byte_counts_the_bytes_of_the_targets():
    lengths = [0, *range(1, VOCABULARY)]
    source = tiny_source()
    metrics = evaluate(
        tiny_trainer().model, validation_batches(source, batch_size=2, seq_len=SEQ_LEN), byte_lengths=lengths
    )
    n_bytes = sum(lengths[token] for token in source.tokens(1, len(source)).tolist())
    assert metrics.bits_per_byte == pytest.approx(metrics.loss * metrics.tokens / math.log(2) / n_bytes)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored_and_no_gradient_is_kept(training):
    model = tiny_trainer().model.train(training)
    seen = []
    model.register_forward_pre_hook(lambda module, _: seen.append((module.training, torch.is_grad_enabled())))
    evaluate(model, validation_batches(tiny_source(), batch_size=9, seq_len=SEQ_LEN, limit=1))
    assert seen == [(False, False)]
    assert model.training == training


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(StorytellerError, match="nothing to evaluate"):
        evaluate(tiny_trainer().model, [])


def test_cross_entropy_equals_pytorch_and_is_zero_without_targets():
    logits, targets = torch.randn(2, 3, 7), torch.tensor([[1, IGNORE_INDEX, 6], [0, 2, IGNORE_INDEX]])
    wanted = F.cross_entropy(logits.reshape(-1, 7), targets.reshape(-1))
    torch.testing.assert_close(cross_entropy(logits, targets), wanted)
    assert cross_entropy(logits, torch.full_like(targets, IGNORE_INDEX)) == 0
    assert cross_entropy(logits.bfloat16(), targets).dtype == torch.float32
