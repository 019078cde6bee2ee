"""Training: the same merges as the plain form and as `tokenizers`."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from bpe_peers import ANY, NARROW, WIDE, told_stories
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plain_form import plain_train

from storyteller.storyworld import generate
from storyteller.tokenizer import END_OF_TEXT, Tokenizer
from storyteller.tokenizer.training import PairCounts, learn_merges
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, to_unicode


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


def test_nothing_is_learned_across_texts() -> None:
    assert Tokenizer.train(["x", "y"] * 50, vocab_size=300).vocab_size == 257
    assert Tokenizer.train(["xy"] * 50, vocab_size=300).vocab_size == 258


def test_nothing_is_learned_from_special_tokens() -> None:
    with_marks = Tokenizer.train([END_OF_TEXT.join(told_stories(30)) + END_OF_TEXT], vocab_size=500)
    without = Tokenizer.train(told_stories(30), vocab_size=500)
    assert with_marks.fingerprint == without.fingerprint
    assert Tokenizer.train([END_OF_TEXT * 9 + "ab"], vocab_size=400).vocab_size == 258


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("aab字"), min_size=50, max_size=200))
def test_merges_of_one_long_word_are_those_of_the_plain_trainer(word: str) -> None:
    tokens = list(BYTE_TOKENS)
    for left, right in plain_train([word], 60):
        tokens.append(tokens[left] + tokens[right])
    assert [left + right for left, right in learn_merges({word: 1}, 60)] == tokens[256:]


def test_merges_of_5000_letters_without_a_space_are_those_of_tokenizers() -> None:
    word = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=5000))
    assert merges_of(Tokenizer.train([word], vocab_size=3000)) == merges_by_tokenizers([word], 3000)


@pytest.mark.parametrize("letters", ["ab", "abcdefghijklmnopqrstuvwxyz"])
@pytest.mark.parametrize("length", [1000, 16000])
def test_the_work_grows_with_the_length_of_a_word_and_not_with_its_square(length: int, letters: str) -> None:
    class CountedReads(list[int]):
        reads = 0

        def __getitem__(self, place: Any) -> Any:
            self.reads += 1
            return super().__getitem__(place)

        __iter__ = None  # type: ignore[assignment]  # nobody walks through all of it

    pairs = PairCounts({"".join(random.Random(2).choices(letters, k=length)): 1})
    tokens = pairs._tokens = CountedReads(pairs._tokens)
    while pair := pairs.pop_best():
        pairs.merge(pair)
    # A place is written down once for the bytes, and twice for each of the fewer than `length` joins. Two reads check
    # it, and a join reads its two neighbours.
    assert length < tokens.reads <= 2 * 3 * length + 2 * length
