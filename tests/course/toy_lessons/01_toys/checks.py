"""Checks of a lesson that exists for the tests only."""

from collections import Counter

import torch

from storyteller_course import Exercise, Mismatch, close, equal, raises, true, unchanged

HINTS = ("Read the docstring.", "Think of `2 * x`.", "The answer has one line.")

double = Exercise("double", points=2, hints=HINTS)


@double.case("doubles a number", points=1)
def doubles(student, draw):
    x = draw.randint(3, 99)
    equal(student.double(x), x + x, "the double")


@double.case("doubles nothing to nothing", points=1)
def nothing(student, draw):
    equal(student.double(0), 0, "the double")


counts = Exercise("counts", points=4, stars=2, forbidden=("collections.Counter",), hints=HINTS)


@counts.case("counts each word", points=2)
def counts_words(student, draw):
    words = [draw.choice("abc") for _ in range(12)] + ["a", "a"]
    equal(student.counts(words), Counter(words), "the counts")


@counts.case("leaves its argument as it was", points=1)
def pure(student, draw):
    student.counts(["b", "a"])
    unchanged(student)


@counts.case("refuses what is no list of words", points=1)
def refuses(student, draw):
    raises(TypeError, student.counts, 7)


shout = Exercise("shout", points=3, bonus=True)


@shout.case("is loud", points=3)
def loud(student, draw):
    text = draw.text(9, rare=True)
    equal(student.shout(text), text.upper() + "!", "the shout")


quadruple = Exercise("quadruple", points=2, builds_on=("double",))


@quadruple.case("multiplies by four", points=2)
def four(student, draw):
    x = draw.randint(3, 99)
    equal(student.quadruple(x), 4 * x, "four times the number")


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


scale = Exercise("Scale", points=4)


@scale.case("scales and shifts", points=2)
def scales(student, draw):
    state = {"factor": draw.tensor(3), "shift": draw.tensor(3)}
    x = draw.tensor(5, 3)
    module = student.new("Scale", 3)
    module.load(state)
    close(module(x), torch.addcmul(state["shift"].expand(5, 3), x, state["factor"].expand(5, 3)), "the output")
    equal(module.get("factor"), state["factor"], "the factor")


@scale.case("learns", points=2)
def learns(student, draw):
    x, cotangent = draw.tensor(5, 3), draw.tensor(5, 3)
    found = student.new("Scale", d_model=3).gradients(x, cotangent=cotangent)
    close(found.parameters["factor"], (x * cotangent).sum(0), "the gradient of the factor")
    close(found.inputs[0], cotangent, "the gradient of the input")


count_up = Exercise("count_up", points=2)


@count_up.case("counts up from the start", points=2)
def counts_up(student, draw):
    start = draw.randint(1, 50)
    equal(student.take("count_up", 5, start), list(range(start, start + 5)), "the first five")


apply_twice = Exercise("apply_twice", points=3)


@apply_twice.case("calls the step twice, with what it gave", points=3)
def twice(student, draw):
    calls = []

    def step(x):
        calls.append(x)
        return x + 3

    x = draw.randint(0, 9)
    equal(student.apply_twice(step, x), x + 6, "the result")
    equal(calls, [x, x + 3], "what the step was called with")


clean = Exercise("clean", points=2, bug_hunt=True)


@clean.case("has no double spaces", points=2)
def no_double(student, draw):
    text = draw.choice("abc") + "   " + draw.choice("xyz")
    equal(student.clean(text), f"{text[0]} {text[-1]}", "the text")


@clean.case("still has no white space around", points=0)
def around(student, draw):
    got = student.clean("  a ")
    if got != "a":
        raise Mismatch("White space is left around the text.", got=got)
    true(isinstance(got, str), "It should be a text.")
