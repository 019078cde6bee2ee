"""What `pack` must do, case by case."""

import torch

from storyteller_course import Exercise, equal
from storyteller_course.exercises.exercise import shaped


def stories(draw, count=4):
    """Documents of different lengths, as token ids."""
    return [draw.integers(10, 999, draw.randint(1, 9)).tolist() for _ in range(count)]


def end_to_end(documents, end_id):
    """All documents in one list, each with the end token after it."""
    stream = []
    for document in documents:
        stream += [*document, end_id]
    return stream


pack = Exercise(
    "pack",
    in_library="storyteller.training.batches.InMemoryTokens.pack",
    points=8,
    stars=1,
    hints=(
        "Write the documents [5, 6, 7] and [8, 9] with end token 0 on paper as one row. Put a second row "
        "below, moved by one place. Cut both at the same places.",
        "Make one plain list first, with the end token after every document. The number of rows comes from its "
        "length, less the one token that is only ever a target.",
        "Inputs and targets are two slices of the same list, of the same length: one from its first token on, the "
        "other from its second. `.view(rows, seq_len)` cuts both.",
    ),
    forbidden=("storyteller.training.batches.InMemoryTokens.pack",),
)


@pack.case("puts the end token after every document", points=2)
def end_tokens(student, draw):
    for count, end_id in ((4, 0), (3, draw.randint(1, 9))):
        documents = stories(draw, count)
        inputs, _ = student.pack(documents, end_id, 1)
        stream = end_to_end(documents, end_id)
        shaped(inputs, (len(stream) - 1, 1), "the inputs, in rows of one token")
        equal(inputs.flatten(), torch.tensor(stream[:-1]), "all inputs, one after the other")


@pack.case("has as target the token that comes next, also at the end of a row", points=3)
def shifted(student, draw):
    documents, length, end_id = stories(draw, 6), draw.randint(2, 4), draw.randint(0, 9)
    stream = end_to_end(documents, end_id)
    rows = (len(stream) - 1) // length
    inputs, targets = student.pack(documents, end_id, length)
    wanted = [[stream[row * length + i + 1] for i in range(length)] for row in range(rows)]
    equal(targets, torch.tensor(wanted), "the targets")
    equal(
        inputs, torch.tensor([[stream[row * length + i] for i in range(length)] for row in range(rows)]), "the inputs"
    )


@pack.case("makes as many whole sequences as the tokens allow", points=3)
def whole_rows(student, draw):
    length = draw.randint(3, 6)
    for extra in (0, 1, length - 1):
        document = list(range(1, 2 * length + 1 + extra))  # with its end token: 2 T + 1 + extra tokens
        inputs, targets = student.pack([document], 0, length)
        equal([inputs.shape[0], targets.shape[0]], [2, 2], f"the rows of {2 * length + 1 + extra} tokens")
    inputs, targets = student.pack([list(range(1, 2 * length))], 0, length)  # 2 T tokens: the last is only a target
    equal([inputs.shape[0], targets.shape[0]], [1, 1], f"the rows of {2 * length} tokens")
    equal(targets, torch.tensor([list(range(2, length + 2))]), "the targets")
