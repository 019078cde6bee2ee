"""Lesson 01's plain answers against `tokenizers`, tiktoken and slow loops; the course's parts against the answers."""

import json
import random
import re
import unicodedata
from collections import Counter

import numpy as np
import pytest
import regex
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from repository import ROOT
from storyteller.corpus import load_stories
from storyteller.storyworld import generate
from storyteller.tokenizer import BYTE_TOKENS, END_OF_TEXT, Tokenizer
from storyteller.tokenizer.pretokenize import GPT2_PATTERN
from storyteller_course import load_lesson
from storyteller_course.capstone import roles
from storyteller_course.lesson_tools import data_preparation as tools

LESSON = load_lesson(ROOT / "lessons" / "01_data_preparation")
reference = LESSON.reference
TEXTS = [story.text for story in generate(60, seed=5)]
MERGES = roles.train_bpe(TEXTS, 200)
ODD = "Zoë saw a 🦊, 東京 and 👩‍🚀.\r\n\n\n  It's  'quoted' 1,234 times\t— naïve…  "

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text("ab \n'é🦊1.", max_size=40)
some_ids = st.lists(st.integers(0, 4), max_size=12).map(tuple)


# --- the reference against independent implementations -------------------------------------------------------------


def test_training_learns_the_merges_that_tokenizers_learns():
    wanted = trained_by_tokenizers(TEXTS, 150)
    assert reference.train_bpe(TEXTS, 150) == wanted
    assert reference.train_bpe_fast(TEXTS, 150) == wanted


@pytest.mark.parametrize("texts", [["ba cb ac", "ac cb ba"], ["xy", "ab", "ba"], ["aaaa aaa", "bbbb"]])
def test_ties_fall_as_in_tokenizers_whatever_the_order(texts):
    wanted = trained_by_tokenizers(texts, 20)
    assert reference.train_bpe(texts, 20) == wanted
    assert reference.train_bpe(texts[::-1], 20) == wanted


def trained_by_tokenizers(texts, n_merges):
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=256 + n_merges, initial_alphabet=alphabet, show_progress=False)
    theirs.train_from_iterator(texts, trainer)
    model = json.loads(theirs.to_str())["model"]
    return [tuple(model["vocab"][side] for side in merge) for merge in model["merges"]]


def test_encoding_gives_the_ids_that_tiktoken_gives():
    tokens = list(tools.as_vocabulary(MERGES).tokens)
    theirs = tiktoken.Encoding(
        "lesson", pat_str=GPT2_PATTERN, mergeable_ranks={token: i for i, token in enumerate(tokens)}, special_tokens={}
    )
    for text in (*TEXTS[:20], ODD):
        assert reference.encode(text, MERGES) == theirs.encode_ordinary(text)
        assert reference.decode(theirs.encode_ordinary(text), MERGES) == text


@given(any_text)
def test_encoding_and_decoding_give_the_text_back(text):
    assert reference.decode(reference.encode(text, MERGES), MERGES) == text


@given(st.lists(st.integers(0, 255), max_size=30))
def test_decoding_any_bytes_is_what_python_decodes_them_to(ids):
    data = bytes(BYTE_TOKENS[i][0] for i in ids)
    assert reference.decode(ids, MERGES) == data.decode("utf-8", "replace")


@given(some_ids, st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_merging_is_search_and_replace(word, pair):
    text, joined = "".join(map(chr, word)), chr(pair[0]) + chr(pair[1])
    assert reference.merge_pair(word, pair, 300) == tuple(map(ord, text.replace(joined, chr(300))))


@given(st.dictionaries(some_ids, st.integers(1, 5), max_size=6))
def test_counting_words_is_counting_all_their_copies(words):
    slow: dict = {}
    for word, count in words.items():
        for _ in range(count):
            for i in range(len(word) - 1):
                slow[word[i], word[i + 1]] = slow.get((word[i], word[i + 1]), 0) + 1
    assert reference.count_pairs(words) == slow


@given(some_ids)
def test_encoding_a_word_by_rank_is_applying_every_merge_in_turn(word):
    merges = [(1, 2), (0, 1), (256, 3), (2, 2), (257, 256), (4, 0)]
    slow = word
    for rank, pair in enumerate(merges):
        slow = reference.merge_pair(slow, pair, 256 + rank)
    assert reference.encode_word(word, merges) == slow


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.lists(st.floats(0, 100), max_size=4))
def test_percentiles_are_numpys(lengths, asked):
    for p in asked:
        assert reference.percentile(lengths, p) == pytest.approx(np.percentile(lengths, p))


