"""The losses of learning from a reward: beside TRL's own code, plain loops, numerical gradients, exact expectations."""

import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from storyteller.errors import StorytellerError
from storyteller.rl.losses import (
    clipped_loss,
    clipped_share,
    dpo_loss,
    filtered_cross_entropy,
    kl_k3,
    reinforce_loss,
    sequence_log_prob,
    token_log_probs,
    token_weights,
)
from storyteller.training.losses import cross_entropy

B, T, V, LIMIT = 5, 7, 11, 9


def batch(seed: int = 0):
    """Log-probabilities, old ones, the reference's, advantages, and a mask with a prompt and padding in each row."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(B, T, dtype=torch.bool)
    for row, (first, end) in enumerate([(0, 7), (2, 4), (1, 6), (3, 7), (0, 1)]):
        mask[row, first:end] = True
    log_probs = -3 * torch.rand(B, T, generator=generator, dtype=torch.float64)
    old = log_probs + 0.5 * torch.randn(B, T, generator=generator, dtype=torch.float64)
    ref = log_probs + 0.5 * torch.randn(B, T, generator=generator, dtype=torch.float64)
    advantages = torch.randn(B, generator=generator, dtype=torch.float64)
    return *(tensor * mask for tensor in (log_probs, old, ref)), advantages, mask


def trl_loss(log_probs, old, ref, advantages, mask, *, kind: str, epsilon: float, high: float, beta: float):
    """What TRL's GRPOTrainer computes of these tensors, by its own method on a stand-in for the trainer."""
    grpo = pytest.importorskip("trl.trainer.grpo_trainer")
    entropies = torch.zeros_like(log_probs)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (log_probs, entropies, None),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level="token",
        beta=beta,
        args=SimpleNamespace(use_bias_correction_kl=False, delta=None, steps_per_generation=1),
        loss_type=kind,
        epsilon_low=epsilon,
        epsilon_high=high,
        use_vllm=False,
        model=SimpleNamespace(training=True),
        current_gradient_accumulation_steps=1,
        max_completion_length=LIMIT,
        accelerator=SimpleNamespace(
            num_processes=1, gather=lambda tensor: tensor, reduce=lambda tensor, reduction: tensor
        ),
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list)},
    )
    inputs = {
        "prompt_ids": torch.zeros(B, 1, dtype=torch.int64),
        "prompt_mask": torch.ones(B, 1, dtype=torch.int64),
        "completion_ids": torch.zeros(B, T, dtype=torch.int64),
        "completion_mask": mask.to(log_probs.dtype),
        "advantages": advantages,
        "old_per_token_logps": old,
        "ref_per_token_logps": ref,
        "num_items_in_batch": mask.sum(),
    }
    loss = grpo.GRPOTrainer._compute_loss(trainer, None, inputs)
    return loss, {name: values[0] for name, values in trainer._metrics["train"].items()}


@pytest.mark.parametrize("kind", ["grpo", "dapo", "dr_grpo"])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_the_clipped_loss_and_its_gradient_are_those_of_trl(kind, beta):
    log_probs, old, ref, advantages, mask = batch()
    ours, theirs = (log_probs.clone().requires_grad_() for _ in range(2))
    weights = token_weights(mask, normalization=kind, max_tokens=LIMIT).double()
    loss = clipped_loss(ours, old, advantages, mask, epsilon=0.2, epsilon_high=0.28, weights=weights)
    loss = loss + beta * (weights * kl_k3(ours, ref)).sum()
    expected, figures = trl_loss(theirs, old, ref, advantages, mask, kind=kind, epsilon=0.2, high=0.28, beta=beta)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-8)
    clipped = clipped_share(ours.detach(), old, advantages, mask, epsilon=0.2, epsilon_high=0.28)
    assert clipped.item() == pytest.approx(figures["clip_ratio/region_mean"]) != 0


def test_the_clipped_loss_is_that_of_a_plain_loop():
    log_probs, old, _, advantages, mask = batch(3)
    total = 0.0
    for row in range(B):
        terms = []
        for place in range(T):
            if mask[row, place]:
                ratio = math.exp(log_probs[row, place] - old[row, place])
                A = float(advantages[row])
                terms.append(-min(ratio * A, min(max(ratio, 0.9), 1.1) * A))
        total += sum(terms) / len(terms) / B
    assert clipped_loss(log_probs, old, advantages, mask, epsilon=0.1).item() == pytest.approx(total, rel=1e-5)


def test_a_token_beyond_the_interval_has_no_gradient_and_counts_as_clipped():
    old = torch.zeros(1, 4)
    log_probs = torch.tensor([[0.5, -0.5, 0.0, 0.5]], requires_grad=True)
    mask = torch.tensor([[True, True, True, False]])
    for advantage, clipped in ((1.0, [True, False, False]), (-1.0, [False, True, False])):
        log_probs.grad = None
        clipped_loss(log_probs, old, torch.tensor([advantage]), mask).backward()
        assert (log_probs.grad[0, :3] == 0).tolist() == clipped
        assert clipped_share(log_probs.detach(), old, torch.tensor([advantage]), mask).item() == pytest.approx(1 / 3)


