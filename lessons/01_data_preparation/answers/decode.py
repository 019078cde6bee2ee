"""Known answers to `decode`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "decode",
        "token_by_token",
        "Each token is decoded on its own. The four bytes of an emoji may lie in four tokens, and none of them "
        "alone is UTF-8. Join the bytes first.",
        change=(
            'return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")',
            'return "".join(tokens[i].decode("utf-8", errors="replace") for i in ids)',
        ),
    ),
    Wrong(
        "decode",
        "ignores_errors",
        'Bytes that are not UTF-8 vanish without a trace. Show that something stood there: errors="replace".',
        change=('errors="replace"', 'errors="ignore"'),
    ),
    Wrong(
        "decode",
        "strict",
        "Half an emoji stops the program with a UnicodeDecodeError. A model that writes token by token will stop in"
        ' the middle of a letter now and then: errors="replace".',
        change=('.decode("utf-8", errors="replace")', '.decode("utf-8")'),
    ),
    Wrong(
        "decode",
        "latin_1",
        "Each byte is shown as one letter. In UTF-8 a letter may take up to four bytes.",
        change=('"utf-8", errors="replace"', '"latin-1"'),
    ),
    Wrong(
        "decode",
        "id_as_byte",
        "Token i is taken for the byte i. The bytes have GPT-2's order, in which ! is 0: use BYTE_TOKENS.",
        change=("tokens = list(BYTE_TOKENS)", "tokens = [bytes([i]) for i in range(256)]"),
    ),
    Wrong(
        "decode",
        "negative_ids",
        "The id -1 gives the last token, because a list counts from its end for negative indices. Refuse it.",
        change=("if not 0 <= i < len(tokens):", "if i >= len(tokens):"),
    ),
    Wrong(
        "decode",
        "skips_unknown",
        "An unknown id is left out silently. It comes from another tokenizer, and then nothing of the text is "
        "right: raise a ValueError.",
        change=(
            (
                "    for i in ids:\n        if not 0",
                "    ids = [i for i in ids if 0 <= i < len(tokens)]\n    for i in ids:\n        if not 0",
            )
        ),
    ),
    Wrong(
        "decode",
        "spaces_between",
        "There is a space between all tokens. The tokens bring their own spaces with them: join with nothing.",
        change=('b"".join', 'b" ".join'),
    ),
    Wrong(
        "decode",
        "uses_up_ids",
        "The list of ids that was handed over is changed, as by ids.pop(0): the caller's ids are no longer what "
        "they were. Go through it and leave it as it is.",
        change=(("    for i in ids:\n", "    given, ids = ids, list(ids)\n    given.clear()\n    for i in ids:\n"),),
    ),
    Wrong(
        "decode",
        "halves_swapped",
        "The bytes of a merge's right token come before those of its left one.",
        change=("tokens[left] + tokens[right]", "tokens[right] + tokens[left]"),
    ),
    Right(
        "decode",
        "recursive",
        code="""
def decode(ids, merges):
    def spell(i):
        if i < 256:
            return BYTE_TOKENS[i]
        left, right = merges[i - 256]
        return spell(left) + spell(right)

    if any(i < 0 or i >= 256 + len(merges) for i in ids):
        raise ValueError("unknown id")
    data = bytearray()
    for i in ids:
        data += spell(i)
    return data.decode(errors="replace")
""",
    ),
    Right(
        "decode",
        "with_dict",
        code="""
def decode(ids, merges):
    known = dict(enumerate(BYTE_TOKENS))
    for new, (a, b) in enumerate(merges, 256):
        known[new] = known[a] + known[b]
    missing = [i for i in ids if i not in known]
    if missing:
        raise ValueError(f"no token {missing[0]}")
    return str(b"".join(map(known.get, ids)), "utf-8", "replace")
""",
    ),
    Right(
        "decode",
        "as_in_minbpe",
        code="""
def decode(ids, merges):
    vocab = {idx: BYTE_TOKENS[idx] for idx in range(256)}
    for idx, (p0, p1) in enumerate(merges):
        vocab[256 + idx] = vocab[p0] + vocab[p1]
    try:
        text_bytes = b"".join([vocab[idx] for idx in ids])
    except KeyError as error:
        raise ValueError(f"invalid token id: {error}") from None
    return str(text_bytes, "utf-8", "replace")
""",
    ),
]