@given(any_text)
def test_own_cuts_lose_nothing_and_are_those_of_the_regex_module(text):
    """Which knows other classes than `re`: marks and numbers that are neither letters nor digits are left out here.

    So are the letters of a newer Unicode than this Python's.
    """
    pieces = reference.pretokenize(text)
    assert "".join(pieces) == text
    is_known = all(unicodedata.category(character) != "Cn" for character in text)
    if is_known and not regex.search(r"[^\p{L}\p{Nd}\p{P}\p{S}\s]|[\x1c-\x1f]", text):
        pattern = r" ?\p{L}+|\p{Nd}{1,2}| ?[\p{P}\p{S}]+|\s+(?= [^\s\p{Nd}])|\s+"
        assert pieces == regex.findall(pattern, text)


# --- the course's parts equal the reference ------------------------------------------------------------------------


def test_every_exercise_has_a_part():
    assert [name for name in LESSON.exercises if LESSON.stand_in(name) is None] == []


@settings(max_examples=30)
@given(st.lists(any_text, max_size=5), st.integers(0, 30))
def test_the_parts_train_as_the_reference_does(texts, n_merges):
    wanted = reference.train_bpe(texts, n_merges)
    assert roles.train_bpe(texts, n_merges) == wanted
    assert reference.train_bpe_fast(texts, n_merges) == wanted
    assert LESSON.stand_in("train_bpe_fast")(texts, n_merges) == wanted


def test_training_with_the_usual_rule_learns_the_usual_merges():
    def usual(words):
        counts = LESSON.stand_in("count_pairs")(words)
        return min(counts, key=lambda pair: (-counts[pair], pair))

    assert tools.train_choosing(usual, TEXTS, 60) == roles.train_bpe(TEXTS, 60)


@given(any_text)
def test_the_parts_encode_as_the_reference_does(text):
    assert roles.encode(text, MERGES) == reference.encode(text, MERGES)


def test_an_empty_corpus_has_no_percentile():
    for function in (LESSON.stand_in("percentile"), reference.percentile):
        with pytest.raises(ValueError, match="no text"):
            function([], 50)


def test_the_merges_work_in_the_librarys_tokenizer():
    mine = Tokenizer(tools.as_vocabulary(MERGES, [END_OF_TEXT]))
    assert mine.encode(ODD) == reference.encode(ODD, MERGES)
    assert mine.end_id == 256 + len(MERGES)


# --- cleaning and splitting ----------------------------------------------------------------------------------------


@given(any_text)
def test_cleaning_twice_changes_nothing_more(text):
    once = reference.clean_story(text)
    assert reference.clean_story(once) == once or "â" in text or "Ã" in text or "<" in text or "[" in text


@given(st.lists(st.sampled_from(["A fox ran.\n\nIt hid.", "Mia’s owl.", "One line."]), max_size=8), st.floats(0, 1))
def test_each_story_is_in_one_side_of_the_split_and_in_order(stories, held_out):
    raw = "".join(f"{story}\n{END_OF_TEXT}\n" for story in stories)
    train, validation = reference.split_corpus(raw, held_out)
    assert [*train, *validation] == [story.replace("’", "'") + END_OF_TEXT for story in stories]
    assert len(train) == round(len(stories) * (1 - held_out))


def test_the_table_of_mojibake_is_what_a_wrong_encoding_makes():
    for broken, char in tools.MOJIBAKE.items():
        assert char.encode().decode("cp1252", errors="ignore") == broken


# --- what the text of the lesson claims ----------------------------------------------------------------------------


def test_the_figures_about_real_corpora_hold_on_the_samples(shared_data):
    tales = rows(shared_data / "tinystories-v1-train-1000.jsonl", "text")
    told = rows(shared_data / "writingprompts-train-500.jsonl", "story")
    prompts = rows(shared_data / "writingprompts-train-500.jsonl", "prompt")
    assert sum(any(broken in text for broken in tools.MOJIBAKE) for text in tales) == 83
    assert sum(tools.TAG.search(prompt) is not None for prompt in prompts) == 481
    assert sum(re.search(r"[.!?][\"')”’]*\s*$", text) is None for text in told) == 105
    for texts, wanted in ((tales, [61, 837, 158]), (told, [104, 2072, 485])):
        lengths = [len(text.split()) for text in texts]
        assert [reference.percentile(lengths, p) for p in (0, 100, 50)] == wanted
    words = Counter(
        word
        for story in load_stories(shared_data / "tinystories-v2-sample.txt", limit=1200)
        for word in re.findall(r"[a-z']+", story.text.lower())
    )
    assert sum(count <= 5 for count in words.values()) > len(words) / 2


def rows(path, column):
    return [json.loads(line)[column] for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_order_of_the_texts_does_not_change_the_merges():
    shuffled = TEXTS[:20]
    random.Random(3).shuffle(shuffled)
    assert reference.train_bpe(TEXTS[:20], 60) == reference.train_bpe(shuffled, 60)
