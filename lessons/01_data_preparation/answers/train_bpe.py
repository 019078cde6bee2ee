"""Known answers to `train_bpe`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "train_bpe",
        "ties_first_seen",
        "Of pairs seen equally often you take the one that came first in the dictionary, that is in the texts. The "
        "same stories in another order would give another tokenizer. Take the smallest ids.",
        change=("min(counts, key=lambda pair: (-counts[pair], pair))", "max(counts, key=counts.get)"),
    ),
    Wrong(
        "train_bpe",
        "ties_largest",
        "Of pairs seen equally often you take the one with the largest ids; the smallest are wanted.",
        change=(
            "min(counts, key=lambda pair: (-counts[pair], pair))",
            "max(counts, key=lambda pair: (counts[pair], pair))",
        ),
    ),
    Wrong(
        "train_bpe",
        "joins_texts",
        "The texts are joined before they are cut into words, so the last word of one runs into the first of the next. "
        "Cut each text alone.",
        change=(
            "for text in texts for word in split_words(text)",
            'for word in split_words("".join(texts))',
        ),
    ),
    Wrong(
        "train_bpe",
        "counts_once",
        "Each different word counts once, however often the texts have it. Count the words.",
        code="""
def train_bpe(texts, n_merges):
    words = {byte_ids(word): 1 for text in texts for word in split_words(text)}
    merges = []
    for new_id in range(256, 256 + n_merges):
        counts = count_pairs(words)
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = {merge_pair(word, best, new_id): count for word, count in words.items()}
        merges.append(best)
    return merges
""",
    ),
    Wrong(
        "train_bpe",
        "no_recount",
        "The pairs are counted once, at the start. Each merge makes new pairs and takes others away: count anew.",
        code="""
def train_bpe(texts, n_merges):
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    counts = count_pairs(words)
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:n_merges]
""",
    ),
    Wrong(
        "train_bpe",
        "same_id",
        "Every merge makes the token 256. The first makes 256, the second 257, and so on.",
        change=("merge_pair(word, best, new_id)", "merge_pair(word, best, 256)"),
    ),
    Wrong(
        "train_bpe",
        "ids_from_257",
        "The first merge makes token 257 and not 256. The bytes have the ids 0 to 255, so 256 is the first free one.",
        change=("merge_pair(word, best, new_id)", "merge_pair(word, best, new_id + 1)"),
    ),
    Wrong(
        "train_bpe",
        "crosses_words",
        "Merges cross from word to word: the texts were not cut with split_words, so each text is one long word.",
        change=("for word in split_words(text)", "for word in [text]"),
    ),
    Wrong(
        "train_bpe",
        "loses_spaces",
        "The words are cut with str.split, which drops the spaces. In byte-level BPE a space belongs to the word "
        "that follows it: use split_words.",
        change=("split_words(text)", "text.split()"),
    ),
    Wrong(
        "train_bpe",
        "code_points",
        "The words are made of the letters' code points, not of the ids of their bytes. Use byte_ids.",
        change=("byte_ids(word) for text", "tuple(map(ord, word)) for text"),
    ),
    Wrong(
        "train_bpe",
        "empty_crash",
        "When every word is a single token there is no pair left, and min of nothing fails. Stop there.",
        change=("        if not counts:\n            break\n", ""),
    ),
    Wrong(
        "train_bpe",
        "stops_at_singles",
        "Pairs seen once are not merged. That can be a sensible choice, but here merges go on until none is left.",
        change=("if not counts:", "if not counts or max(counts.values()) < 2:"),
    ),
    Wrong(
        "train_bpe",
        "lower_cased",
        "Your words are in small letters. Mia and mia are different bytes, and a text must come back as it was: "
        "leave the letters as they are.",
        change=("split_words(text))", "split_words(text.lower()))"),
    ),
    Wrong(
        "train_bpe",
        "ties_by_sum",
        "Of pairs seen equally often you take the one with the smallest sum of ids. Pairs are compared id by id, "
        "the left one first, as Python compares tuples.",
        change=("(-counts[pair], pair)", "(-counts[pair], sum(pair))"),
    ),
    Right(
        "train_bpe",
        "sorts_candidates",
        code="""
def train_bpe(texts, n_merges):
    seen = {}
    for text in texts:
        for word in split_words(text):
            ids = byte_ids(word)
            seen[ids] = seen.get(ids, 0) + 1
    merges = []
    while len(merges) < n_merges:
        counts = count_pairs(seen)
        if len(counts) == 0:
            return merges
        most = max(counts.values())
        pair = sorted(pair for pair in counts if counts[pair] == most)[0]
        updated = {}
        for ids, times in seen.items():
            updated[merge_pair(ids, pair, 256 + len(merges))] = times
        seen = updated
        merges.append(pair)
    return merges
""",
    ),
    Right(
        "train_bpe",
        "without_helpers",
        code="""
def train_bpe(texts, n_merges):
    words = [["".join(map(chr, byte_ids(word))), 1] for text in texts for word in split_words(text)]
    merges = []
    for new in range(256, 256 + n_merges):
        counts = Counter()
        for word, count in words:
            for i in range(len(word) - 1):
                counts[word[i : i + 2]] += count
        if not counts:
            break
        pair = max(counts, key=lambda p: (counts[p], -ord(p[0]), -ord(p[1])))
        for entry in words:
            entry[0] = entry[0].replace(pair, chr(new))
        merges.append((ord(pair[0]), ord(pair[1])))
    return merges
""",
    ),
    Right(
        "train_bpe",
        "with_most_common",
        code="""
def train_bpe(texts, n_merges):
    vocab = Counter()
    for text in texts:
        vocab.update(byte_ids(word) for word in split_words(text))
    merges = []
    for i in range(n_merges):
        stats = count_pairs(vocab)
        if not stats:
            break
        top_count = Counter(stats).most_common(1)[0][1]
        pair = min(pair for pair, count in stats.items() if count == top_count)
        merged = Counter()
        for word, count in vocab.items():
            merged[merge_pair(word, pair, 256 + i)] += count
        vocab = merged
        merges.append(pair)
    return merges
""",
    ),
]
