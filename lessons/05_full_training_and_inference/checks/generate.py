"""What `generate` must do, case by case."""

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, equal, true

from .oracles import hit

generate = Exercise(
    "generate",
    in_library="storyteller.inference.generate.generate",
    points=16,
    stars=3,
    builds_on=("choose",),
    hints=(
        "Write the loop for one row on paper: read, choose, put it behind, read again. What does the model read in the "
        "third step, when it can read four tokens and the prompt has three?",
        "The model gives logits for every position; the next token is behind the last one. Rows that have ended may go "
        "on being computed, but what they get is kept no longer.",
        "`ids[:, -context:]` are the newest tokens. For each row a flag says whether it still goes on: it falls when "
        "the row gets `stop`, and the loop ends when no flag is up.",
    ),
    forbidden=("storyteller.inference.generate.generate",),
)
TOKENS = 9  # of the check's own model


class Looker:
    """A model of the check's own: its logits depend on every token that it reads, and on how far back each is."""

    def __init__(self, draw):
        self.table = draw.tensor(TOKENS, TOKENS, dtype="float64", scale=1.5)
        self.lengths, self.rows_read = [], 0

    def logits(self, ids):
        """(T,) to (V,): of the last position."""
        return sum(self.table[token] * 0.7**back for back, token in enumerate(reversed(list(ids))))

    def __call__(self, ids):
        """(B, T) to (B, T, V)."""
        self.lengths.append(ids.shape[1])
        self.rows_read += ids.shape[0]
        rows = [[self.logits(row[: end + 1]) for end in range(len(row))] for row in ids.tolist()]
        return torch.stack([torch.stack(row) for row in rows])


def alone(model, prompt, uniform_draws, *, stop, context, penalty=0.0):
    """One row, told by itself; `penalty` is taken from the logits of tokens that it holds."""
    ids, new = list(prompt), []
    for point in uniform_draws:
        logits = model.logits(ids[-context:])
        for token in set(ids):
            logits = logits - penalty * F.one_hot(torch.tensor(token), TOKENS)
        new.append(hit(logits, point))
        ids.append(new[-1])
        if new[-1] == stop:
            break
    return new


def told(draw, *, rows, steps, context, penalty=0.0, wanted=lambda lengths: True):
    """A model, prompts and numbers, a stop token, and the rows that come out; `wanted` holds of their lengths."""
    while True:
        model, prompts = Looker(draw), draw.integers(0, TOKENS, rows, 3)
        uniform_draws = draw.tensor(rows, steps, dtype="float64").abs() % 1
        stop = draw.randrange(TOKENS)
        found = [
            alone(model, prompt, points, stop=stop, context=context, penalty=penalty)
            for prompt, points in zip(prompts.tolist(), uniform_draws.tolist(), strict=True)
        ]
        if wanted([len(row) for row in found]):
            return model, prompts, uniform_draws, stop, found


@generate.case("reads on with each token that it has chosen", points=4)
def reads_on(student, draw):
    model, prompts, uniform_draws, _, _ = told(draw, rows=2, steps=5, context=50)
    got = student.generate(model, prompts, [], uniform_draws, stop=TOKENS, context=50)
    wanted = [
        alone(model, p, u, stop=TOKENS, context=50)
        for p, u in zip(prompts.tolist(), uniform_draws.tolist(), strict=True)
    ]
    equal(got, wanted, "the new tokens of 2 rows")


@generate.case("shows the model its newest tokens, and no more than it can read", points=4)
def cropped(student, draw):
    context = draw.choice([2, 4])
    model, prompts, uniform_draws, _, _ = told(draw, rows=1, steps=7, context=context)
    got = student.generate(model, prompts, [], uniform_draws, stop=TOKENS, context=context)
    true(max(model.lengths) <= context,
         f"The model can read {context} tokens and was shown {max(model.lengths)}.")  # fmt: skip
    wanted = [alone(model, prompts[0].tolist(), uniform_draws[0].tolist(), stop=TOKENS, context=context)]
    equal(got, wanted, f"the new tokens of a row, with a context of {context}")


@generate.case("ends each row at its own stop token", points=4)
def each_ends(student, draw):
    model, prompts, uniform_draws, stop, found = told(
        draw,
        rows=3,
        steps=8,
        context=50,
        wanted=lambda lengths: len(set(lengths)) == 3 and max(lengths) < 8 and min(lengths) < max(lengths) - 1,
    )
    got = student.generate(model, prompts, [], uniform_draws, stop=stop, context=50)
    equal(got, found, f"the new tokens of 3 rows, where {stop} ends a row")


@generate.case("asks the model no more once every row has ended", points=2)
def stops_asking(student, draw):
    model, prompts, uniform_draws, stop, found = told(
        draw, rows=2, steps=9, context=50, wanted=lambda lengths: lengths[0] != lengths[1] and max(lengths) < 7
    )
    student.generate(model, prompts, [], uniform_draws, stop=stop, context=50)
    most = 2 * max(map(len, found))
    true(
        model.rows_read <= most,
        f"The longer row ends after {most // 2} tokens, and the model was asked for {model.rows_read} in 2 rows.",
    )


@generate.case("tells the filters which tokens each row holds, its prompt included", points=2)
def what_was_seen(student, draw):
    model, prompts, uniform_draws, stop, found = told(draw, rows=2, steps=6, context=3, penalty=4.0)
    got = student.generate(
        model, prompts, [lambda logits, seen: logits - 4.0 * seen], uniform_draws, stop=stop, context=3
    )
    equal(got, found, "the new tokens of 2 rows, with a filter that lowers what was seen")
