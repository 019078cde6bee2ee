"""Training: the same merges as the plain form and as `tokenizers`, and clear refusals."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plain_form import plain_train, plain_words

from storyteller.errors import StorytellerError
from storyteller.storyworld import generate
from storyteller.tokenizer import END_OF_TEXT, Tokenizer, pretokenize
from storyteller.tokenizer.pretokenize import count_words, split_chunks, split_words
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, to_unicode

# Few letters give many ties, runs and overlaps; the others are two, three and four bytes long.
NARROW = st.lists(st.text(st.sampled_from("aab  'st\n1!"), max_size=40), max_size=8)
WIDE = st.lists(st.text(st.sampled_from("ab 0.\x00\té\u00a0\u3000字字字🐉🐉"), max_size=30), max_size=6)
ANY = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=40), max_size=5)


def merges_of(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [(to_unicode(left), to_unicode(right)) for left, right in tokenizer.vocabulary.merges]


def merges_by_tokenizers(texts: list[str], vocab_size: int) -> list[tuple[str, str]]:
    from tokenizers import Tokenizer as Theirs
    from tokenizers import models, pre_tokenizers, trainers

    theirs = Theirs(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END_OF_TEXT],
    )
    theirs.train_from_iterator(texts, trainer)
    return [tuple(merge) for merge in json.loads(theirs.to_str())["model"]["merges"]]


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


@given(st.one_of(NARROW, WIDE, ANY))
def test_merges_are_those_of_the_plain_trainer(texts: list[str]) -> None:
    texts = ["a b", *texts]
    tokens = list(BYTE_TOKENS)
    for left, right in plain_train(texts, 30):
        tokens.append(tokens[left] + tokens[right])
    made = [left + right for left, right in Tokenizer.train(texts, vocab_size=287).vocabulary.merges]
    assert made == tokens[256:]


@settings(deadline=None)
@given(st.one_of(NARROW, WIDE, ANY))
def test_merges_are_those_of_tokenizers(texts: list[str]) -> None:
    texts = ["a b", *texts]
    assert merges_of(Tokenizer.train(texts, vocab_size=320)) == merges_by_tokenizers(texts, 320)


@pytest.mark.parametrize("seed", range(5))
def test_merges_of_random_text_are_those_of_tokenizers(seed: int) -> None:
    rng = random.Random(seed)
    texts = ["".join(rng.choices("abcdé 字.\n", weights=[9, 7, 5, 3, 2, 6, 1, 1, 1], k=3000)) for _ in range(10)]
    assert merges_of(Tokenizer.train(texts, vocab_size=1500)) == merges_by_tokenizers(texts, 1500)


def test_merges_of_told_stories_are_those_of_tokenizers_until_no_pair_is_left() -> None:
    texts = told_stories(300)
    ours = Tokenizer.train(texts, vocab_size=4000)
    assert merges_of(ours) == merges_by_tokenizers(texts, 4000)
    assert ours.vocab_size < 4000


def test_merges_of_storyworld_are_those_of_tokenizers() -> None:
    texts = [story.text for story in generate(300, seed=3)]
    assert merges_of(Tokenizer.train(texts, vocab_size=1500)) == merges_by_tokenizers(texts, 1500)


def test_merges_of_real_stories_are_those_of_tokenizers(shared_data: Path) -> None:
    text = (shared_data / "tinystories-v2-sample.txt").read_text(encoding="utf-8")
    texts = text.split(END_OF_TEXT)
    assert merges_of(Tokenizer.train([text], vocab_size=4000)) == merges_by_tokenizers(texts, 4000)


def test_merges_of_real_stories_in_one_long_text_are_those_of_tokenizers(shared_data: Path) -> None:
    text = (shared_data / "writingprompts-train-500.jsonl").read_text(encoding="utf-8")
    assert merges_of(Tokenizer.train([text], vocab_size=3000)) == merges_by_tokenizers([text], 3000)


@given(st.one_of(NARROW, WIDE, ANY))
def test_words_are_counted_as_the_plain_way_counts_them(texts: list[str]) -> None:
    assert count_words(texts) == Counter(word for text in texts for word in plain_words(text))


@given(st.text(st.sampled_from(" \n\t\x1c\x85\u3000a'1"), max_size=12))
def test_chunks_hold_the_words_of_the_text(text: str) -> None:
    first, *further = split_chunks(text)
    assert [*split_words(first), *(word for chunk in further for word in split_words(" " + chunk))] == plain_words(text)


def test_counting_in_small_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*told_stories(20), "  \n  a  b \n\n  c\t \t d" * 20]
    wanted = Counter(word for text in texts for word in plain_words(text))
    monkeypatch.setattr(pretokenize, "_MAX_CHUNKS", 10)
    for length in (1, 2, 7, 50):
        monkeypatch.setattr(pretokenize, "_SLICE_CHARS", length)
        assert count_words(texts) == wanted


def test_texts_come_from_an_iterator_that_is_read_once() -> None:
    def lines() -> Iterator[str]:
        yield from told_stories(10)

    assert merges_of(Tokenizer.train(lines(), vocab_size=300)) == merges_of(
        Tokenizer.train(told_stories(10), vocab_size=300)
    )


def test_nothing_is_learned_across_texts() -> None:
    assert Tokenizer.train(["x", "y"] * 50, vocab_size=300).vocab_size == 257
    assert Tokenizer.train(["xy"] * 50, vocab_size=300).vocab_size == 258


def test_nothing_is_learned_from_special_tokens() -> None:
    with_marks = Tokenizer.train([END_OF_TEXT.join(told_stories(30)) + END_OF_TEXT], vocab_size=500)
    without = Tokenizer.train(told_stories(30), vocab_size=500)
    assert with_marks.fingerprint == without.fingerprint
    assert Tokenizer.train([END_OF_TEXT * 9 + "ab"], vocab_size=400).vocab_size == 258


def test_ids_are_bytes_then_merges_then_special_tokens() -> None:
    tokenizer = Tokenizer.train(["ab ab"], vocab_size=260, special_tokens=["<a>", "<b>"])
    assert [tokenizer.token_bytes(i) for i in (0, 220, 256, 257)] == [b"!", b" ", b"ab", b" ab"]
    assert (tokenizer.special_id("<a>"), tokenizer.special_id("<b>"), tokenizer.vocab_size) == (258, 259, 260)


def test_progress_hears_of_every_merge() -> None:
    heard: list[tuple[int, int]] = []
    Tokenizer.train(["abcd"], vocab_size=259, progress=lambda done, wanted: heard.append((done, wanted)))
    assert heard == [(1, 2), (2, 2)]


def test_a_vocabulary_of_bytes_needs_no_text() -> None:
    assert Tokenizer.train([], vocab_size=257).decode([0, 256]) == "!<|endoftext|>"


@pytest.mark.parametrize(
    ("texts", "options", "complaint"),
    [
        (["ab"], {"vocab_size": 256}, "vocab_size is 256; it must be at least 257"),
        (["ab"], {"vocab_size": 0x110001}, "at most 1,114,112"),
        ([], {"vocab_size": 300}, "no text to learn from"),
        (["", ""], {"vocab_size": 300}, "no text to learn from"),
        ("ab", {"vocab_size": 300}, "pass a list of texts"),
        (["ab"], {"vocab_size": 300, "special_tokens": "<s>"}, "pass a list of different names"),
        (["ab"], {"vocab_size": 300, "special_tokens": ["<s>", "<s>"]}, "pass a list of different names"),
        (["ab"], {"vocab_size": 300, "special_tokens": [""]}, "special token is empty"),
        (["ab"], {"vocab_size": 300, "special_tokens": ["\ud800"]}, "lone surrogate"),
        (["ab"], {"vocab_size": 300, "special_tokens": ["a"]}, "spelled like an ordinary token"),
        (["b b b"], {"vocab_size": 300, "special_tokens": ["Ġb"]}, "spelled like an ordinary token"),
        (["fine", "x \udfff"], {"vocab_size": 300}, r"U\+DFFF in ' \\udfff'"),
    ],
)
def test_what_cannot_be_trained_is_refused(texts: list[str], options: dict, complaint: str) -> None:
    with pytest.raises(StorytellerError, match=complaint):
        Tokenizer.train(texts, **options)
