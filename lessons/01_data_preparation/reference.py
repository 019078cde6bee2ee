"""The answers of lesson 01, plain, in its order.

Token ids are those of `storyteller.tokenizer`: 0 to 255 are the bytes in GPT-2's order, 256 + r is what merge r makes.
A merge is a pair of ids. A tokenizer is its split pattern, the order of the bytes, the list of merges in the order
learned, and its special tokens.
"""

import re
from collections import Counter
from itertools import pairwise

from storyteller.tokenizer import BYTE_TOKENS, END_OF_TEXT, FIRST_MERGE, byte_ids, split_words
from storyteller_course.lesson_tools.data_preparation import CURLY, MOJIBAKE, SENTENCE_END, TAG, Pair, Word


def clean_story(text: str) -> str:
    """Bring a raw story into the one form that the tokenizer is trained on.

    Args:
        text: a story as it stands in a file.

    Returns:
        The story with straight quotes, without tags, one blank line between paragraphs,
        single spaces between words, and cut back to the end of its last whole sentence.
        A text without any whole sentence becomes "".
    """
    # Goal: every fault is mended, in an order in which no step spoils another's.
    # Step 1: Line ends of Windows and of old Macs become "\n".
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Step 2: Mojibake becomes the character that it was (MOJIBAKE).
    for broken in sorted(MOJIBAKE, key=len, reverse=True):
        text = text.replace(broken, MOJIBAKE[broken])
    # Step 3: Curly quotes become straight ones (CURLY).
    for curly, straight in CURLY.items():
        text = text.replace(curly, straight)
    # Step 4: Tags go (TAG).
    text = TAG.sub(" ", text)
    # Step 5: Layout: single spaces inside a line, one blank line between the lines that are not empty.
    lines = [" ".join(line.split()) for line in text.split("\n")]
    text = "\n\n".join(line for line in lines if line)
    # Step 6: What stands after the last SENTENCE_END goes.
    ends = [found.end() for found in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else ""


def split_corpus(raw: str, held_out: float) -> tuple[list[str], list[str]]:
    """Cut a file of stories into texts to learn from and texts to test with.

    Args:
        raw: the file: stories with a line <|endoftext|> after each.
        held_out: the share of the stories, from the end of the file, that is kept for
            validation.

    Returns:
        The training texts and the validation texts. Each text is one story with
        <|endoftext|> at its end.
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


def percentile(lengths: list[int], p: float) -> float:
    """The length that p per cent of some texts do not exceed, interpolated.

    Args:
        lengths: of the texts, in words, in any order.
        p: from 0, which asks for the shortest, to 100, for the longest.

    Raises:
        ValueError: there is no text.
    """
    # Step 1: Put the lengths in order; without any raise a ValueError.
    if not lengths:
        raise ValueError("there is no text to measure")
    ordered = sorted(lengths)
    # Step 2: Where does p lie between the first index and the last?
    place = p / 100 * (len(ordered) - 1)
    # Step 3: It lies between two indices, as a rule: how far from the one to the other?
    lower = int(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (place - lower) * (ordered[upper] - ordered[lower])


def count_pairs(words: dict[Word, int]) -> dict[Pair, int]:
    """How often each pair of neighbouring tokens stands in the words.

    Args:
        words: word, as a tuple of token ids -> how often the corpus has it.

    Returns:
        Pair of token ids -> count. Pairs that overlap, as in (5, 5, 5), count each.
    """
    counts: dict[Pair, int] = {}
    # Goal: go through the corpus once, and count each pair as often as it stands there.
    # Step 1: For each word and its count ...
    for word, count in words.items():
        # Step 2: ... and for each token with its right-hand neighbour ...
        for pair in pairwise(word):
            # Step 3: ... the pair is seen that many times more.
            counts[pair] = counts.get(pair, 0) + count
    return counts


def merge_pair(word: Word, pair: Pair, new_id: int) -> Word:
    """Join each occurrence of a pair in a word into one token, from left to right.

    Args:
        word: the token ids of a word.
        pair: the two ids to join.
        new_id: the id of the token that they become.

    Returns:
        The word with the pair joined; (5, 5, 5) with (5, 5) becomes (new_id, 5).
    """
    # Goal: one walk over the word, from the left, gives the new word.
    merged: list[int] = []
    place = 0
    # Step 1: Walk over the word, with a place of your own.
    while place < len(word):
        # Step 2: Where the pair starts, take the new token and go on after the pair.
        if word[place : place + 2] == pair:
            merged.append(new_id)
            place += 2
        # Step 3: Anywhere else, keep the token.
        else:
            merged.append(word[place])
            place += 1
    return tuple(merged)


def train_bpe(texts: list[str], n_merges: int) -> list[Pair]:
    """Learn the merges of byte-level BPE.

    Args:
        texts: the texts to learn from. No merge crosses from one word to the next, nor
            from one text to the next.
        n_merges: how many merges to learn; fewer come back when no pair is left.

    Returns:
        The pairs of token ids that were merged, in the order learned; merge number r
        makes token 256 + r.
    """
    # Step 1: Count each word (split_words) of the texts, as the tuple of its byte ids (byte_ids).
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    merges: list[Pair] = []
    for new_id in range(FIRST_MERGE, FIRST_MERGE + n_merges):
        # Step 2: Again and again: count the pairs; when there is none, stop.
        counts = count_pairs(words)
        if not counts:
            break
        # Step 3: Choose the pair, by the rule for ties where several are seen most often.
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        # Step 4: Merge it in every word, the words keeping their counts, and note it down.
        words = {merge_pair(word, best, new_id): count for word, count in words.items()}
        merges.append(best)
    return merges


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
        # Step 2: Which pairs of neighbours have a rank? Where none has, the word is done.
        known = [pair for pair in pairwise(word) if pair in ranks]
        if not known:
            return tuple(word)
        # Step 3: Merge the one that training merged before the others; begin again with step 2.
        first = min(known, key=ranks.__getitem__)
        word = merge_pair(word, first, FIRST_MERGE + ranks[first])


def encode(text: str, merges: list[Pair]) -> list[int]:
    """The token ids of any text.

    Args:
        text: any text at all.
        merges: pairs of ids in the order learned.

    Returns:
        Ids from which `decode` gives back exactly this text.
    """
    ids: list[int] = []
    # Cut the text into words.
    for word in split_words(text):
        # The ids of its bytes; every byte has one.
        tokens = byte_ids(word)
        # Merges never cross from one word to the next.
        ids.extend(encode_word(tokens, merges))
    return ids


def decode(ids: list[int], merges: list[Pair]) -> str:
    """The text of some token ids.

    Args:
        ids: token ids, in the order of the text.
        merges: pairs of ids in the order learned; merge number r makes token 256 + r.

    Returns:
        The text. Bytes that are not UTF-8 (half of an emoji, say) become U+FFFD, the
        replacement character.

    Raises:
        ValueError: an id is not in the vocabulary.
    """
    # Goal: no text that `encode` was given is lost, and no id is misread.
    # Step 1: The bytes of every token: BYTE_TOKENS, then for each merge those of its two tokens.
    tokens = list(BYTE_TOKENS)
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    # Step 2: Refuse ids that are in no vocabulary of this size.
    for i in ids:
        if not 0 <= i < len(tokens):
            raise ValueError(f"the id {i} is not in the vocabulary of {len(tokens)} tokens")
    # Step 3: The bytes of the ids, read as UTF-8, are the text.
    return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")


def pretokenize(text: str) -> list[str]:
    """Cut a text into the pieces that no merge crosses; joined, they are the text.

    Args:
        text: any text at all.

    Returns:
        Pieces of four kinds, each as long as it can be: letters, with the one space
        before them if there is one; one or two digits, without a space; other signs,
        with the one space before them if there is one; the white space that is left.
    """
    # Step 1: A pattern for letters and one for digits.
    letters, digits = r" ?[^\W\d_]+", r"\d{1,2}"
    # Step 2: Signs are what is neither letter, digit nor white space.
    signs = r" ?(?:[^\w\s]|_)+"
    # Step 3: White space leaves the space to the letters or signs that take it along.
    spaces = r"\s+(?= [^\s\d])|\s+"
    # Step 4: Find them all, one after the other.
    return re.findall("|".join((letters, digits, signs, spaces)), text)


def train_bpe_fast(texts: list[str], n_merges: int) -> list[Pair]:
    """The same merges as `train_bpe`, with counts that are kept up to date.

    Args:
        texts: the texts to learn from.
        n_merges: how many merges to learn; fewer come back when no pair is left.

    Returns:
        The pairs of token ids that were merged, in the order learned.
    """
    # Step 1: Count the words and their pairs once, and note in which words each pair stands.
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    counts = Counter(count_pairs(words))
    places: dict[Pair, set[Word]] = {pair: set() for pair in counts}
    for word in words:
        for pair in pairwise(word):
            places[pair].add(word)
    merges: list[Pair] = []
    while counts and len(merges) < n_merges:
        # Step 2: Again and again: choose the best pair as before.
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        # Step 3: In each word that has it, merge it, and bring counts and notes up to date.
        for word in places[best].copy():
            count, merged = words.pop(word), merge_pair(word, best, FIRST_MERGE + len(merges))
            for pair in pairwise(word):
                counts[pair] -= count
                places[pair].discard(word)
            words[merged] = count
            for pair in pairwise(merged):
                counts[pair] += count
                places.setdefault(pair, set()).add(merged)
        # Step 4: Forget the pairs that have gone, and note the merge down.
        counts = +counts
        merges.append(best)
    return merges
