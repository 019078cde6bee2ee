"""The loop of learning from a reward: tell stories, score them, update the weights.

    trainer = ReinforceTrainer(model, tokenizer, [Prompt()], {"consistency": (consistency, 1.0)}, config, folder=folder)
    trainer.resume()
    trainer.run()

It is the `Trainer` of lesson 04 with another source of batches and another loss: checkpoints, resuming, events, Ctrl-C
and clipping are that one's. Read from `ReinforceTrainer.train_step`.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from storyteller.errors import StorytellerError
from storyteller.evaluation.text_metrics import distinct_n
from storyteller.inference.sampling_options import Sampling
from storyteller.rl.advantages import blame_tokens, group_advantages, leave_one_out
from storyteller.rl.losses import clipped_loss, clipped_share, kl_k3, reinforce_loss, token_log_probs, token_weights
from storyteller.rl.rewards import Reward, first_fault, total_rewards
from storyteller.rl.rollouts import Prompt, Rollouts, sample_rollouts, tokens_within
from storyteller.rl.routing import replay
from storyteller.rl.selection import keep_best
from storyteller.rl.settings import ReinforceConfig
from storyteller.tokenizer import Tokenizer
from storyteller.training import checkpoint as ckpt
from storyteller.training.batches import Batch
from storyteller.training.events import Event
from storyteller.training.mixed_precision import autocast
from storyteller.training.passes import Microbatch
from storyteller.training.step_timing import candidate_dtypes
from storyteller.training.trainer import Trainer
from storyteller.transformer.decoder import Decoder, Output

IDLE_STEPS = 3  # one after the other, after which the user hears of it
Terms = Mapping[str, tuple[Reward, float]]  # name -> (reward, its weight)


class RolloutBatches:
    """An endless source of stories that the model tells now. Its place is how many steps it has given.

    Which prompts a step has, and what it draws, is a pure function of the seed and the place.
    """

    def __init__(
        self, model: Decoder, tokenizer: Tokenizer, prompts: Sequence[Prompt], config: ReinforceConfig
    ) -> None:
        if not prompts:
            raise StorytellerError("There is no prompt to tell stories from: give at least one, which may be empty.")
        self.model, self.tokenizer, self.prompts, self.config = model, tokenizer, prompts, config
        self.drawn = 0  # steps given

    def __next__(self) -> Rollouts:
        config, seed = self.config, self.config.train.seed
        random = np.random.default_rng([seed, self.drawn])
        chosen = random.choice(len(self.prompts), config.prompts, replace=len(self.prompts) < config.prompts)
        sampling = Sampling(
            temperature=config.temperature,
            max_new_tokens=config.max_new_tokens,
            seed=int(random.integers(2**62)),
        )
        self.drawn += 1
        return sample_rollouts(
            self.model,
            self.tokenizer,
            [self.prompts[number] for number in chosen.tolist()],
            group_size=config.group_size,
            sampling=sampling,
            log_probs=config.log_probs,
            keep_routing=config.routing == "replay",
        )

    def state_dict(self) -> dict[str, int]:
        """The place."""
        return {"drawn": self.drawn, "prompts": len(self.prompts), "seed": self.config.train.seed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place.

        Raises:
            StorytellerError: it was saved with other prompts or another seed, or by another kind of training.
        """
        own = self.state_dict()
        for name in ("prompts", "seed"):
            if state.get(name) != own[name]:
                raise StorytellerError(
                    f"The checkpoint was made with {name} {state.get(name)}, and this run has {own[name]}: "
                    "go on with the settings that the run was started with, or choose another folder."
                )
        self.drawn = state["drawn"]


