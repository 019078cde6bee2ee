"""Duplicates, exact and near, in a stream of stories."""

import hashlib
import re
import zlib
from collections import OrderedDict, deque
from typing import Any

from storyteller.errors import optional_import

_WORD = re.compile(r"\w+")
SHINGLE_WORDS = 5  # words in a row that are compared as one
N_PERMUTATIONS = 64  # hash functions of a signature; the error of the estimate is about 1 / sqrt(64)


class Duplicates:
    """Remembers the stories that have passed and recognises them.

    Two stories are exact duplicates when their words are the same, whatever the case and punctuation, and near
    duplicates when the Jaccard similarity of their sets of word 5-grams is at least `similarity`, as estimated by
    MinHash with locality-sensitive hashing (Broder 1997; Leskovec et al., Mining of Massive Datasets, chapter 3).

    Memory is bounded, and so is what is remembered: the words of the last `exact_window` stories (16 bytes of hash,
    about 120 bytes with Python's table around it: 120 MB for a million) and the signatures of the last `window`
    (measured: about 3.4 KB each, 170 MB for 50,000). A copy that comes later than that is not recognised.

    Args:
        similarity: from which similarity on a story is dropped; None looks for exact duplicates only.
        window: stories in which near duplicates are looked for.
        exact_window: stories in which exact duplicates are looked for.

    Raises:
        StorytellerError: `datasketch` is not installed (near duplicates only).
    """

    def __init__(self, *, similarity: float | None, window: int, exact_window: int):
        self._exact: OrderedDict[bytes, None] = OrderedDict()
        self._exact_window = exact_window
        self._window = window
        self._keys: deque[int] = deque()
        self._next_key = 0
        self._lsh: Any = None
        if similarity is not None:
            datasketch = optional_import("datasketch", extra="data")
            # crc32 is enough to tell shingles apart, and much quicker than datasketch's default SHA-1.
            self._blank = datasketch.MinHash(num_perm=N_PERMUTATIONS, hashfunc=zlib.crc32)
            self._lsh = datasketch.MinHashLSH(threshold=similarity, num_perm=N_PERMUTATIONS)

    def seen(self, text: str) -> str | None:
        """`"exact duplicate"`, `"near duplicate"`, or None for a new story, which is then remembered."""
        words = _WORD.findall(text.lower())
        digest = hashlib.blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in self._exact:
            return "exact duplicate"
        if self._lsh is not None and self._is_near(words):
            return "near duplicate"
        self._exact[digest] = None
        if len(self._exact) > self._exact_window:
            self._exact.popitem(last=False)
        return None

    def _is_near(self, words: list[str]) -> bool:
        signature = self._blank.copy()  # drawing the hash functions anew would cost more than all the rest
        last = max(1, len(words) - SHINGLE_WORDS + 1)
        signature.update_batch({" ".join(words[i : i + SHINGLE_WORDS]).encode() for i in range(last)})
        if self._lsh.query(signature):
            return True
        self._lsh.insert(self._next_key, signature, check_duplication=False)
        self._keys.append(self._next_key)
        self._next_key += 1
        if len(self._keys) > self._window:
            self._lsh.remove(self._keys.popleft())
        return False
