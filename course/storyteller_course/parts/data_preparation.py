"""Lesson 01: from raw text to token ids.

Token ids are those of `storyteller.tokenizer`: 0 to 255 are the bytes in GPT-2's order, 256 + r is what merge r makes.
A merge is a pair of ids, and a list of merges, in the order learned, is all that a tokenizer has to remember.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from storyteller.tokenizer import BYTE_TOKENS, END_OF_TEXT, FIRST_MERGE, Vocabulary, byte_ids
from storyteller.tokenizer.encoding import Encoder
from storyteller.tokenizer.pretokenize import count_words
from storyteller.tokenizer.training import learn_merges

Pair = tuple[int, int]
Word = tuple[int, ...]

# What a character becomes when its UTF-8 bytes are read as Windows-1252. The first is a closing quote whose last byte,
# 9D, is no character there and was dropped on the way.
MOJIBAKE = {"â€": "”", "â€œ": "“", "â€™": "’", "â€˜": "‘", "â€“": "–", "â€”": "—", "â€¦": "…", "Ã©": "é", "Ã±": "ñ"}
CURLY = {"“": '"', "”": '"', "‘": "'", "’": "'"}
# <br>, </i> and their like; marks such as <|endoftext|>; labels of the forum such as [WP] or [ WP ].
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\|\w+\|>|\[ ?[A-Z]{2} ?\]")
# A full stop, exclamation or question mark, what closes quotes behind it, and then white space or the end.
SENTENCE_END = re.compile(r"[.!?][\"')]*(?=\s|$)")


def clean_story(text: str) -> str:
    """Bring a raw story into the one form that the tokenizer is trained on.

    Args:
        text: a story as it stands in a file.

    Returns:
        The story with straight quotes, without tags, one blank line between paragraphs, single spaces between words,
        and cut back to the end of its last whole sentence. A text without any whole sentence becomes "".
    """
    # Step 1: Line ends: "\r\n" (Windows) and then "\r" (old Macs) become "\n".
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Step 2: Mojibake: replace each key of MOJIBAKE by its character, the longest keys first.
    for broken in sorted(MOJIBAKE, key=len, reverse=True):
        text = text.replace(broken, MOJIBAKE[broken])
    # Step 3: Curly quotes become straight ones (CURLY).
    for curly, straight in CURLY.items():
        text = text.replace(curly, straight)
    # Step 4: Each TAG becomes a space, so that the words beside it stay two words.
    text = TAG.sub(" ", text)
    # Step 5: Layout: single spaces inside a line, no empty lines, then one blank line between the lines.
    lines = [" ".join(line.split()) for line in text.split("\n")]
    text = "\n\n".join(line for line in lines if line)
    # Step 6: Keep the text up to the end of the last SENTENCE_END; "" where there is none.
    ends = [found.end() for found in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else ""


def split_corpus(raw: str, held_out: float) -> tuple[list[str], list[str]]:
    """Cut a file of stories into texts to learn from and texts to test with.

    Args:
        raw: the file: stories with a line <|endoftext|> behind each.
        held_out: the share of the stories, from the end of the file, that is kept for validation.

    Returns:
        The training texts and the validation texts. Each text is one story with <|endoftext|> at its end.
    """
    # One text for each story; empty ones are left out.
    stories = [part.strip() for part in raw.split(END_OF_TEXT)]
    stories = [story for story in stories if story]
    # Some stories have typographic apostrophes; make them straight.
    stories = [story.replace("’", "'") for story in stories]
    # The first go to training, the rest to validation, each with its end mark.
    texts = [story + END_OF_TEXT for story in stories]
    n_train = round(len(texts) * (1 - held_out))
    return texts[:n_train], texts[n_train:]


def length_statistics(texts: list[str], percentiles: tuple[float, ...] = (5, 50, 95)) -> dict:
    """How long the texts are, in words; see lesson 01.

    Raises:
        ValueError: there is no text.
    """
    lengths = [len(text.split()) for text in texts]
    if not lengths:
        raise ValueError("there is no text to measure")
    return {
        "texts": len(lengths),
        "words": sum(lengths),
        "mean": float(np.mean(lengths)),
        "shortest": min(lengths),
        "longest": max(lengths),
        "percentiles": {p: float(np.percentile(lengths, p)) for p in percentiles},
    }


def count_pairs(words: dict[Word, int]) -> dict[Pair, int]:
    """How often each pair of neighbouring tokens stands in the words.

    Args:
        words: word, as a tuple of token ids -> how often the corpus has it.

    Returns:
        Pair of token ids -> count. Pairs that overlap, as in (5, 5, 5), count each time.
    """
    counts: dict[Pair, int] = {}
    # Step 1: For each word and its count ...
    for word, count in words.items():
        # Step 2: ... and for each token with its right-hand neighbour ...
        for pair in pairwise(word):
            # Step 3: ... add the word's count to the count of the pair.
            counts[pair] = counts.get(pair, 0) + count
    return counts


def merge_pair(word: Word, pair: Pair, new_id: int) -> Word:
    """Join each occurrence of a pair in a word into one token, from left to right.

    Args:
        word: the token ids of a word.
        pair: the two ids to join.
        new_id: the id of the token that they become.

    Returns:
        The word with the pair joined; (5, 5, 5) with the pair (5, 5) becomes (new_id, 5).
    """
    merged: list[int] = []
    place = 0
    # Step 1: Walk over the word from the left until its end.
    while place < len(word):
        # Step 2: Where the pair starts, take the new token and step over both of its tokens.
        if word[place : place + 2] == pair:
            merged.append(new_id)
            place += 2
        # Step 3: Anywhere else, keep the token and step on by one.
        else:
            merged.append(word[place])
            place += 1
    return tuple(merged)


def train_bpe(texts: list[str], n_merges: int) -> list[Pair]:
    """The first merges of byte-level BPE, in the order learned; see lesson 01."""
    learned = learn_merges(count_words(texts), n_merges)
    ids = {token: i for i, token in enumerate(BYTE_TOKENS)}
    merges = []
    for new_id, (left, right) in enumerate(learned, start=FIRST_MERGE):
        merges.append((ids[left], ids[right]))
        ids[left + right] = new_id
    return merges


def train_choosing(choose: Callable[[dict[Word, int]], Pair], texts: list[str], n_merges: int) -> list[Pair]:
    """Merges learned with another rule for the pair that comes next, to compare rules with each other.

    Args:
        choose: gives the pair to merge, for the words and how often each was seen.
        texts: the texts to learn from.
        n_merges: how many merges to learn; there must be so many.
    """
    words = {byte_ids(word): count for word, count in count_words(texts).items()}
    merges: list[Pair] = []
    for new_id in range(FIRST_MERGE, FIRST_MERGE + n_merges):
        merges.append(choose(words))
        words = {merge_pair(word, merges[-1], new_id): count for word, count in words.items()}
    return merges


def train_bpe_fast(texts: list[str], n_merges: int) -> list[Pair]:
    """The same merges; the library's training keeps its counts up to date."""
    return train_bpe(texts, n_merges)


