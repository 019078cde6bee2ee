"""Oracles that several exercises share: other ways to the same results."""

import math

import torch


def gradients_of(function, *inputs):
    """The gradients of a function of tensors that gives one number, by PyTorch."""
    inputs = [one.detach().requires_grad_() for one in inputs]
    return list(torch.autograd.grad(function(*inputs), inputs))


def rows_of(draw, B, T):
    """A mask (B, T) of stories behind openings: False in front, then True, then False; the first story is longest."""
    mask = torch.zeros(B, T, dtype=torch.bool)
    mask[0, 1:] = True
    for row in range(1, B):
        begins = draw.randint(1, 2)
        mask[row, begins : draw.randint(begins + 2, T - 1)] = True
    return mask


def slow_loss(log_probs, old, advantages, mask, *, epsilon=0.2, normalization="grpo", max_tokens=None):
    """The clipped loss, token by token."""
    stories = []
    for row in range(len(mask)):
        gains = []
        for t in range(mask.size(1)):
            if mask[row, t]:
                ratio, A = torch.exp(log_probs[row, t] - old[row, t]), float(advantages[row])
                held = min(max(ratio.item(), 1 - epsilon), 1 + epsilon)
                gains.append(ratio * A if ratio.item() * A <= held * A else log_probs.new_tensor(held * A))
        stories.append(gains)
    everything = [gain for gains in stories for gain in gains]
    values = {
        "grpo": -sum(sum(gains) / len(gains) for gains in stories) / len(stories),
        "dapo": -sum(everything) / len(everything),
        "dr_grpo": -sum(everything) / (max_tokens or 1) / len(stories),
    }
    return values[normalization]


def slow_advantages(rewards, size):
    """Group by group, with Python's numbers."""
    result = []
    for first in range(0, len(rewards), size):
        group = rewards[first : first + size].tolist()
        mean = sum(group) / size
        deviation = math.sqrt(sum((one - mean) ** 2 for one in group) / (size - 1))
        result += [(one - mean) / (deviation + 1e-4) for one in group]
    return torch.tensor(result, dtype=rewards.dtype)


def slow_log_probs(logits, ids, mask, temperature=1.0):
    """The log-probability of each token that the mask has, one by one: (B, T)."""
    B, T = ids.shape
    rows = []
    for row in range(B):
        found = [logits.new_zeros(()) for _ in range(T)]
        for t in range(1, T):
            if mask[row, t]:
                scores = logits[row, t - 1] / temperature
                found[t] = scores[ids[row, t]] - scores.logsumexp(0)
        rows.append(torch.stack(found))
    return torch.stack(rows)
