"""The answers of lesson 01, plain, in its order.

Token ids are those of `storyteller.tokenizer`: 0 to 255 are the bytes in GPT-2's order, 256 + r is what merge r makes.
A merge is a pair of ids, and a list of merges, in the order learned, is all that a tokenizer has to remember.
"""

from collections import Counter
from itertools import pairwise

from storyteller.tokenizer import BYTE_TOKENS, END_OF_TEXT, FIRST_MERGE, byte_ids, split_words
from storyteller_course.lesson_tools.data_preparation import CURLY, MOJIBAKE, SENTENCE_END, TAG, Pair, Word


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
    """How long the texts of a corpus are, in words (pieces between white space).

    Args:
        texts: the texts.
        percentiles: which percentiles to compute, numbers from 0 to 100.

    Returns:
        "texts" (how many), "words" (of all together), "mean", "shortest", "longest", and "percentiles": p -> the
        length below which p per cent of the texts lie, interpolated between the two nearest texts.

    Raises:
        ValueError: there is no text.
    """
    # Step 1: The length of each text in words, in ascending order; without any text raise a ValueError.
    lengths = sorted(len(text.split()) for text in texts)
    if not lengths:
        raise ValueError("there is no text to measure")
    values = {}
    for p in percentiles:
        # Step 2: For each p its place among the sorted lengths, h = p / 100 * (n - 1).
        place = p / 100 * (len(lengths) - 1)
        # Step 3: The value at h: from the length at int(h) go towards the next one by the fraction of h.
        lower = int(place)
        upper = min(lower + 1, len(lengths) - 1)
        values[p] = lengths[lower] + (place - lower) * (lengths[upper] - lengths[lower])
    # Step 4: Return the six values by their names.
    return {
        "texts": len(lengths),
        "words": sum(lengths),
        "mean": sum(lengths) / len(lengths),
        "shortest": lengths[0],
        "longest": lengths[-1],
        "percentiles": values,
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
    """Learn the merges of byte-level BPE.

    Args:
        texts: the texts to learn from. No merge crosses from one word to the next, nor from one text to the next.
        n_merges: how many merges to learn; fewer come back when no pair is left.

    Returns:
        The pairs of token ids that were merged, in the order learned; merge number r makes token 256 + r.
    """
    # Step 1: Count each word (split_words) of the texts, as the tuple of its byte ids (byte_ids).
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    merges: list[Pair] = []
    for new_id in range(FIRST_MERGE, FIRST_MERGE + n_merges):
        # Step 2: Again and again: count the pairs; when there is none, stop.
        counts = count_pairs(words)
        if not counts:
            break
        # Step 3: Choose the pair seen most often; of several, the one with the smallest ids.
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
        # Step 2: Which pairs of neighbours have a rank? When none has, the word is done.
        known = [pair for pair in pairwise(word) if pair in ranks]
        if not known:
            return tuple(word)
        # Step 3: Of these, merge the pair with the lowest rank everywhere in the word; then look again.
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


def train_bpe_fast(texts: list[str], n_merges: int) -> list[Pair]:
    """The same merges as `train_bpe`, with counts that are kept up to date.

    Args:
        texts: the texts to learn from.
        n_merges: how many merges to learn; fewer come back when no pair is left.

    Returns:
        The pairs of token ids that were merged, in the order learned.
    """
    # Step 1: Count the words, count their pairs once, and note for each pair the words that it stands in.
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
        # Step 3: For each word that it stands in, take the word's pairs out of the counts and put the merged word's in.
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
