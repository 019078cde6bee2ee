"""Oracles that several exercises share: other ways to the same results."""

import torch


def best_of(row, k):
    """The numbers of the k largest entries of a row, largest first."""
    return sorted(range(len(row)), key=lambda e: -row[e])[:k]


def softmax_cut(logits, k):
    """Weights and experts the long way: probabilities of all experts, the k largest, divided by their sum."""
    experts = torch.tensor([best_of(row, k) for row in logits.tolist()])  # (N, k)
    probs = torch.softmax(logits, -1).gather(1, experts)  # (N, k)
    return probs / probs.sum(-1, keepdim=True), experts


def gradients_of(function, *inputs, cotangent):
    """The gradients of a function of tensors, by PyTorch."""
    inputs = [one.detach().requires_grad_() for one in inputs]
    return list(torch.autograd.grad((function(*inputs) * cotangent).sum(), inputs))


def slow_balance(probs, experts, keep=None):
    """E * sum of f * P, with loops over experts, tokens and choices."""
    tokens = [n for n in range(len(probs)) if keep is None or keep[n]]
    total = probs.new_zeros(())
    for e in range(probs.size(1)):
        f = sum(int(e == chosen) for n in tokens for chosen in experts[n].tolist()) / len(tokens)
        total = total + f * sum(probs[n, e] for n in tokens) / len(tokens)
    return probs.size(1) * total


def paddings(draw):
    """Two masks (B, T) of different sizes, one with the real tokens first and one with the padding first."""
    (texts, more), (length, longer) = draw.sample([2, 3, 4], 2), draw.sample([5, 6, 7], 2)
    return [padding(draw, texts, length), padding(draw, more, longer).flip(1)]


def padding(draw, texts, length):
    """A mask (B, T) with real tokens first; the last text fills its row."""
    lengths = torch.tensor([draw.randint(1, length - 1) for _ in range(texts - 1)] + [length])
    return torch.arange(length) < lengths[:, None]
