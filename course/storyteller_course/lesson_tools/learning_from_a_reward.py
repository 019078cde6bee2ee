"""Lesson 06: a small model to begin from, its stories as tensors, a judge beside the reward, and a trainer.

The stories are the beginnings of the tales that `storyteller story` learns: five sentences, so that a model learns
them in half a minute.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from storyteller.config import ModelConfig, TrainConfig
from storyteller.corpus import load_stories
from storyteller.corpus.story import Story
from storyteller.evaluation.text_metrics import distinct_n, known_share
from storyteller.inference.sampling_options import Sampling
from storyteller.moe.layer import build_model
from storyteller.rl.losses import clipped_loss, token_log_probs
from storyteller.rl.rewards import Told, asked_for, consistency
from storyteller.rl.rollouts import Prompt, Rollouts, sample_rollouts
from storyteller.rl.supervised import as_opening
from storyteller.rl.trainer import ReinforceTrainer
from storyteller.tokenizer import Tokenizer
from storyteller.training.batches import IGNORE_INDEX, InMemoryTokens, TrainingBatches
from storyteller.training.passes import Microbatch
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder
from storyteller_course.lesson_tools.sentences import first_sentences

CORPUS = "storyworld-tales-small"
SENTENCES, MAX_TOKENS = 5, 110  # of a story; one that has not ended by then is cut
OPENING_WORDS = 8
SHAPE: dict[str, Any] = {
    "max_seq_len": 128, "d_model": 64, "n_layers": 3, "n_heads": 4, "n_kv_heads": 4, "d_ff": 64, "n_experts": 0,
    "init_std": 0.06, "init": "mimetic",
}  # fmt: skip


class Rollout(NamedTuple):
    """Stories that a model has told, as `tell` gives them: B rows of T tokens."""

    ids: Tensor  # (B, T) int64: the end token, the opening, the story with its end token, padding
    mask: Tensor  # (B, T) bool, True for the tokens that the model told
    log_probs: Tensor  # (B, T), of these tokens when they were drawn; 0 elsewhere
    stories: tuple[Told, ...]  # B; those of one opening follow each other


class Judged(NamedTuple):
    """What stories are like; a reward for consistency knows the first figure alone."""

    consistent: float  # of 100
    distinct: float  # distinct-4, over all stories together
    words: float  # of a story
    known_pairs: float  # the share of their pairs of neighbouring words that the training stories have too


def beginning(text: str) -> str:
    """The first five sentences of a story."""
    return first_sentences(text, SENTENCES)


def beginnings(count: int, *, split: str = "train") -> list[str]:
    """So many short stories."""
    return [beginning(story.text) for story in load_stories(CORPUS, split=split, limit=count)]


def opening_of(story: str) -> str:
    """The first eight words of a story."""
    return " ".join(story.split()[:OPENING_WORDS])


def unseen_openings(count: int, seen: Collection[str]) -> list[str]:
    """So many openings of held-out stories, none of them among those that were seen."""
    held_out = dict.fromkeys(opening_of(text) for text in beginnings(4 * count, split="validation"))
    return [opening for opening in held_out if opening not in seen][:count]


def base_model(texts: Sequence[str], tokenizer: Tokenizer, *, seed: int, steps: int) -> Decoder:
    """A small model trained on these stories from its first weights on, as in lesson 04."""
    model = build_model(ModelConfig(vocab_size=tokenizer.vocab_size, **SHAPE), seed=seed)
    data = InMemoryTokens.pack(tokenizer.encode_batch(list(texts)), end_id=tokenizer.end_id)
    batches = TrainingBatches(data, batch_size=8, seq_len=128, seed=seed)
    config = TrainConfig(
        steps=steps, learning_rate=8e-3, weight_decay=0.01, dtype="float32", evaluate_every=10**6, seed=seed
    )
    Trainer(model, config, batches).run()
    return model.eval()


def tell(
    model: Decoder,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    *,
    group_size: int = 1,
    temperature: float = 1.0,
    seed: int = 0,
) -> Rollout:
    """Let the model tell stories, `group_size` for each opening, all side by side."""
    sampling = Sampling(temperature=temperature, max_new_tokens=MAX_TOKENS, seed=seed)
    prompts = [Prompt(opening) for opening in openings]
    told = sample_rollouts(model, tokenizer, prompts, group_size=group_size, sampling=sampling)
    return as_rows(told)


def as_rows(told: Rollouts) -> Rollout:
    """The library's rollouts with each token's figures at its own place, and not at that of the token before it."""
    is_target = told.targets != IGNORE_INDEX  # (B, T - 1)
    last = told.inputs.new_zeros(len(told.inputs), 1)
    ids = torch.cat([told.inputs, last], dim=1)  # (B, T)
    ids[:, 1:] = torch.where(is_target, told.targets, ids[:, 1:])
    start = torch.zeros(len(ids), 1)
    return Rollout(
        ids, torch.cat([start.bool(), is_target], dim=1), torch.cat([start, told.log_probs], dim=1), told.stories
    )


def judge(
    model: Decoder,
    tokenizer: Tokenizer,
    openings: Sequence[str],
    known: set[tuple[str, str]],
    *,
    temperature: float,
    seed: int = 10**6,
) -> Judged:
    """What the stories to these openings are like, one to each.

    Args:
        model: tells them.
        tokenizer: the model's.
        openings: of stories that the model has not seen.
        known: the pairs of neighbouring words of the training stories.
        temperature: of the stories.
        seed: of the draws; the same for all models that are compared.
    """
    stories = tell(model, tokenizer, openings, temperature=temperature, seed=seed).stories
    texts = [story.text for story in stories]
    return Judged(
        consistent=100 * sum(consistency(stories)) / len(stories),
        distinct=distinct_n(texts, 4),
        words=sum(len(text.split()) for text in texts) / len(texts),
        known_pairs=known_share(texts, known),
    )


def at_variety(curve: Sequence[Judged], distinct: float) -> float | None:
    """How many of 100 stories are consistent where distinct-4 has this value, between two measured temperatures.

    None where no temperature comes near it.
    """
    ordered = sorted(curve, key=lambda one: one.distinct)
    for low, high in pairwise(ordered):
        if low.distinct <= distinct <= high.distinct:
            share = (distinct - low.distinct) / max(high.distinct - low.distinct, 1e-9)
            return low.consistent + share * (high.consistent - low.consistent)
    return None


class OwnLossTrainer(ReinforceTrainer):
    """The library's trainer with another clipped loss, called as that of lesson 06; all stories are in one pass.

    Attributes:
        own_loss: the loss.
        apart: the largest difference from the library's loss so far.
    """

    own_loss: Callable[..., Tensor]
    apart = 0.0

    def loss(self, logits: Tensor, microbatch: Microbatch) -> Tensor:
        """The other loss, and the library's weighted KL."""
        whole = super().loss(logits, microbatch)  # with the weighted KL
        batch = microbatch.batch
        assert isinstance(batch, Rollouts)
        assert batch.advantages is not None
        log_probs = token_log_probs(self._tempered(logits), batch.targets)
        given = (log_probs, batch.log_probs, batch.advantages, batch.mask)
        mine, theirs = self.own_loss(*given, normalization="dapo"), clipped_loss(*given, weights=batch.weights)
        self.apart = max(self.apart, abs(float((mine - theirs).detach())))
        return mine + whole - theirs


@dataclass(frozen=True)
class Wish:
    """What a story is to be about, and a story that is about it."""

    prompt: Prompt
    story: Story


def wishes(count: int, *, split: str = "train") -> list[Wish]:
    """Short stories, each with a wish for the one whom it is about and the object in it."""
    found = []
    for story in load_stories(CORPUS, split=split, limit=4 * count):
        facts, text = story.facts or {}, beginning(story.text)
        hero, thing = facts["people"][0]["kind"], facts["things"][0]
        wish = f"A story about a {hero} and a {thing['mark']} {thing['noun']}."
        about = {"people": facts["people"][:1], "things": [thing]}
        if len(list(asked_for(text, about))) == 2 and thing["mark"] in text.split():
            prompt = Prompt(as_opening(wish), is_wish=True, facts=about)
            found.append(Wish(prompt, Story(text=text, prompt=wish)))
    return found[:count]
