"""Oracles that several exercises share: other ways to the same results."""

import torch
import torch.nn.functional as F

VOCABULARY = 13  # of the practice model


def batch(draw, rows=2, length=4, ignored=0):
    """Inputs and targets for the practice model; some targets do not count."""
    ids = draw.integers(0, VOCABULARY, 2, rows, length)
    for place in draw.sample(range(rows * length), ignored):
        ids[1].view(-1)[place] = -100
    return ids[0], ids[1]


def weighed(model, batches):
    """The loss of a whole step, written down in one piece: all targets together, balance by the share of the tokens."""
    results = [model(inputs) for inputs, _ in batches]
    flat = torch.cat([logits.flatten(0, 1) for logits, _ in results])
    loss = F.cross_entropy(flat, torch.cat([targets.flatten() for _, targets in batches]), ignore_index=-100)
    tokens = sum(inputs.numel() for inputs, _ in batches)
    return loss, sum(inputs.numel() / tokens * part for (inputs, _), (_, part) in zip(batches, results, strict=True))


def torchs_rates(steps, warmup, final):
    """The schedule put together from PyTorch's schedulers."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rates = [(step + 1) / warmup for step in range(warmup)]
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warmup, eta_min=final)
    for _ in range(steps - warmup):
        optimizer.step()
        falling.step()
        rates.append(falling.get_last_lr()[0])
    return rates
