"""Lesson 01: byte-level byte-pair encoding. Its plain form: `lessons/01_data_preparation/reference.py`.

There `count_pairs`, `merge_pair` and `train_bpe` learn the merges, `encode_word`, `encode` and `decode` apply them.
This package computes the same merges and the same ids quickly.

    >>> from storyteller.tokenizer import Tokenizer
    >>> tokenizer = Tokenizer.train(["the cat sat. the cat ran. the cat hid."], vocab_size=262)
    >>> [tokenizer.token_bytes(i) for i in range(256, 261)]
    [b'at', b'cat', b'he', b'the', b' cat']
    >>> tokenizer.encode("the cat")
    [259, 260]
    >>> tokenizer.decode([259, 260, 0])
    'the cat!'

The algorithm (Sennrich et al. 2016, section 3.2; on bytes: Radford et al. 2019, section 2.2) starts from the 256 bytes
and again and again joins the pair of adjacent tokens that is seen most often into a new token. The plain form counts
every pair anew after each merge. Four ideas make it quick:

1. **Count words, not occurrences.** Merges never cross the cuts of the pre-tokenizer, so training needs each different
   word (pretoken) once, with its count. (`pretokenize.py`)
2. **Only the pairs beside a merge change.** Joining `a b` in `x a b y` takes one from the counts of `xa` and `by` and
   gives one to `x(ab)` and `(ab)y`. All other counts stay, and a pair that knows its places needs no search. A heap
   finds the next best pair; its entries may be out of date and are checked when they come up. (`training.py`)
3. **Find tokens instead of merging.** The longest token that fits is nearly always what the merges would give. Whether
   it is shows at the border to the token before: no merge may cross it. (`encoding.py`)
4. **Cache what was encoded.** Text repeats itself, so a dictionary from words, and from chunks (the text between two
   spaces), to ids answers nearly always. (`encoding.py`)

`vocabulary.py` holds what a tokenizer knows (tokens, merges, special tokens), `tokenizer_json.py` reads and writes it
as `tokenizer.json`, and `tokenizer.py` is the class that you use.
"""

from storyteller.tokenizer.pretokenize import split_words
from storyteller.tokenizer.tokenizer import Tokenizer
from storyteller.tokenizer.vocabulary import BYTE_TOKENS, END_OF_TEXT, FIRST_MERGE, Vocabulary, byte_ids

__all__ = ["BYTE_TOKENS", "END_OF_TEXT", "FIRST_MERGE", "Tokenizer", "Vocabulary", "byte_ids", "split_words"]