class ReinforceTrainer(Trainer):
    """Trains a model on the rewards of its own stories; it can stop and go on at any step.

    Its blocks are never compiled: the shapes of its stories change with every step.

    Args:
        model: a trained one, in float32, on the device to train on.
        tokenizer: the one it was trained with.
        prompts: what stories are told from; each step takes `config.prompts` of them.
        terms: the rewards and their weights.
        config: how to train.
        reference: the model that the KL is taken to; by default a copy of `model` as it is now. It never changes.
        folder, on_event, parallel_microbatches: as in `Trainer`.
    """

    def __init__(
        self,
        model: Decoder,
        tokenizer: Tokenizer,
        prompts: Sequence[Prompt],
        terms: Terms,
        config: ReinforceConfig,
        *,
        reference: Decoder | None = None,
        folder: Path | None = None,
        on_event: Callable[[Event], None] | None = None,
        parallel_microbatches: int = 1,
    ) -> None:
        if config.routing == "replay" and config.train.gradient_checkpointing:
            raise StorytellerError(
                "Experts cannot be replayed in blocks that are recomputed: choose routing 'recompute', or leave "
                "gradient checkpointing off."
            )
        if config.train.compile == "on":
            raise StorytellerError(
                "Learning from a reward is not compiled, since the shapes of its stories change with every step: "
                "choose compile 'off' or 'auto'."
            )
        self.rollouts = RolloutBatches(model, tokenizer, prompts, config)
        train = replace(config.train, compile="off")
        if train.dtype == "auto":  # no trial: a step's time is that of telling the stories
            train = replace(train, dtype=candidate_dtypes(model.embedding.weight.device)[0])
        super().__init__(
            model,
            train,
            self.rollouts,
            tokenizer=tokenizer,
            folder=folder,
            on_event=on_event,
            parallel_microbatches=parallel_microbatches,
        )
        self.terms, self.reinforcement = terms, config
        self.reference = copy.deepcopy(model) if reference is None else reference
        self.reference.eval().requires_grad_(False)
        self._passes: list[Mapping[str, float]] = []  # the figures of the passes of this step
        self._idle_steps = 0  # one after the other, in which no story was better than another

    def train_step(self) -> None:
        """Tell stories, score them, and update the weights once or several times; then tell of it."""
        started = time.perf_counter()
        self.model.eval()  # an expert that is full drops tokens in training, and did not when the stories were told
        rollouts = self.score(next(self.rollouts))
        assert rollouts.advantages is not None
        self._idle_steps = 0 if bool(rollouts.advantages.any()) else self._idle_steps + 1
        if self._idle_steps == IDLE_STEPS:
            self._message(
                f"In {IDLE_STEPS} steps no story earned more than another of its group, so the reward taught nothing; "
                "the routers' balance and the KL may still move the weights: choose a reward that some of the stories "
                "earn, or larger groups."
            )
        parts = rollouts.split(self.config.batch_size)
        self._passes = []
        for _ in range(self.reinforcement.updates_per_rollout):
            losses = self.backward(parts)
            update = self.update()
        self.finish_step(
            losses,
            update,
            seconds=time.perf_counter() - started,
            figures=self._figures(rollouts) | self._pass_figures(),
        )

    def score(self, rollouts: Rollouts) -> Rollouts:
        """The same stories with their rewards, advantages, the weights of their tokens, and what the reference says."""
        config, mask = self.reinforcement, rollouts.mask
        totals = total_rewards(
            rollouts.stories, self.terms, novelty_weight=config.novelty_weight, min_words=config.min_words
        )
        rewards = torch.tensor(totals, device=self.device)  # (B,)
        max_tokens = min(config.max_new_tokens, self.model.config.max_seq_len)
        if config.loss == "expert_iteration":
            kept = torch.zeros_like(rewards)
            kept[keep_best(totals, share=config.keep_share)] = 1.0
            advantages = kept * (rewards > 0)  # (B,), 1 for a story to learn from
            weights = token_weights(mask & (advantages > 0)[:, None], normalization="dapo")
        else:
            groups = rewards.view(-1, config.group_size)  # (P, G)
            if config.advantages == "leave_one_out":
                advantages = leave_one_out(groups).flatten()
            else:
                advantages = group_advantages(groups, divide_by_std=config.advantages == "group").flatten()
            advantages = torch.where(advantages > 0, config.positive_weight * advantages, advantages)
            if config.credit == "sentence" and "consistency" in self.terms:
                spans = [first_fault(story) for story in rollouts.stories]
                at_fault = tokens_within(self.rollouts.tokenizer, rollouts, spans)
                advantages = blame_tokens(advantages, mask, at_fault)  # (B, T)
            weights = token_weights(mask, normalization=config.normalization, max_tokens=max_tokens)
        scored = replace(rollouts, rewards=rewards, advantages=advantages, weights=weights)
        return replace(scored, ref_log_probs=self._reference_log_probs(scored)) if config.kl_weight else scored

    @torch.no_grad()
    def _reference_log_probs(self, rollouts: Rollouts) -> Tensor:
        """(B, T), of each target under the reference."""
        result = torch.zeros_like(rollouts.log_probs)
        size = self.config.batch_size
        for first in range(0, len(rollouts.inputs), size):
            part = slice(first, first + size)
            mask = rollouts.attention_mask
            with autocast(self.device, self.dtype):
                logits = self.reference(
                    rollouts.inputs[part], attention_mask=None if mask is None else mask[part]
                ).logits
            result[part] = token_log_probs(self._tempered(logits), rollouts.targets[part])
        return result

    def _tempered(self, logits: Tensor) -> Tensor:
        """The logits as the log-probabilities of the rollouts were taken from."""
        return logits / self.reinforcement.temperature if self.reinforcement.log_probs == "sampled" else logits

    def output(self, batch: Batch, attention_mask: Tensor | None) -> Output:
        """What the model gives for some of the step's stories, by the experts that told them where these are kept."""
        experts = batch.expert_ids if isinstance(batch, Rollouts) else None
        with nullcontext() if experts is None else replay(self.model, experts):
            return super().output(batch, attention_mask)

    def loss(self, logits: Tensor, microbatch: Microbatch) -> Tensor:
        """The policy's loss and the weighted KL of some of the step's stories, (); their sum is that of the step."""
        config, batch = self.reinforcement, microbatch.batch
        assert isinstance(batch, Rollouts)
        assert batch.advantages is not None
        assert batch.weights is not None
        log_probs, mask = token_log_probs(self._tempered(logits), batch.targets), batch.mask  # (B, T) each
        given = (batch.log_probs, batch.advantages, mask)
        low, high = config.epsilon, config.epsilon_high
        if config.loss == "clipped":
            loss = clipped_loss(log_probs, *given, weights=batch.weights, epsilon=low, epsilon_high=high)
        else:
            loss = reinforce_loss(log_probs, batch.advantages, mask, weights=batch.weights)
        n_tokens = float(mask.sum())
        figures = {"tokens": n_tokens}
        if config.loss == "clipped":
            figures["clip_share"] = n_tokens * float(
                clipped_share(log_probs.detach(), *given, epsilon=low, epsilon_high=high)
            )
        if batch.ref_log_probs is not None:
            kl = kl_k3(log_probs, batch.ref_log_probs)  # (B, T)
            figures["kl"] = float(kl.detach().sum())
            loss = loss + config.kl_weight * (batch.weights * kl).sum()
        self._passes.append(figures)
        return loss

    def _pass_figures(self) -> dict[str, float]:
        """Means over the tokens of all passes of the step."""
        n_tokens = sum(figures["tokens"] for figures in self._passes)
        names = [name for name in ("kl", "clip_share") if name in self._passes[0]]
        return {name: sum(figures[name] for figures in self._passes) / n_tokens for name in names}

    def _figures(self, rollouts: Rollouts) -> dict[str, float]:
        """What the stories of a step are like."""
        assert rollouts.rewards is not None
        return {
            "reward": float(rollouts.rewards.mean()),
            **{f"reward/{name}": fmean(reward(rollouts.stories)) for name, (reward, _) in self.terms.items()},
            "length": rollouts.n_targets / len(rollouts.stories),  # in tokens
            "distinct_4": distinct_n((story.text for story in rollouts.stories), 4),
            "ended": fmean(story.ended for story in rollouts.stories),
        }

    def state_dict(self) -> ckpt.Checkpoint:
        """The training state, and how the model is reinforced."""
        state = super().state_dict()
        settings = asdict(self.reinforcement) | {"rewards": {name: weight for name, (_, weight) in self.terms.items()}}
        return replace(state, values=state.values | {"reinforce": settings})
