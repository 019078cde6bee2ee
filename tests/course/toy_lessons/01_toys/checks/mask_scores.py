"""What `mask_scores` must do, case by case."""

import torch

from storyteller_course import Exercise, close

mask_scores = Exercise("mask_scores", points=6, stars=3, forbidden=("torch.softmax",), limit=3.0)


@mask_scores.case("gives the causal softmax", points=3)
def causal(student, draw):
    scores = draw.tensor(6, 6)
    future = torch.ones(6, 6).triu(1).bool()
    close(student.mask_scores(scores), scores.masked_fill(future, -torch.inf).softmax(-1), "the weights")


@mask_scores.case("sums to one in every row", points=1)
def sums(student, draw):
    got = student.mask_scores(draw.tensor(4, 4))
    close(got.sum(-1), torch.ones(4), "the sums of the rows")


@mask_scores.case("has the right gradient", points=2)
def gradient(student, draw):
    scores, cotangent = draw.tensor(5, 5, dtype="float64"), draw.tensor(5, 5, dtype="float64")
    future = torch.ones(5, 5).triu(1).bool()
    own = scores.clone().requires_grad_()
    own.masked_fill(future, -torch.inf).softmax(-1).backward(cotangent)
    close(student.gradients("mask_scores", scores, cotangent=cotangent).inputs[0], own.grad, "the gradient")
