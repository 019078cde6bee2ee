"""Ways to learn from a reward, at equal time: what lesson 06 puts into its table.

    python -m bench reward

The lesson's small model (its stories are five sentences of a tale) learns for 12 seconds of processor time by each
method, from the same stories-with-a-reward loop: consistent, at least 45 words, new among all stories of the step, and
in known pairs of words; length and novelty weigh less, by a root. The stories to learn from are told at 0.8, 48 in a
step, 4 for each of 12 openings; nothing is divided by the deviation of a group. Then it tells 100 stories to openings
that it has not seen. Three seeds, of the model and of all that is drawn. The figure that counts is the number of
consistent stories at the distinct-4 that the model had before at temperature 0.6; known pairs is the share of
neighbouring words that the training stories have too.
"""

import copy
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from bench.common import Row
from storyteller.config import TrainConfig
from storyteller.evaluation.text_metrics import known_share, word_pairs
from storyteller.inference.sampling_options import Sampling
from storyteller.rl.losses import dpo_loss, sequence_log_prob
from storyteller.rl.rewards import Reward, Told, consistency, novelty
from storyteller.rl.rollouts import Prompt, sample_rollouts
from storyteller.rl.settings import ReinforceConfig
from storyteller.rl.trainer import ReinforceTrainer
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder
from storyteller_course.lesson_tools import learning_from_a_reward as lesson

SEEDS, SECONDS, BASE_STEPS = (1, 2, 3), 12.0, 500
P, G, MIN_WORDS = 12, 4, 45
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
RATE, TEMPERATURE, KL_WEIGHT = 1e-3, 0.8, 0.02  # of the updates; of the stories that are learned from
METHODS = {
    "expert iteration": {"loss": "expert_iteration", "kl_weight": 0.0},
    "REINFORCE": {"loss": "reinforce", "kl_weight": 0.0},
    "clipped, two updates": {"loss": "clipped", "kl_weight": 0.0, "updates_per_rollout": 2},
    f"clipped, two updates, KL {KL_WEIGHT:g}": {"loss": "clipped", "kl_weight": KL_WEIGHT, "updates_per_rollout": 2},
}


def mended(known: set[tuple[str, str]]) -> Reward:
    """Consistency times the root of length times novelty, times the share of known pairs, as the lesson's reward."""

    def reward(stories: Sequence[Told]) -> list[float]:
        earned = []
        among_all = novelty([replace(story, group=0) for story in stories])
        for right, new, story in zip(consistency(stories), among_all, stories, strict=True):
            long_enough = min(1.0, len(story.text.split()) / MIN_WORDS)
            earned.append(right * (long_enough * new) ** 0.5 * known_share([story.text], known))
        return earned

    return reward


def by_trainer(
    model: Decoder, tokenizer: Tokenizer, openings: list[str], reward: Reward, seed: int, options: dict
) -> int:
    """Learn with the library's trainer; returns the number of updates."""
    train = TrainConfig(
        steps=10**6, batch_size=P * G, learning_rate=RATE, min_lr_ratio=1.0, warmup_ratio=0.0, weight_decay=0.0,
        beta2=0.99, dtype="float32", seed=seed,
    )  # fmt: skip
    config = ReinforceConfig(
        train=train, prompts=P, group_size=G, temperature=TEMPERATURE, max_new_tokens=lesson.MAX_TOKENS,
        positive_weight=1.0, credit="story", min_words=0, novelty_weight=0.0,
        advantages="leave_one_out", **options,
    )  # fmt: skip
    prompts = [Prompt(opening) for opening in openings]
    trainer = ReinforceTrainer(model, tokenizer, prompts, {"mended": (reward, 1.0)}, config)
    begins = time.process_time()
    while time.process_time() - begins < SECONDS:
        trainer.train_step()
    return trainer.step * config.updates_per_rollout


def by_dpo(model: Decoder, tokenizer: Tokenizer, openings: list[str], reward: Reward, seed: int) -> int:
    """Of each opening the best story against the worst, where they differ; returns the number of updates."""
    reference, dice = copy.deepcopy(model).requires_grad_(False), random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE / 3, betas=(0.9, 0.99), weight_decay=0.0)
    begins, updates = time.process_time(), 0
    while time.process_time() - begins < SECONDS:
        sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=lesson.MAX_TOKENS, seed=dice.randrange(2**62))
        prompts = [Prompt(opening) for opening in dice.sample(openings, P)]
        told = sample_rollouts(model, tokenizer, prompts, group_size=G, sampling=sampling)
        rewards = torch.tensor(reward(list(told.stories))).view(P, G)
        first = torch.arange(P) * G
        best, worst = first + rewards.argmax(dim=1), first + rewards.argmin(dim=1)
        differ = rewards.max(dim=1).values > rewards.min(dim=1).values
        rows = torch.cat([best[differ], worst[differ]]).tolist()
        if not rows:
            continue
        pairs = told.rows(rows)

        def of(policy: Decoder, inputs: Tensor = pairs.inputs, targets: Tensor = pairs.targets) -> tuple[Tensor, ...]:
            return sequence_log_prob(policy(inputs).logits, targets).chunk(2)

        with torch.no_grad():
            ref_chosen, ref_rejected = of(reference)
        for _ in range(2):
            chosen, rejected = of(model)
            loss = dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            updates += 1
    return updates


def run(*, rounds: int = 9) -> list[Row]:
    """Train the three models and let each method learn from them; `rounds` is not used."""
    torch.set_num_threads(1)
    texts = lesson.beginnings(3000)
    tokenizer = Tokenizer.train(texts, vocab_size=1600)
    known = set(word_pairs(texts))
    reward = mended(known)
    openings = sorted({lesson.opening_of(text) for text in texts})
    unseen = lesson.unseen_openings(100, openings)
    methods: dict[str, Callable[[Decoder, int], int]] = {"before": lambda model, seed: 0}
    for name, options in METHODS.items():
        methods[name] = lambda model, seed, o=options: by_trainer(model, tokenizer, openings, reward, seed, o)  # type: ignore[misc]
    methods["DPO, pairs told anew"] = lambda model, seed: by_dpo(model, tokenizer, openings, reward, seed)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for seed in SEEDS:
        base = lesson.base_model(texts, tokenizer, seed=seed, steps=BASE_STEPS)
        variety = 0.0
        for name, learn in methods.items():
            model = copy.deepcopy(base)
            updates = learn(model, seed)
            curve = [lesson.judge(model, tokenizer, unseen, known, temperature=one) for one in TEMPERATURES]
            variety = variety or curve[2].distinct
            equal = lesson.at_variety(curve, variety)
            middle = curve[2]
            figures = {
                "updates": updates,
                "at 0.6": middle.consistent,
                "distinct-4": round(middle.distinct, 2),
                "words": round(middle.words),
                "known pairs": round(middle.known_pairs, 2),
                "at equal variety": float("nan") if equal is None else round(equal),
            }
            found[name].append(figures)
            print(seed, name, figures, flush=True)
    return [
        Row(name, {key: " ".join(f"{one[key]:g}" for one in rows) for key in rows[0]}) for name, rows in found.items()
    ]