def test_where_nothing_has_changed_the_clipped_gradient_is_that_of_reinforce():
    log_probs, _, _, advantages, mask = batch(5)
    gradients = []
    for loss_of in (
        lambda x: clipped_loss(x, log_probs, advantages, mask),
        lambda x: reinforce_loss(x, advantages, mask),
    ):
        x = log_probs.clone().requires_grad_()
        loss_of(x).backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)


def test_the_gradients_are_the_numerical_ones():
    log_probs, old, ref, advantages, mask = batch(7)
    x = log_probs.clone().requires_grad_()
    weights = token_weights(mask, normalization="dapo").double()
    assert torch.autograd.gradcheck(lambda x: clipped_loss(x, old, advantages, mask, weights=weights), (x,))
    assert torch.autograd.gradcheck(lambda x: kl_k3(x, ref), (x,))
    pair = [torch.randn(3, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    assert torch.autograd.gradcheck(lambda *log_probs: dpo_loss(*log_probs, beta=0.7), pair)


def test_reinforce_has_the_gradient_of_the_expected_reward():
    """A policy over three one-token stories: the expectation over all of them is a sum of three terms."""
    logits = torch.tensor([0.3, -0.4, 1.1], dtype=torch.float64, requires_grad=True)
    rewards = torch.tensor([1.0, 0.0, 0.4], dtype=torch.float64)
    (logits.softmax(0) * rewards).sum().backward()
    exact, estimate = logits.grad.clone(), torch.zeros(3, dtype=torch.float64)
    for story in range(3):
        logits.grad = None
        log_prob = logits.log_softmax(0)[story].view(1, 1)
        reinforce_loss(log_prob, rewards[story].view(1), torch.ones(1, 1, dtype=torch.bool)).backward()
        estimate -= logits.softmax(0)[story].detach() * logits.grad
    torch.testing.assert_close(estimate, exact)


def test_k3_is_right_on_average_and_never_negative():
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        log_p, log_ref = (torch.randn(V, generator=generator, dtype=torch.float64).log_softmax(0) for _ in range(2))
        estimates = kl_k3(log_p, log_ref)  # of each token that may be drawn
        exact = F.kl_div(log_ref, log_p, log_target=True, reduction="sum")
        assert (log_p.exp() * estimates).sum().item() == pytest.approx(exact.item())
        assert (estimates >= 0).all()


def test_every_story_counts_the_same_or_every_token_or_by_a_constant():
    mask = torch.tensor([[True, True, True, True], [False, True, False, False]])
    assert token_weights(mask).sum(dim=1).tolist() == [0.5, 0.5]
    assert token_weights(mask, normalization="dapo")[mask].tolist() == pytest.approx([0.2] * 5)
    assert token_weights(mask, normalization="dr_grpo", max_tokens=8)[mask].tolist() == [1 / 16] * 5
    for kind in ("grpo", "dapo", "dr_grpo"):
        assert not token_weights(mask, normalization=kind, max_tokens=8)[~mask].any()
        assert not token_weights(~mask & mask, normalization=kind, max_tokens=8).any()  # no story has a token
    with pytest.raises(StorytellerError, match="max_tokens"):
        token_weights(mask, normalization="dr_grpo")
    with pytest.raises(StorytellerError, match="'mean'"):
        token_weights(mask, normalization="mean")


def test_a_sequences_log_probability_leaves_out_prompt_and_padding():
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 5, V, generator=generator)
    targets = torch.tensor([[-100, -100, 4, 7, 0], [3, 0, -100, -100, -100]])
    expected = [
        sum(float(logits[row, place].log_softmax(-1)[target]) for place, target in enumerate(line) if target != -100)
        for row, line in enumerate(targets.tolist())
    ]
    assert sequence_log_prob(logits, targets).tolist() == pytest.approx(expected, rel=1e-5)
    assert token_log_probs(logits, targets)[targets == -100].tolist() == [0.0] * 5


def test_dpo_is_the_cross_entropy_of_a_choice_between_two_stories():
    """The likelihood of Bradley and Terry, by PyTorch's own loss of a choice between two classes."""
    generator = torch.Generator().manual_seed(4)
    chosen, rejected, ref_chosen, ref_rejected = (torch.randn(6, generator=generator) for _ in range(4))
    scores = 0.3 * torch.stack([chosen - ref_chosen, rejected - ref_rejected], dim=1)  # (P, 2)
    expected = F.cross_entropy(scores, torch.zeros(6, dtype=torch.int64))
    assert dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.3).item() == pytest.approx(expected.item())


def test_expert_iteration_is_the_cross_entropy_of_the_stories_that_are_kept():
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(3, 4, V, generator=generator)
    targets = torch.randint(V, (3, 4), generator=generator)
    targets[0, 0] = targets[2, 3] = -100
    keep = torch.tensor([True, False, True])
    assert filtered_cross_entropy(logits, targets, keep).item() == pytest.approx(
        cross_entropy(logits[keep], targets[keep]).item(), rel=1e-5
    )
    assert filtered_cross_entropy(logits, targets, torch.zeros(3, dtype=torch.bool)).item() == 0.0
