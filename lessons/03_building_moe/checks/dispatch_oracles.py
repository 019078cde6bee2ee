"""Oracles of the two dispatches: choices, experts that remember their calls, and gradients."""

import torch
import torch.nn.functional as F

from storyteller_course import close, fixture, true

from .oracles import gradients_of, softmax_cut


def choices(draw, n_tokens, n_experts, k):
    """Weights and experts as a router gives them, with experts that differ within a token."""
    return softmax_cut(draw.tensor(n_tokens, n_experts), k)


class Callers:
    """E experts, each with a matrix of its own and a tanh, that remember what they were asked."""

    def __init__(self, draw, n_experts, width):
        self.matrices = draw.tensor(n_experts, width, width)
        self.asked = []  # (expert, rows) of each call

    def run(self):
        """The experts as functions."""
        return [lambda rows, e=e: self.answer(e, rows) for e in range(len(self.matrices))]

    def answer(self, e, rows):
        """What expert e says, with a note of the call."""
        true(
            isinstance(rows, torch.Tensor) and rows.dim() == 2 and rows.size(1) == self.matrices.size(1),
            f"An expert takes rows of shape (R, {self.matrices.size(1)}); yours got "
            f"{tuple(rows.shape) if isinstance(rows, torch.Tensor) else type(rows).__name__}. "
            "One token alone is a row too: x[n : n + 1].",
        )
        self.asked.append((e, rows))
        return torch.tanh(rows @ self.matrices[e])

    def wanted(self, x, weights, experts):
        """The sum of the answers, token by token and choice by choice."""
        rows = []
        for n, (shares, chosen) in enumerate(zip(weights, experts.tolist(), strict=True)):
            row = torch.zeros_like(x[n])
            for share, e in zip(shares, chosen, strict=True):
                if e < len(self.matrices):
                    row = row + share * torch.tanh(x[n] @ self.matrices[e])
            rows.append(row)
        return torch.stack(rows)  # (N, D)


def slow_dispatch(x, weights, experts, gate_up, down):
    """All E experts for all tokens, weighed with a table (N, E) that is 0 where an expert was not chosen."""
    table = torch.zeros(len(x), len(down), dtype=x.dtype).scatter_add(1, experts, weights)  # (N, E)
    gate, up = torch.einsum("nd,efd->enf", x, gate_up).chunk(2, dim=-1)  # (E, N, F) each
    return torch.einsum("ne,enf,edf->nd", table, F.silu(gate) * up, down)  # (N, D)


def check_gradients(student, draw, name):
    """Gradients of a dispatch, with the library's experts on the student's side."""
    x, cotangent = draw.tensor(6, 3), draw.tensor(6, 3)
    gate_up, down = draw.tensor(5, 4, 3), draw.tensor(5, 3, 2)
    weights, experts = choices(draw, 6, 5, draw.choice([2, 3]))
    wanted = gradients_of(
        lambda one, share: slow_dispatch(one, share, experts, gate_up, down), x, weights, cotangent=cotangent
    )
    run = fixture("experts", gate_up, down)
    found = student.gradients(name, x, weights, experts, run, cotangent=cotangent)
    close(found.inputs[:2], wanted, "the gradients of the tokens and of the weights")
