"""Known answers to `pack`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "pack",
        "not_shifted",
        "The targets are the inputs themselves. A model that may look at the token which it has to "
        "predict learns to copy it: the loss falls to 0 within minutes, and it cannot tell one story. "
        "Begin the targets one token later.",
        change=("stream[1 : n_rows * seq_len + 1]", "stream[: n_rows * seq_len]"),
    ),
    Wrong(
        "pack",
        "rolled_in_the_row",
        "The targets were moved within each row, so the last target of a row is the row's own first "
        "token. It should be the token that comes next in the stream, the first of the following row.",
        change=(
            "torch.tensor(stream[1 : n_rows * seq_len + 1], dtype=torch.int64).view(n_rows, seq_len)  # (B, T)\n"
            "    return",
            "inputs.roll(-1, dims=1)\n    return",
        ),
    ),
    Wrong(
        "pack",
        "shifted_twice",
        "The targets lie two tokens on. One shift is enough; some models shift once more inside their "
        "loss, and then both together skip every second token.",
        change=(
            ("n_rows = (len(stream) - 1) // seq_len", "n_rows = (len(stream) - 2) // seq_len"),
            ("stream[1 : n_rows * seq_len + 1]", "stream[2 : n_rows * seq_len + 2]"),
        ),
    ),
    Wrong(
        "pack",
        "shifted_backwards",
        "Each target is the token before its input: the model would learn to write stories from their "
        "end. The token that comes next is at the place one further on.",
        code="""
def pack(documents, end_id, seq_len):
    stream = [token for document in documents for token in [*document, end_id]]
    n_rows = (len(stream) - 1) // seq_len
    targets = torch.tensor(stream[: n_rows * seq_len]).view(n_rows, seq_len)
    inputs = torch.tensor(stream[1 : n_rows * seq_len + 1]).view(n_rows, seq_len)
    return inputs, targets
""",
    ),
    Wrong(
        "pack",
        "no_end_token",
        "The documents follow one another without the end token. The model will not know where a story "
        "is over, and will run from one into the next.",
        change=("[*document, end_id]]", "document]"),
    ),
    Wrong(
        "pack",
        "end_token_between",
        "The end token stands between the documents, but not after the last one. The last story ends as well.",
        change=(
            "    stream = [token for document in documents for token in [*document, end_id]]\n",
            "    stream = [token for document in documents for token in [*document, end_id]][:-1]\n",
        ),
    ),
    Wrong(
        "pack",
        "loses_a_row",
        "One row fewer than there could be. With n tokens there are n - 1 pairs of a token and the next, and so "
        "(n - 1) // seq_len whole rows.",
        change=("(len(stream) - 1) // seq_len", "max(1, len(stream) // seq_len - 1)"),
    ),
    Wrong(
        "pack",
        "end_is_zero",
        "A 0 stands after every document, whatever the end token is. Put `end_id` there.",
        change=("[*document, end_id]]", "[*document, 0]]"),
    ),
    Wrong(
        "pack",
        "end_token_in_front",
        "The end token stands in front of each document. It closes one: put it after it.",
        change=("[*document, end_id]", "[end_id, *document]"),
    ),
    Wrong(
        "pack",
        "int32",
        "The ids are int32. An embedding's ids, and targets, are int64.",
        change=("    return inputs, targets\n", "    return inputs.int(), targets.int()\n"),
    ),
    Right(
        "pack",
        "windows",
        code="""
def pack(documents, end_id, seq_len):
    stream = []
    for document in documents:
        stream.extend(document)
        stream.append(end_id)
    rows = []
    while (len(rows) + 1) * seq_len + 1 <= len(stream):
        start = len(rows) * seq_len
        rows.append(stream[start : start + seq_len + 1])
    rows = torch.tensor(rows, dtype=torch.int64).reshape(len(rows), seq_len + 1)
    return rows[:, :-1], rows[:, 1:]
""",
    ),
    Right(
        "pack",
        "with_unfold",
        code="""
def pack(documents, end_id, seq_len):
    parts = [torch.tensor([*document, end_id]) for document in documents]
    stream = torch.cat(parts)
    windows = stream.unfold(0, seq_len + 1, seq_len)
    return windows[:, :seq_len].contiguous(), windows[:, 1:].contiguous()
""",
    ),
    Right(
        "pack",
        "sliding_over_one_list",
        code="""
def pack(documents, end_id, seq_len):
    token_ids = []
    for document in documents:
        token_ids += list(document) + [end_id]
    input_ids, target_ids = [], []
    for i in range(0, len(token_ids) - seq_len, seq_len):
        input_ids.append(torch.tensor(token_ids[i : i + seq_len]))
        target_ids.append(torch.tensor(token_ids[i + 1 : i + seq_len + 1]))
    return torch.stack(input_ids), torch.stack(target_ids)
""",
    ),
    Right(
        "pack",
        "through_numpy",
        code="""
def pack(documents, end_id, seq_len):
    import numpy as np

    data = np.concatenate([np.array(list(document) + [end_id], dtype=np.int64) for document in documents])
    rows = (data.size - 1) // seq_len
    x = torch.from_numpy(data[: rows * seq_len].reshape(rows, seq_len).copy())
    y = torch.from_numpy(data[1 : 1 + rows * seq_len].reshape(rows, seq_len).copy())
    return x, y
""",
    ),
]
