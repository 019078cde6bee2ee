"""The trainer that learns from rewards: its step by hand, resuming, what is kept fixed, and that it learns."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch

from small_policy import letters, small_config, small_model, small_trainer, tokenizer
from storyteller.errors import StorytellerError
from storyteller.rl.advantages import group_advantages
from storyteller.rl.losses import kl_k3
from storyteller.rl.rewards import Told, consistency
from storyteller.rl.rollouts import Prompt, _padded
from storyteller.rl.trainer import ReinforceTrainer
from storyteller.training.events import Message, StepDone


def tensors_of(state):
    return {**state.weights, **state.state}


def same(first, second):
    a, b = tensors_of(first), tensors_of(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("options", [{}, {"updates_per_rollout": 2, "routing": "replay"}, {"loss": "reinforce"}])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path, options):
    unbroken = small_trainer(tmp_path / "unbroken", **options)
    unbroken.run()
    first = small_trainer(tmp_path / "broken", **options, train={"steps": 2})
    first.run()
    again = small_trainer(tmp_path / "broken", **options, on_event=lambda event: None)
    assert again.resume()
    again.run()
    assert same(again.state_dict(), unbroken.state_dict())
    assert again.state_dict().values["data"] == unbroken.state_dict().values["data"]


@pytest.mark.parametrize(
    "options", [{}, {"routing": "replay"}, {"normalization": "grpo"}, {"loss": "expert_iteration"}]
)
def test_passes_side_by_side_and_of_another_size_have_the_gradients_of_one_pass(options):
    config = {"kl_weight": 0.2, **options}
    gradients = []
    for size, threads in ((8, 1), (3, 1), (3, 2)):
        trainer = small_trainer(
            **config, train={"batch_size": size, "balance_weight": 0.0, "z_weight": 0.0}, parallel_microbatches=threads
        )
        with torch.no_grad():
            trainer.reference.norm.weight.mul_(1.1)
        scored = trainer.score(next(trainer.rollouts))
        trainer.backward(scored.split(size))
        gradients.append([p.grad.clone() for p in trainer.model.parameters()])
    for one, *others in zip(*gradients, strict=True):
        for other in others:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_the_gradient_is_that_of_a_plain_loop_over_the_tokens():
    """At the beginning every ratio is 1: minus advantage times the gradient of log p, and that of the KL."""
    trainer = small_trainer(
        kl_weight=0.3, temperature=1.3, normalization="grpo", train={"balance_weight": 0.0, "z_weight": 0.0}
    )
    with torch.no_grad():
        trainer.reference.norm.weight.mul_(1.1)
    rollouts = trainer.score(next(trainer.rollouts))
    trainer.backward(rollouts.split(3))
    model = small_model()
    total = torch.zeros(())
    rewards = letters(rollouts.stories)
    for row, reward in enumerate(rewards):
        group = torch.tensor(rewards[row // 4 * 4 : row // 4 * 4 + 4])
        advantage = (reward - group.mean()) / (group.std() + 1e-4)
        logits, ref = (m(rollouts.inputs[row : row + 1]).logits[0] / 1.3 for m in (model, trainer.reference))
        places = [place for place, target in enumerate(rollouts.targets[row].tolist()) if target != -100]
        for place in places:
            log_p, log_ref = (x[place].log_softmax(-1)[rollouts.targets[row, place]] for x in (logits, ref))
            total = total + (0.3 * kl_k3(log_p, log_ref) - advantage * log_p) / len(places) / len(rewards)
    total.backward()
    for (name, ours), theirs in zip(trainer.model.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=2e-3, atol=1e-5, msg=name)


def test_the_reference_never_changes_and_the_kl_begins_at_0_and_grows():
    events = []
    trainer = small_trainer(train={"learning_rate": 1e-2}, on_event=events.append)
    before = copy.deepcopy(trainer.reference.state_dict())
    trainer.run()
    kl = [event.figures["kl"] for event in events if isinstance(event, StepDone)]
    assert kl[0] == pytest.approx(0, abs=1e-5)
    assert kl[-1] > 1e-4
    assert all(torch.equal(before[name], tensor) for name, tensor in trainer.reference.state_dict().items())
    assert not torch.equal(trainer.model.norm.weight, trainer.reference.norm.weight)


def test_experts_that_are_full_drop_nothing_so_ratios_begin_at_1():
    trainer = small_trainer(model=small_model(capacity_factor=0.3), updates_per_rollout=1)
    trainer.model.train()
    events = []
    trainer.subscribe(events.append)
    trainer.train_step()
    assert events[0].figures["kl"] == pytest.approx(0, abs=1e-5)
    assert events[0].figures["clip_share"] == 0


def test_a_step_tells_its_figures():
    events = []
    small_trainer(on_event=events.append, train={"steps": 1}).run()
    (done,) = [event for event in events if isinstance(event, StepDone)]
    assert set(done.figures) == {"reward", "reward/letters", "length", "distinct_4", "ended", "kl", "clip_share"}
    assert done.figures["reward"] == pytest.approx(done.figures["reward/letters"])
    assert done.figures["length"] * 8 == pytest.approx(done.tokens)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"updates_per_rollout": 3},
        {"loss": "reinforce", "advantages": "leave_one_out", "normalization": "dr_grpo"},
        {"loss": "expert_iteration"},
    ],
    ids=["clipped", "three updates", "reinforce", "expert iteration"],
)
def test_the_reward_rises(options):
    events = []
    settings = {"group_size": 16, "kl_weight": 0.0, **options}
    small_trainer(
        **settings, train={"steps": 25, "learning_rate": 1e-2, "batch_size": 16}, on_event=events.append
    ).run()
    rewards = [event.figures["reward"] for event in events if isinstance(event, StepDone)]
    assert sum(rewards[-5:]) / 5 > 1.5 * sum(rewards[:5]) / 5


def test_expert_iteration_learns_from_the_best_stories_that_have_a_reward():
    trainer = small_trainer(loss="expert_iteration", keep_share=0.25, reward=lambda s: [0, 3, 0, 1, 0, 2, 0, 0])
    scored = trainer.score(next(trainer.rollouts))
    assert scored.advantages.tolist() == [0, 1, 0, 0, 0, 1, 0, 0]
    assert float(scored.weights.sum()) == pytest.approx(1.0)
    assert set(scored.weights.sum(dim=1).nonzero().flatten().tolist()) == {1, 5}
    nothing = small_trainer(loss="expert_iteration", reward=lambda s: [0.0] * len(s))
    assert not nothing.score(next(nothing.rollouts)).advantages.any()


def test_the_prompts_of_a_step_differ_and_hang_on_seed_and_step_alone():
    trainer = small_trainer()
    openings = [{story.opening for story in next(trainer.rollouts).stories} for _ in range(6)]
    assert all(len(each) == 2 for each in openings)
    assert len(set(map(frozenset, openings))) > 1
    other = small_trainer()
    other.rollouts.load_state_dict({"drawn": 3, "prompts": 3, "seed": 1})
    assert {story.opening for story in next(other.rollouts).stories} == openings[3]
    for state in ({"drawn": 3, "prompts": 4, "seed": 1}, {"drawn": 3, "prompts": 3, "seed": 2}, {"epoch": 1}):
        with pytest.raises(StorytellerError, match="The checkpoint was made with"):
            other.rollouts.load_state_dict(state)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group_size": 1}, "group_size is 1"),
        ({"prompts": 0}, "prompts is 0"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"kl_weight": -1.0}, "kl_weight is -1"),
        ({"novelty_weight": float("nan")}, "novelty_weight is nan"),
        ({"epsilon": 1.0}, "epsilon is 1"),
        ({"epsilon_high": 0.0}, "epsilon_high is 0"),
        ({"keep_share": 0.0}, "keep_share is 0"),
        ({"updates_per_rollout": 0}, "updates_per_rollout is 0"),
        ({"min_words": -1}, "min_words is -1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        *(
            ({name: "other"}, f"{name} is 'other'; it must be")
            for name in ("loss", "advantages", "normalization", "log_probs", "routing")
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused(options, words):
    with pytest.raises(StorytellerError, match=words):
        small_config(**options)


def test_no_prompt_and_experts_replayed_in_recomputed_blocks_are_refused():
    with pytest.raises(StorytellerError, match="There is no prompt"):
        small_trainer(from_prompts=[])
    with pytest.raises(StorytellerError, match="cannot be replayed"):
        small_trainer(routing="replay", train={"gradient_checkpointing": True})


def test_it_is_never_compiled():
    with pytest.raises(StorytellerError, match="Learning from a reward is not compiled"):
        small_trainer(train={"compile": "on"})
    assert not small_trainer(train={"compile": "auto"}).compiled


def test_all_options_together_make_a_step():
    for loss, advantages, normalization, routing, log_probs in itertools.product(
        ("clipped", "reinforce", "expert_iteration"),
        ("group", "group_centered", "leave_one_out"),
        ("grpo", "dapo", "dr_grpo"),
        ("recompute", "replay"),
        ("sampled", "model"),
    ):
        trainer = small_trainer(
            loss=loss, advantages=advantages, normalization=normalization, routing=routing, log_probs=log_probs,
            group_size=2, max_new_tokens=3, temperature=0.8, kl_weight=0.1, train={"steps": 1},
        )  # fmt: skip
        trainer.run()
        assert trainer.step == 1


def test_a_contradiction_is_the_fault_of_its_sentence_and_praise_is_weighed():
    model, config = small_model(max_seq_len=80), small_config(prompts=1, positive_weight=0.25)
    trainer = ReinforceTrainer(model, tokenizer(), [Prompt("")], {"consistency": (consistency, 1.0)}, config)
    texts = [
        "A fox named Pip had a red kite. He flew the blue kite. He ran.",
        "A fox named Pip ran.",
        "Ran ran.",
        "A",
    ]
    rollouts = _padded(
        [[tokenizer().end_id]] * 4,
        rows := [[*tokenizer().encode(text), tokenizer().end_id] for text in texts],
        [[0.0] * len(row) for row in rows],
        None,
        tuple(Told(opening="", text=text, ended=True, group=0) for text in texts),
    )
    scored = trainer.score(rollouts)
    assert scored.rewards.tolist() == [0.0, 1.0, 0.0, 0.0]
    A = group_advantages(scored.rewards[None])[0]
    blamed = scored.advantages[0][rollouts.mask[0]]
    at = [place for place, value in enumerate(blamed.tolist()) if value]
    assert tokenizer().decode(rows[0][at[0] : at[-1] + 1]).strip() == "He flew the blue kite."
    assert blamed.sum().item() == pytest.approx(A[0].item() * len(rows[0]), rel=1e-5)
    assert scored.advantages[1][rollouts.mask[1]].tolist() == pytest.approx([0.25 * A[1].item()] * len(rows[1]))
    assert scored.advantages[2][rollouts.mask[2]].tolist() == pytest.approx([A[2].item()] * len(rows[2]))


def test_where_nothing_can_be_learned_that_is_said_once():
    events = []
    small_trainer(
        reward=lambda s: [1.0] * len(s), train={"steps": 8, "checkpoint_every": 9}, on_event=events.append
    ).run()
    (said,) = [event.text for event in events if isinstance(event, Message)]
    assert said.startswith("In 3 steps no story earned more than another")


def test_a_step_of_several_passes_counts_the_experts_that_are_replayed():
    trainer = small_trainer(routing="replay", train={"batch_size": 4, "balance_scope": "global"})
    scored = trainer.score(next(trainer.rollouts))
    chosen = torch.zeros_like(scored.expert_ids)  # as if every token had gone to the same experts
    chosen[..., 1] = 1
    seen = []
    library = trainer.components.load_balancing_loss

    def noting(*given, load, **options):
        seen.append(load)
        return library(*given, load=load, **options)

    trainer.components = replace(trainer.components, load_balancing_loss=noting)
    trainer.backward(replace(scored, expert_ids=chosen).split(4))
    assert len(seen) == 2 * trainer.model.config.n_layers
    for load in seen:
        assert load[:2].tolist() == pytest.approx([1.0, 1.0])
        assert load[2:].abs().max() == 0
