"""Lesson 06's plain answers against TRL and the library; its helpers; its loop in the library's place."""

import copy
import random
from typing import Any

import nbformat
import pytest
import torch
from torch import Tensor

from repository import ROOT
from storyteller.evaluation.text_metrics import word_pairs
from storyteller.inference.sampling_options import Sampling
from storyteller.rl import advantages, losses, rewards
from storyteller.rl.rollouts import Prompt, sample_rollouts
from storyteller.runs import pipeline
from storyteller.runs.load import load_model
from storyteller.tokenizer import Tokenizer
from storyteller_course import capstone, load_lesson
from storyteller_course.lesson_tools import learning_from_a_reward as tools

LESSON = load_lesson(ROOT / "lessons" / "06_learning_from_a_reward")
reference = LESSON.reference


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def teller():
    """A model that has hardly learned anything, and its tokenizer."""
    texts = tools.beginnings(60)
    tokenizer = Tokenizer.train(texts, vocab_size=400)
    return tools.base_model(texts, tokenizer, seed=1, steps=3), tokenizer


# --- the answers against independent implementations ----------------------------------------------------------------


@pytest.mark.parametrize("normalization", ["grpo", "dapo", "dr_grpo"])
def test_the_clipped_loss_is_the_librarys_which_is_trls(normalization):
    mask = torch.arange(7) < torch.tensor([[7], [4], [2]])
    new, old = (torch.where(mask, -numbers(3, 7, seed=s).abs(), 0.0) for s in (1, 2))
    A = numbers(3, seed=3)
    weights = losses.token_weights(mask, normalization=normalization, max_tokens=9).double()
    wanted = losses.clipped_loss(new, old, A, mask, weights=weights)
    got = reference.clipped_loss(new, old, A, mask, normalization=normalization, max_tokens=9)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-7)


def test_group_advantages_are_the_librarys():
    given = numbers(4, 5).float()
    torch.testing.assert_close(
        reference.group_advantages(given.flatten(), 5), advantages.group_advantages(given).flatten()
    )