def encode_word(word: Word, merges: list[Pair]) -> Word:
    """Apply the merges to one word, the earliest learned first.

    Args:
        word: the token ids of a word, its bytes to begin with.
        merges: pairs of ids in the order learned; merge number r makes token 256 + r.

    Returns:
        The word's token ids, in which no pair is left that has a merge.
    """
    # Step 1: The rank of a pair is its place in merges.
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        # Step 2: Which pairs of neighbours have a rank? When none has, the word is done.
        known = [pair for pair in pairwise(word) if pair in ranks]
        if not known:
            return tuple(word)
        # Step 3: Of these, merge the pair with the lowest rank everywhere in the word; then look again.
        first = min(known, key=ranks.__getitem__)
        word = merge_pair(word, first, FIRST_MERGE + ranks[first])


def encode(text: str, merges: list[Pair]) -> list[int]:
    """The token ids of any text; see lesson 01."""
    return _encoder(tuple((left, right) for left, right in merges)).encode(text)


@lru_cache(maxsize=8)
def _encoder(merges: tuple[Pair, ...]) -> Encoder:
    return Encoder(as_vocabulary(merges))


def as_vocabulary(merges: Sequence[Pair], special_tokens: Sequence[str] = ()) -> Vocabulary:
    """The library's vocabulary of these merges, for its `Tokenizer`."""
    tokens = list(BYTE_TOKENS)
    spelled = []
    for left, right in merges:
        spelled.append((tokens[left], tokens[right]))
        tokens.append(tokens[left] + tokens[right])
    return Vocabulary.learned(spelled, special_tokens)


def decode(ids: list[int], merges: list[Pair]) -> str:
    """The text of some token ids.

    Args:
        ids: token ids, in the order of the text.
        merges: pairs of ids in the order learned; merge number r makes token 256 + r.

    Returns:
        The text. Bytes that are not UTF-8 (half of an emoji, say) become U+FFFD, the replacement character.

    Raises:
        ValueError: an id is not in the vocabulary.
    """
    # Step 1: The bytes of every token: BYTE_TOKENS, then for each merge those of its left and right token.
    tokens = list(BYTE_TOKENS)
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    # Step 2: Refuse an id outside 0 ... len(tokens) - 1 with a ValueError.
    for i in ids:
        if not 0 <= i < len(tokens):
            raise ValueError(f"the id {i} is not in the vocabulary of {len(tokens)} tokens")
    # Step 3: Join the bytes of all tokens, and only then read them as UTF-8, errors replaced.
    return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")


def compression(texts: list[str], encoded: list[list[int]]) -> tuple[float, float]:
    """How well a tokenizer packs some texts.

    Args:
        texts: the texts.
        encoded: the token ids of each.

    Returns:
        Bytes (of UTF-8) per token, and tokens per word (of str.split), each over all texts together.
    """
    # Step 1: Add up the bytes, the words and the tokens of all texts.
    n_bytes = sum(len(text.encode("utf-8")) for text in texts)
    n_words = sum(len(text.split()) for text in texts)
    n_tokens = sum(len(ids) for ids in encoded)
    # Step 2: Divide the sums.
    return n_bytes / n_tokens, n_tokens / n_words


def wordpiece_scores(words: dict[Word, int]) -> dict[Pair, float]:
    """WordPiece's score of each pair of neighbouring tokens.

    Args:
        words: word, as a tuple of token ids -> how often the corpus has it.

    Returns:
        Pair -> count of the pair / (count of its first token * count of its second token).
    """
    # Step 1: Count each token, as often as its word was seen.
    tokens: dict[int, int] = {}
    for word, count in words.items():
        for token in word:
            tokens[token] = tokens.get(token, 0) + count
    # Step 2: Divide the count of each pair by the product of the counts of its two tokens.
    return {(a, b): count / (tokens[a] * tokens[b]) for (a, b), count in count_pairs(words).items()}
