"""The answers of lesson 06, plain, in its order.

Legend: `P` prompts, `G` stories of each, `B` = P*G stories, `T` tokens, `V` vocabulary, `K` arms of a bandit.
"""

import copy
import math
from collections import Counter
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from storyteller_course.lesson_tools.learning_from_a_reward import Rollout


def keep_best(rewards: Sequence[float], *, share: float) -> list[int]:
    """Choose the stories with the highest rewards.

    Args:
        rewards: one for each story.
        share: how many of them to keep, above 0 and at most 1; rounded to whole
            stories, but at least one.

    Returns:
        Their numbers, in ascending order. Of equal rewards the earlier story comes
        first.

    Source: Anthony et al. 2017 (expert iteration), section 3.
    """
    # Step 1: How many stories are kept?
    count = max(1, round(share * len(rewards)))
    # Step 2: The numbers of all stories, sorted from the highest reward to the lowest;
    # `sorted` leaves ties as they are.
    order = sorted(range(len(rewards)), key=lambda story: -rewards[story])
    # Step 3: Cut the list, and put what is left in ascending order.
    return sorted(order[:count])


def pass_at_k(*, n: int, c: int, k: int) -> float:
    """Estimate the probability that of k stories at least one is good.

    Args:
        n: stories that were told.
        c: good ones among them.
        k: stories that may be tried, at most n.

    Returns:
        The share of all choices of k of the n stories that hold a good one.

    Source: Chen et al. 2021, section 2.1.
    """
    # Step 1: In how many ways can k be chosen from all n, and in how many from the
    # bad ones alone?
    ways, bad_ways = math.comb(n, k), math.comb(n - c, k)
    # Step 2: The share that is left.
    return 1 - bad_ways / ways


