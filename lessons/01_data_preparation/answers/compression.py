"""Known answers to `compression`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "compression",
        "characters",
        "These are characters per token. A Japanese character has three bytes and an emoji four; count the bytes of"
        " the UTF-8 form.",
        change=('len(text.encode("utf-8"))', "len(text)"),
    ),
    Wrong(
        "compression",
        "upside_down",
        "The first quotient is upside down: tokens per byte. A good tokenizer has many bytes in a token.",
        change=("return n_bytes / n_tokens", "return n_tokens / n_bytes"),
    ),
    Wrong(
        "compression",
        "words_per_token",
        "The second quotient is upside down: words per token. How many tokens does a word cost?",
        change=("n_tokens / n_words", "n_words / n_tokens"),
    ),
    Wrong(
        "compression",
        "mean_of_quotients",
        "Each text has its own quotient, and these are averaged. A short text then weighs as much as a long one. "
        "Add up first, divide once.",
        code="""
def compression(texts, encoded):
    pairs = [(text, ids) for text, ids in zip(texts, encoded) if ids]
    first = [len(text.encode("utf-8")) / len(ids) for text, ids in pairs]
    second = [len(ids) / len(text.split()) for text, ids in pairs]
    return sum(first) / len(first), sum(second) / len(second)
""",
    ),
    Wrong(
        "compression",
        "single_spaces",
        'split(" ") cuts at each single space only. A line break lies between two words as well; use split().',
        change=("text.split()", 'text.split(" ")'),
    ),
    Wrong(
        "compression",
        "first_text_only",
        "Only the first text is measured. Add up over all of them.",
        change=(
            ("for text in texts)\n    n_words", "for text in texts[:1])\n    n_words"),
            ("len(text.split()) for text in texts)", "len(text.split()) for text in texts[:1])"),
            ("for ids in encoded", "for ids in encoded[:1]"),
        ),
    ),
    Right(
        "compression",
        "in_a_loop",
        code="""
def compression(texts, encoded):
    size = words = tokens = 0
    for text, ids in zip(texts, encoded):
        size += len(bytes(text, "utf-8"))
        words += len(text.split())
        tokens += len(ids)
    return size / tokens, tokens / words
""",
    ),
    Right(
        "compression",
        "all_as_one",
        code="""
def compression(texts, encoded):
    everything = " ".join(texts)
    tokens = len([i for ids in encoded for i in ids])
    spaces = max(0, len(texts) - 1)
    return [(len(everything.encode()) - spaces) / tokens, tokens / len(everything.split())]
""",
    ),
]