def test_novelty_is_the_librarys():
    told = [
        rewards.Told(opening="", text=text, ended=True, group=i // 2)
        for i, text in enumerate(["a b c d e", "a b c d f", "a b c d e", "x y z", "", "p q r s p q r s"])
    ]
    got = reference.mended_reward([one.text for one in told], [1.0] * 6, group_size=2, min_words=1)
    assert got == pytest.approx(
        [0.0 if not one.text else new for one, new in zip(told, rewards.novelty(told), strict=True)]
    )


def test_the_policy_gradient_is_right_on_average():
    """Over all pulls of two arms, each with its probability, with any baseline."""
    z, pays = torch.tensor([0.3, -0.9, 0.1], dtype=torch.float64), torch.tensor([1.0, 3.0, -2.0], dtype=torch.float64)
    for baseline in (0.0, 1.7):
        mean = sum(
            z.softmax(0)[arm] * reference.policy_gradient(z, torch.tensor([arm]), pays[arm][None], baseline=baseline)
            for arm in range(3)
        )
        leaf = z.clone().requires_grad_()
        (leaf.softmax(0) @ pays).backward()
        torch.testing.assert_close(mean, leaf.grad)


def test_the_best_of_n_is_pass_at_k_for_rewards_of_0_and_1():
    given = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    for n in range(1, 8):
        assert reference.expected_best(given, n) == pytest.approx(reference.pass_at_k(n=7, c=2, k=n))


# --- its helpers --------------------------------------------------------------------------------------------------


def test_each_token_has_its_figures_at_its_own_place(teller):
    model, tokenizer = teller
    told = tools.tell(model, tokenizer, ["Once", "There was once a"], group_size=2, temperature=0.8, seed=3)
    for row, story in enumerate(told.stories):
        own = told.ids[row][told.mask[row]].tolist()
        assert (story.opening + tokenizer.decode(own, skip_special=True)).strip() == story.text.strip()
    again = reference.token_log_probs(model(told.ids).logits, told.ids, told.mask, temperature=0.8)
    torch.testing.assert_close(again, told.log_probs, rtol=1e-3, atol=1e-3)


def test_a_judge_asks_for_the_same_draws(teller):
    model, tokenizer = teller
    known = set(word_pairs(["the fox ran"]))
    first, second = (
        tools.judge(model, tokenizer, ["Once there was a fox", "One day the fox ran"], known, temperature=0.7)
        for _ in range(2)
    )
    assert first == second
    assert 0 <= first.known_pairs <= 1


def test_consistency_is_read_between_the_temperatures_around_a_variety():
    curve = [tools.Judged(80, 0.2, 50, 1.0), tools.Judged(60, 0.4, 50, 1.0), tools.Judged(20, 0.8, 50, 0.9)]
    assert tools.at_variety(curve, 0.3) == pytest.approx(70)
    assert tools.at_variety(curve, 0.6) == pytest.approx(40)
    assert tools.at_variety(curve, 0.9) is None


def test_a_wish_is_fulfilled_by_its_own_story():
    for one in tools.wishes(20):
        told = rewards.Told(
            opening=one.prompt.opening, text=one.story.text, ended=True, group=0, facts=one.prompt.facts
        )
        assert rewards.wish([told]) == [1.0]
        assert one.story.prompt == one.prompt.opening.strip()


# --- the loop -------------------------------------------------------------------------------------------------------


def test_the_loop_makes_a_wanted_token_likelier(teller):
    """A real model, a real sampler: the reward asks for stories in which a letter is frequent."""
    model, tokenizer = copy.deepcopy(teller[0]), teller[1]
    dice = random.Random(1)

    def tell():
        return tools.tell(model, tokenizer, ["Once", "One"], group_size=8, seed=dice.getrandbits(40))

    def letters(stories):
        return [story.text.count("e") / (1 + len(story.text)) for story in stories]

    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    history = reference.reinforce(model, optimizer, tell, letters, steps=6, group_size=8, updates=2, kl_weight=0.01)
    assert len(history) == 6
    assert sum(history[-2:]) > 1.2 * sum(history[:2])


def test_a_loss_of_ones_own_runs_in_the_librarys_trainer(teller):
    from storyteller.config import TrainConfig
    from storyteller.rl.settings import ReinforceConfig

    model, tokenizer = copy.deepcopy(teller[0]), teller[1]
    config = ReinforceConfig(
        train=TrainConfig(steps=2, batch_size=8, dtype="float32"), prompts=2, group_size=4, max_new_tokens=12,
        credit="story", positive_weight=1.0, kl_weight=0.1, updates_per_rollout=2,
    )  # fmt: skip
    terms = {"length": (rewards.length, 1.0)}
    trainer = tools.OwnLossTrainer(model, tokenizer, [Prompt("Once"), Prompt("One")], terms, config)
    trainer.own_loss = reference.clipped_loss
    before = copy.deepcopy(model.state_dict())
    trainer.run()
    assert trainer.apart < 1e-5
    assert any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_rows_are_those_of_the_librarys_rollouts(teller):
    told = sample_rollouts(
        *teller, [Prompt("Once"), Prompt("")], group_size=2, sampling=Sampling(max_new_tokens=9, seed=4)
    )
    rows = tools.as_rows(told)
    assert rows.mask.sum() == told.mask.sum()
    torch.testing.assert_close(rows.log_probs.sum(dim=1), told.log_probs.sum(dim=1))
    assert not rows.mask[:, 0].any()


def test_a_capstone_of_lesson_05_is_taken_in_by_one_line(monkeypatch, tmp_path):
    """Section 13 as the solution has it, with the run's folder in the place of None."""
    monkeypatch.setenv("STORYTELLER_FAST", "1")
    monkeypatch.setattr(pipeline, "VALIDATION_STORIES", 8)
    monkeypatch.chdir(tmp_path)
    capstone.train(capstone.gather(), quiet=True)
    trained, _ = load_model(tmp_path / "runs" / "capstone")
    solution = nbformat.read(ROOT / "solutions" / "06_learning_from_a_reward.ipynb", as_version=4)
    code = [cell.source for cell in solution.cells if cell.cell_type == "code"]
    begins = ("import argparse", "FAST = ", "def token_log_probs", "def clipped_loss", "def kl_k3")
    section = next(i for i, source in enumerate(code) if "RUN = None" in source)
    notebook: dict[str, Any] = {"P": 2, "G": 4}
    for source in [source for source in code[:section] if source.startswith(begins)] + code[section : section + 3]:
        exec(source.replace("RUN = None", 'RUN = "runs/capstone"'), notebook)
    assert notebook["own"].config == trained.config
    assert not torch.equal(notebook["own"].embedding.weight, trained.embedding.weight)  # it has learned
    assert notebook["trainer"].apart < 1e-4