def token_log_probs(
    logits: Tensor,
    ids: Tensor,
    mask: Tensor,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """The log-probability with which each token of the stories was drawn.

    Args:
        logits: (B, T, V), what the model says after each token that it reads.
        ids: (B, T) int64: the end token, an opening, the story, and padding.
        mask: (B, T) bool, True for the tokens that the model told itself; False for the
            first token of each row.
        temperature: by which the sampler divided the logits.

    Returns:
        (B, T): for each token that the mask has, its log-probability given all tokens
        before it; 0 elsewhere.
    """
    # The probabilities that the sampler drew from.
    log_p = (logits / temperature).log_softmax(dim=-1)  # (B, T, V)
    # Of each token, the log-probability.
    told = log_p[:, :-1].gather(2, ids[:, 1:, None]).squeeze(2)  # (B, T - 1)
    told = F.pad(told, (1, 0))  # (B, T), a 0 in front
    return told.where(mask, 0.0)


def policy_gradient(
    logits: Tensor,
    arms: Tensor,
    rewards: Tensor,
    *,
    baseline: float = 0.0,
) -> Tensor:
    """Estimate the gradient of the expected reward of a bandit from some pulls, without
    autograd.

    Args:
        logits: (K,), of the arms; an arm is pulled with the probability that their
            softmax gives it.
        arms: (N,) int64, which arms were pulled.
        rewards: (N,), what each pull gave.
        baseline: what a reward is compared with.

    Returns:
        (K,): the mean over the pulls.

    Source: Williams 1992, section 5.
    """
    # Goal: The estimate of section 4.1, averaged over the pulls, in closed form.
    # Step 1: The probabilities of the arms.
    p = logits.softmax(dim=0)  # (K,)
    # Step 2: For each pull the gradient of log p(arm) by the logits: 1 at the arm, less the probabilities.
    scores = F.one_hot(arms, len(logits)) - p  # (N, K)
    # Step 3: Weigh each by how much better than the baseline its reward was, and take the mean.
    return ((rewards - baseline)[:, None] * scores).mean(dim=0)  # (K,)


def leave_one_out(rewards: Tensor) -> Tensor:
    """Compare each story with the other stories of its prompt.

    Args:
        rewards: (P, G), of G stories for each of P prompts.

    Returns:
        (P, G): each reward less the mean of the rewards of the others in its row.

    Source: Ahmadian et al. 2024, equation 5 (RLOO).
    """
    # Step 1: G, and the sum of each row.
    G = rewards.size(1)
    total = rewards.sum(dim=1, keepdim=True)  # (P, 1)
    # Step 2: Taking a reward off its row's sum leaves the sum of the others.
    baseline = (total - rewards) / (G - 1)  # (P, G)
    return rewards - baseline


def group_advantages(rewards: Tensor, group_size: int) -> Tensor:
    """How much better a story is than the others of its prompt, in standard deviations.

    Args:
        rewards: (B,), of B stories; those of one prompt follow each other.
        group_size: G, stories of a prompt; B is a multiple of it.

    Returns:
        (B,): each reward less its group's mean, divided by its group's standard
        deviation (with G - 1 below the sum) plus 1e-4.

    Source: Shao et al. 2024 (GRPO), section 4.1.2.
    """
    groups = rewards.view(-1, group_size)  # (P, G)
    # What is to be expected of a story of this prompt.
    mean = groups.mean(dim=1, keepdim=True)
    # And how far stories of this prompt are from that.
    deviation = groups.std(dim=1, keepdim=True)
    return ((groups - mean) / (deviation + 1e-4)).flatten()  # (B,)


def clipped_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    epsilon: float = 0.2,
    normalization: str = "grpo",
    max_tokens: int | None = None,
) -> Tensor:
    """The clipped loss of PPO, with the normalisations of GRPO, DAPO and Dr. GRPO.

    Args:
        log_probs: (B, T), of the tokens under the model that learns.
        old_log_probs: (B, T), of the same tokens when they were drawn.
        advantages: (B,), of the stories.
        mask: (B, T) bool, True for the tokens that count.
        epsilon: how far a ratio may go from 1.
        normalization: "grpo", the mean over the tokens of each story, then over the
            stories; "dapo", the mean over all tokens that count; "dr_grpo", the sum
            over a story's tokens divided by `max_tokens`, then the mean over the
            stories.
        max_tokens: the most tokens that a story may have.

    Returns:
        (), to be made small.

    Source: Schulman et al. 2017, equation 7; Shao et al. 2024, equation 3; Yu et al.
    2025, equation 8; Liu et al. 2025, section 3.2.
    """
    # Step 1: How much likelier is each token now than when it was drawn?
    ratio = (log_probs - old_log_probs).exp()  # (B, T)
    # Step 2: The smaller of two products: advantage times ratio, and advantage times clipped ratio.
    A = advantages[:, None]  # (B, 1)
    gain = torch.minimum(A * ratio, A * ratio.clamp(1 - epsilon, 1 + epsilon))  # (B, T)
    # Step 3: What does not count adds nothing.
    gain = gain.where(mask, 0.0)
    # Step 4: Divide as the normalisation asks; a loss is to be made small, a gain large.
    match normalization:
        case "grpo":
            return -(gain.sum(dim=1) / mask.sum(dim=1)).mean()
        case "dapo":
            return -gain.sum() / mask.sum()
    assert max_tokens is not None
    return -(gain.sum(dim=1) / max_tokens).mean()


def kl_k3(log_probs: Tensor, ref_log_probs: Tensor) -> Tensor:
    """Estimate, token by token, how far the model has gone from the reference.

    Args:
        log_probs: of tokens that the model drew, under the model; any shape.
        ref_log_probs: of the same tokens under the reference.

    Returns:
        the estimator k3 of each token, of the same shape.

    Source: Schulman 2020; Shao et al. 2024, equation 4.
    """
    # Step 1: The logarithm of r, the reference's probability over the model's.
    log_r = ref_log_probs - log_probs
    # Step 2: r - 1 - log r.
    return log_r.exp() - 1 - log_r


