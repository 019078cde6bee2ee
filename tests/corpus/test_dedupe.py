"""Duplicates, exact and near, as `clean` drops them."""

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_clean import TALE, cleaned

from storyteller.corpus.dedupe import Duplicates, bands_for, fingerprint, signature


def words(count, *, seed):
    return [b"word%d" % number for number in random.Random(seed).sample(range(10_000), count)]


def test_a_near_duplicate_is_dropped_and_a_different_story_is_not():
    long = " ".join(f"word{i} and then" for i in range(100)) + " the end."
    kept, report = cleaned(long, long.replace("word50 ", "other "), TALE)
    assert kept == [long, TALE]
    assert report.dropped == {"near duplicate": 1}


def test_near_duplicates_can_be_kept():
    long = " ".join(f"word{i} and then" for i in range(100)) + " the end."
    assert len(cleaned(long, long.replace("word50 ", "other "), near_duplicates=False)[0]) == 2


def test_a_story_of_fewer_words_than_a_shingle_has_a_fingerprint():
    known = Duplicates()
    assert [known.seen(fingerprint(text)) for text in ("", "A fox.", "a fox", "Two foxes.")] == [
        None,
        None,
        "exact duplicate",
        None,
    ]


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_text_are_those_that_the_pattern_finds(text):
    assert fingerprint(text) == fingerprint(text + "·")  # not ASCII, and no word more


def test_a_copy_is_found_however_many_stories_lie_between():
    known, rng = Duplicates(), random.Random(4)
    first = b" ".join(words(80, seed=1)).decode()
    assert known.seen(fingerprint(first)) is None
    for _ in range(40_000):  # others, by what is remembered of them; the table doubles several times
        assert known.seen(tuple(rng.getrandbits(64) | 1 for _ in range(6))) is None
    assert known.seen(fingerprint(first.upper())) == "exact duplicate"
    assert known.seen(fingerprint(first + " end")) == "near duplicate"
    assert known.seen(fingerprint(b" ".join(words(80, seed=2)).decode())) is None


@pytest.mark.parametrize("changed", [2, 8, 25])
def test_signatures_estimate_the_similarity_of_the_sets_of_five_words(changed):
    differences, share = [], 0.0
    for seed in range(60):
        one = words(200, seed=seed)
        other = [b"new%d" % number for number in range(changed)] + one[changed:]
        shingles = [{tuple(text[i : i + 5]) for i in range(len(text) - 4)} for text in (one, other)]
        share = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
        differences.append(float(np.mean(signature(one) == signature(other))) - share)
    # 60 signatures of 64 numbers, each equal with probability `share`: four standard deviations of their mean
    assert abs(np.mean(differences)) < 4 * (share * (1 - share) / (60 * 64)) ** 0.5


def test_bands_are_those_that_datasketch_chooses():
    datasketch = pytest.importorskip("datasketch")
    for similarity in (0.5, 0.7, 0.8, 0.9):
        index = datasketch.MinHashLSH(threshold=similarity, num_perm=64)
        assert bands_for(similarity) == (index.b, index.r)


MEMORY = """
import random
from storyteller.corpus.dedupe import Duplicates
rng, known = random.Random(1), Duplicates()
for _ in range(2_000_000):
    assert known.seen(tuple(rng.getrandbits(64) | 1 for _ in range(6))) is None
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_two_million_stories_are_remembered_in_less_than_half_a_gigabyte():
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 500
