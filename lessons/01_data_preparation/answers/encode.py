"""Known answers to `encode`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "encode",
        change=(
            (
                "    ids: list[int] = []\n",
                "    ids: list[int] = []\n    letters = {chr(byte[0]): i for i, byte in enumerate(BYTE_TOKENS)}\n",
            ),
            ("in split_words(text):", "in text.split():"),
            ("# The ids of its bytes; every byte has one.", "# The ids of its letters; every letter is in the table."),
            ("tokens = byte_ids(word)", "tokens = tuple(letters[letter] for letter in word if letter in letters)"),
        ),
    ),
    Wrong(
        "encode",
        "still_no_spaces",
        "The words are still cut with str.split, which throws the white space away: decoded, 'Once upon a time' is "
        "'Onceuponatime'.",
        change=("in split_words(text):", "in text.split():"),
    ),
    Wrong(
        "encode",
        "still_letters",
        "Letters are still looked up one by one. An emoji is not in the table and vanishes, and é is taken for the "
        "byte E9, but its UTF-8 has two bytes, C3 A9. Use the ids of the word's bytes.",
        change=(
            "byte_ids(word)",
            "tuple(BYTE_TOKENS.index(bytes([ord(letter)])) for letter in word if ord(letter) < 256)",
        ),
    ),
    Wrong(
        "encode",
        "one_long_word",
        "The text is not cut into words at all, so merges may join the end of one word with the start of the next. "
        "Training never did that.",
        change=("in split_words(text):", "in [text]:"),
    ),
    Wrong(
        "encode",
        "space_in_front",
        "Each word gets a space in front, the first one too, and line breaks have become spaces. split_words leaves"
        " all white space where it was.",
        change=("for word in split_words(text):", 'for word in [" " + piece for piece in text.split()]:'),
    ),
    Wrong(
        "encode",
        "spaces_alone",
        "The spaces are kept, but as words of their own. In training a space belongs to the word that follows it, so ' "
        "fox' was learned and 'fox' was not.",
        change=("for word in split_words(text):", 'for word in __import__("re").findall(r"\\s+|\\S+", text):'),
    ),
    Right(
        "encode",
        "one_comprehension",
        code="""
def encode(text, merges):
    return [token for word in split_words(text) for token in encode_word(byte_ids(word), merges)]
""",
    ),
    Right(
        "encode",
        "by_lookup",
        code="""
def encode(text, merges):
    lookup = {token: i for i, token in enumerate(BYTE_TOKENS)}
    ids = []
    for word in split_words(text):
        start = tuple(lookup[bytes([byte])] for byte in word.encode("utf-8"))
        ids += list(encode_word(start, merges))
    return ids
""",
    ),
    Right(
        "encode",
        "in_two_steps",
        code="""
def encode(text, merges):
    chunks = list(split_words(text))
    chunk_ids = [encode_word(tuple(byte_ids(chunk)), merges) for chunk in chunks]
    return list(sum(chunk_ids, ()))
""",
    ),
]
