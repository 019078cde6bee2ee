"""What `combine` must do, case by case."""

import torch

from storyteller_course import Exercise, close

from .oracles import gradients_of

combine = Exercise(
    "combine",
    in_library="storyteller.moe.dispatch.dispatch_sorted",
    points=10,
    stars=2,
    bug_hunt=True,
    hints=(
        "Take two tokens and k = 2. The choices 0 and 1 are token 0's, 2 and 3 are token 1's. Which token does the "
        "code think that choice 2 belongs to?",
        "Three lines, three questions. Whose answer is it? By which weight is it to be multiplied, the one at its own "
        "place in the row or the one of its choice? And what does y[[0, 0]] += 1 make of y[0]?",
        "The token is the choice number divided by k. The weights have to be taken in the same order as the answers. "
        "And `index_add` adds where an assignment with repeated indices keeps only the last.",
    ),
)


def slow_combine(answers, order, weights):
    """Answer by answer."""
    n_tokens, k = weights.shape
    rows = [answers.new_zeros(answers.size(1)) for _ in range(n_tokens)]
    for answer, choice in zip(answers, order.tolist(), strict=True):
        n, j = divmod(choice, k)
        rows[n] = rows[n] + answer * weights[n, j]
    return torch.stack(rows)


def shuffled(draw, count):
    """The numbers 0 to count - 1 in a random order, which is not the ascending one."""
    numbers = list(range(count))
    while numbers == sorted(numbers):
        draw.shuffle(numbers)
    return torch.tensor(numbers)


@combine.case("adds an answer to the token that asked for it", points=4)
def right_token(student, draw):
    # All weights alike, one answer a token: only the token can be wrong.
    for n_tokens, k, width in ((5, 2, 3), (4, 3, 6)):
        order = torch.tensor([k * n + draw.randrange(k) for n in shuffled(draw, n_tokens).tolist()])
        answers, weights = draw.tensor(n_tokens, width), torch.full((n_tokens, k), 1 / k)
        close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")


@combine.case("multiplies an answer by the weight of its own choice", points=3)
def right_weight(student, draw):
    # One answer a token, and of choices whose token is found by the remainder as well: only the weight can be wrong.
    for n_tokens, k, width in ((3, 4, 5), (4, 3, 2)):
        agreeing = [c for c in range(n_tokens * k) if c // k == c % n_tokens and c // n_tokens != c % k]
        one_each = list({c // k: c for c in draw.sample(agreeing, len(agreeing))}.values())
        order = torch.tensor(one_each)[shuffled(draw, len(one_each))]
        answers, weights = draw.tensor(len(order), width), draw.tensor(n_tokens, k).exp()
        close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")


@combine.case("adds up all answers of a token", points=2)
def all_answers(student, draw):
    # One token, which has all the answers, in the order of its choices.
    for k in draw.sample([2, 3, 4, 5], 2):
        answers, weights, order = draw.tensor(k, 3), draw.tensor(1, k).softmax(-1), torch.arange(k)
        close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")


@combine.case("leaves 0 where nothing came back, and lets gradients through", points=1)
def nothing_back(student, draw):
    n_tokens, k = draw.choice([(4, 2), (5, 3)])
    order = shuffled(draw, n_tokens * k)[: n_tokens * k - 3]
    answers, weights = draw.tensor(len(order), 3), draw.tensor(n_tokens, k).exp()
    close(student.combine(answers, order, weights), slow_combine(answers, order, weights), "the output")
    cotangent = draw.tensor(n_tokens, 3)
    wanted = gradients_of(lambda one, two: slow_combine(one, order, two), answers, weights, cotangent=cotangent)
    found = student.gradients("combine", answers, order, weights, cotangent=cotangent)
    close([found.inputs[0], found.inputs[2]], wanted, "the gradients of answers and weights")


@combine.case("still works for tokens in order with one choice each", points=0)
def in_order(student, draw):
    answers, weights = draw.tensor(4, 3), draw.tensor(4, 1).exp()
    close(student.combine(answers, torch.arange(4), weights), answers * weights, "the output")