def reinforce(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tell: Callable[[], Rollout],
    reward: Callable[[Sequence], Sequence[float]],
    *,
    steps: int,
    group_size: int,
    updates: int = 1,
    temperature: float = 1.0,
    kl_weight: float = 0.0,
    compare: Callable[[Tensor, int], Tensor] = group_advantages,
) -> list[float]:
    """Let a model learn from a reward for its own stories.

    Args:
        model: takes ids (B, T) to an output with the field `logits`, (B, T, V).
        optimizer: of its parameters.
        tell: lets the model tell stories; gives their `ids` (B, T), `mask` (B, T),
            `log_probs` (B, T) as they were drawn, and the B `stories`. The stories of
            one prompt follow each other.
        reward: gives a number for each of the stories.
        steps: how often new stories are told.
        group_size: stories of a prompt.
        updates: of the weights, from the stories of each step.
        temperature: at which `tell` draws.
        kl_weight: of the KL to the model as it was at the beginning: the mean of k3
            over all tokens that the mask has.
        compare: gives the advantages; called as `group_advantages` is, with the rewards
            of a step and `group_size`.

    Returns:
        the mean reward of each step's stories.
    """
    # Step 1: A copy of the model as it is now, which never changes: the reference.
    reference = copy.deepcopy(model).requires_grad_(False)
    history = []
    while len(history) < steps:
        # Step 2: Tell, reward, and compare within the groups.
        ids, mask, old_log_probs, stories = tell()
        rewards = torch.tensor(reward(stories), dtype=torch.float32)  # (B,)
        advantages = compare(rewards, group_size)
        ref = token_log_probs(reference(ids).logits, ids, mask, temperature=temperature)
        # Step 3: Update several times: the clipped loss, normalised as "dapo", and the weighted KL.
        for _ in range(updates):
            log_probs = token_log_probs(model(ids).logits, ids, mask, temperature=temperature)
            loss = clipped_loss(log_probs, old_log_probs, advantages, mask, normalization="dapo")
            loss = loss + kl_weight * kl_k3(log_probs, ref).sum() / mask.sum()
            model.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(float(rewards.mean()))
    return history


def mended_reward(
    texts: Sequence[str],
    correct: Sequence[float],
    *,
    group_size: int,
    min_words: int,
) -> list[float]:
    """A reward for consistency that short stories and copies of one story do not earn.

    Args:
        texts: B stories; those of one prompt follow each other, G = `group_size` each.
        correct: for each 1 if it is consistent, otherwise 0.
        group_size: G.
        min_words: a shorter story earns less, in proportion. A word is what white space
            separates.

    Returns:
        For each story the product of three factors: `correct`; its number of words over
        `min_words`, at most 1; and its novelty. The novelty is the mean of 1/n over its
        different 4-grams of words, where n stories of its group, itself included, have
        the 4-gram; a story without any has the novelty 0.
    """
    # Goal: The product of the three factors, story by story.
    # Step 1: The set of the 4-grams of each story.
    words = [text.split() for text in texts]
    grams = [set(zip(w, w[1:], w[2:], w[3:], strict=False)) for w in words]
    rewards = []
    for first in range(0, len(texts), group_size):
        # Step 2: In how many stories of the group is each 4-gram? A Counter of sets counts a story once.
        group = range(first, first + group_size)
        counts = Counter(gram for story in group for gram in grams[story])
        # Step 3: The factors of each story of the group.
        for story in group:
            own = grams[story]
            novelty = sum(1 / counts[gram] for gram in own) / len(own) if own else 0.0
            long_enough = min(1.0, len(words[story]) / min_words)
            rewards.append(correct[story] * long_enough * novelty)
    return rewards


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    *,
    beta: float = 0.1,
) -> Tensor:
    """The loss of direct preference optimisation.

    Args:
        chosen: (P,), log-probability of the better story of each pair under the model.
        rejected: (P,), of the worse one.
        ref_chosen: (P,), of the better one under the reference.
        ref_rejected: (P,), of the worse one under the reference.
        beta: how firmly the reference holds.

    Returns:
        (), the mean over the pairs.

    Source: Rafailov et al. 2023, equation 7.
    """
    # Step 1: How much likelier has the better story become, and how much the worse one, each against the reference?
    better, worse = chosen - ref_chosen, rejected - ref_rejected  # (P,) each
    # Step 2: Minus the log of the sigmoid of beta times the difference, in a form that does not overflow; the mean.
    return -F.logsigmoid(beta * (better - worse)).mean()


def expected_best(rewards: Sequence[float], n: int) -> float:
    """Estimate the reward of the best of n stories from the rewards of more stories.

    Args:
        rewards: of N stories, in any order.
        n: how many are told when the best is taken, at most N.

    Returns:
        the mean, over all choices of n of the N stories, of the largest reward chosen.
    """
    # Step 1: Sort them. The reward with i smaller ones before it is the largest in as many choices as there are ways
    # to take n - 1 of those i.
    ordered = sorted(rewards)
    chances = [math.comb(i, n - 1) / math.comb(len(ordered), n) for i in range(len(ordered))]
    # Step 2: The sum of each reward times its chance of being the best.
    return sum(chance * reward for chance, reward in zip(chances, ordered, strict=True))
