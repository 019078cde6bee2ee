"""How a model is reinforced: the settings.

Where the defaults come from: a model of `make story`, 60 steps of 48 stories each; consistent of 100, and distinct-4,
by the temperature of the stories told afterwards. What counts is the one at an equal value of the other, and distinct-4
only compares equally many stories.

| 100 stories a figure | 0.4 | 0.6 | 0.8 | 1.0 | words |
| --- | --- | --- | --- | --- | --- |
| before | 77, 0.63 | 78, 0.71 | 58, 0.80 | 40, 0.83 | 130 |
| credit "story", positive_weight 1, rate 1e-3, min_words 0 | 93, 0.41 | 93, 0.56 | 89, 0.69 | 72, 0.79 | 74 |
| the same with min_words 100 | 97, 0.29 | 96, 0.47 | 86, 0.59 | 60, 0.72 | 115 |

| 200 stories a figure | 0.4 | 0.6 | 0.8 | 1.0 | words |
| --- | --- | --- | --- | --- | --- |
| before | 76, 0.51 | 74, 0.60 | 56, 0.69 | 38, 0.75 | 129 |
| credit "story", positive_weight 0.1, rate 5e-4 | 98, 0.24 | 92, 0.42 | 82, 0.56 | 49, 0.70 | 132 |
| credit "sentence", positive_weight 1, rate 1e-3 | 80, 0.30 | 83, 0.41 | 82, 0.53 | 80, 0.68 | 104 |
| credit "sentence", positive_weight 0.2, rate 5e-4: the default | 96, 0.40 | 98, 0.53 | 90, 0.63 | 76, 0.73 | 117 |
| the same with kl_weight 0.1 and novelty_weight 2 | 99, 0.38 | 94, 0.55 | 90, 0.64 | 77, 0.72 | 118 |
| credit "sentence", positive_weight 0.1, rate 7e-4 | 93, 0.27 | 92, 0.40 | 92, 0.56 | 81, 0.70 | 113 |

The rates above are constant. A model that has learned is broken by one after a while: of three models of 1.2M tokens,
80 steps, one fell back to a reward of 0.2 after it had reached 1.0. So `storyteller reinforce` lets the rate fall to 0.
100 stories as they are told, at temperature 1 with min-p 0.4: consistent of 100, and distinct-4. In the last two rows
a story that does not end is blamed as a whole, also where one of its sentences is at fault.

| | first | second | third model |
| --- | --- | --- | --- |
| before | 78, 0.67 | 87, 0.70 | 69, 0.69 |
| a constant rate | 94, 0.17 | 82, 0.27 | 91, 0.11 |
| the same, unended stories blamed as a whole | 100, 0.17 | 94, 0.18 | 61, 0.26 |
| and the rate falls to 0 | 99, 0.53 | 96, 0.50 | 94, 0.46 |
"""

from dataclasses import dataclass
from typing import Literal, get_args

from storyteller.config import TrainConfig
from storyteller.errors import require

Advantages = Literal["group", "group_centered", "leave_one_out"]
LossKind = Literal["clipped", "reinforce", "expert_iteration"]


@dataclass(frozen=True, kw_only=True)
class ReinforceConfig:
    """How a model learns from a reward. A step is: tell stories, score them, update the weights."""

    train: TrainConfig  # of the updates; its steps are these steps, and its batch_size the stories of one pass
    prompts: int = 1  # P, prompts of a step
    group_size: int = 48  # G, stories told for each of them
    temperature: float = 1.0  # of the stories that it learns from
    max_new_tokens: int = 300  # a story ends here if the model does not end it; at most what fits into its context
    advantages: Advantages = "group"  # what a reward is compared with; see `storyteller.rl.advantages`
    positive_weight: float = 0.2  # of an advantage above 0: the less, the more the model keeps of its variety
    # "sentence": where a contradiction makes a story worse than others, the tokens of its sentence bear all of the
    # advantage (`storyteller.rl.advantages.blame_tokens`). "story": all tokens of a story share it, as in the papers.
    credit: Literal["sentence", "story"] = "sentence"
    loss: LossKind = "clipped"  # see `storyteller.rl.losses`
    normalization: Literal["grpo", "dapo", "dr_grpo"] = "dapo"  # how much a token counts; see `token_weights`
    updates_per_rollout: int = 1  # passes over the stories of a step, each with an update
    epsilon: float = 0.2  # the ratio of the clipped loss stays above 1 - epsilon
    epsilon_high: float | None = None  # and below 1 + epsilon_high; None: 1 + epsilon
    kl_weight: float = 0.05  # of the KL to the base model
    min_words: int = 100  # a shorter story earns less, in proportion; 0: its length does not matter
    novelty_weight: float = 1.0  # how much more a story earns that is like no other of its group
    keep_share: float = 0.25  # expert iteration: the share of the stories that are kept, those with a reward
    # The log-probabilities of the rollout. "sampled": those that the tokens were drawn with, temperature included, so
    # that a ratio compares like with like and the gradient is that of the policy that told the stories. "model": those
    # of the model itself, at temperature 1; the two agree where the temperature is 1.
    log_probs: Literal["sampled", "model"] = "sampled"
    # "recompute": the router chooses anew with the weights of now: the model that will be used, and no memory needed.
    # "replay": each token keeps the experts of its rollout. Then a ratio shows how the probabilities have changed, and
    # not that a near tie between two experts fell the other way, which matters with several updates a rollout.
    routing: Literal["recompute", "replay"] = "recompute"

    def __post_init__(self) -> None:
        require(self.prompts >= 1, f"prompts is {self.prompts}; it must be 1 or more.")
        require(self.group_size >= 2, f"group_size is {self.group_size}; it must be 2 or more, to compare stories.")
        require(0 < self.temperature < float("inf"), f"temperature is {self.temperature}; it must be a number above 0.")
        require(self.min_words >= 0, f"min_words is {self.min_words}; it must be 0 or more.")
        require(self.max_new_tokens >= 1, f"max_new_tokens is {self.max_new_tokens}; it must be 1 or more.")
        require(
            self.updates_per_rollout >= 1,
            f"updates_per_rollout is {self.updates_per_rollout}; it must be 1 or more.",
        )
        require(0 < self.epsilon < 1, f"epsilon is {self.epsilon}; it must be between 0 and 1.")
        require(
            self.epsilon_high is None or self.epsilon_high > 0,
            f"epsilon_high is {self.epsilon_high}; it must be above 0.",
        )
        for name in ("kl_weight", "novelty_weight", "positive_weight"):
            value = getattr(self, name)
            require(0 <= value < float("inf"), f"{name} is {value}; it must be 0 or more.")
        require(0 < self.keep_share <= 1, f"keep_share is {self.keep_share}; it must be above 0 and at most 1.")
        for name, kind in (("advantages", Advantages), ("loss", LossKind)):
            value, allowed = getattr(self, name), get_args(kind)
            require(value in allowed, f"{name} is {value!r}; it must be {', '.join(allowed[:-1])} or {allowed[-1]}.")
        for name, allowed in (
            ("normalization", ("grpo", "dapo", "dr_grpo")),
            ("log_probs", ("sampled", "model")),
            ("routing", ("recompute", "replay")),
            ("credit", ("sentence", "story")),
        ):
            value = getattr(self, name)
            require(value in allowed, f"{name} is {value!r}; it must be {', '.join(allowed[:-1])} or {allowed[-1]}.")
