"""Texts, and the tokenizers that the tests compare with: `tokenizers` and `tiktoken` with our merges."""

import json
import random
from functools import cache
from typing import Any

from hypothesis import strategies as st
from test_plain_form import GPT2_PATTERN

from storyteller.tokenizer import Tokenizer, tokenizer_json

# Few letters give many ties, runs and overlaps; the others are two, three and four bytes long.
NARROW = st.lists(st.text(st.sampled_from("aab  'st\n1!"), max_size=40), max_size=8)

WIDE = st.lists(st.text(st.sampled_from("ab 0.\x00\té\u00a0\u3000字字字🐉🐉"), max_size=30), max_size=6)

ANY = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=40), max_size=5)


def told_stories(count: int) -> list[str]:
    """Small stories with names, dialogue, paragraphs and all kinds of quotes."""
    rng = random.Random(5)
    stories = []
    for _ in range(count):
        who, what = (
            rng.choice(["Mira", "old Tom", "the fox", "Zoë"]),
            rng.choice(["a lamp", "3 shells", "the boat’s bell"]),
        )
        where = rng.choice(["by the sea", "in the dark wood", "under the hill"])
        stories.append(
            f"Once upon a time {who} found {what} {where}.\n\n“Is it yours?” asked {who}. “No, it isn't,” said "
            f"the owl, and they've laughed... Then {rng.choice(['rain', 'snow'])} fell.  {who.title()} went home."
        )
    return stories


WHITE_SPACE = [c for c in map(chr, range(0x3001)) if c.isspace() and c not in "\x1c\x1d\x1e\x1f"]

SIGNS = [
    *WHITE_SPACE,
    *"\x1c\x1d\x1e\x1f\x00\x7f\u200b\ufeff",
    *"ab'sStdmrevl01²Ⅷ.!-_",
    *"éßжאन字ㅎ",
    "e\u0301",
    "🐉",
    "👩‍🚀",
    "🇨🇭",
]

TEXT = st.one_of(
    st.text(
        st.characters(exclude_categories=["Cs", "Cn"])
    ),  # Cn, not assigned: each package has its own Unicode version
    st.lists(st.sampled_from([*SIGNS, " the", " cat", "'ll", "\r\n"]), max_size=30).map("".join),
)

SPECIALS = ["<|endoftext|>", "<|end|>", "<|end|>x", "<s>", "日本"]


@cache
def tokenizer() -> Tokenizer:
    texts = [*told_stories(200), "日本 日本語 👩‍🚀👩‍🚀 жаба\u3000жаба \x00\x00 ééé    !!!!\n\n\n'll 've"]
    return Tokenizer.train(texts, vocab_size=400, special_tokens=SPECIALS)


@cache
def theirs() -> Any:
    from tokenizers import Tokenizer as Theirs

    return Theirs.from_str(json.dumps(tokenizer_json.to_json(tokenizer().vocabulary)))


def as_tiktoken(ours: Tokenizer) -> Any:
    from tiktoken import Encoding

    vocabulary = ours.vocabulary
    # tiktoken takes ranks for ids, which is so in our own layout only.
    return Encoding(
        "ours",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=dict(vocabulary.tokens),
        special_tokens=dict(vocabulary.special_tokens),
    )


@cache
def tiktokens() -> Any:
    return as_tiktoken(tokenizer())
