"""Known answers to `train_bpe_fast`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "train_bpe_fast",
        "forgets_old_pairs",
        "The pairs of the old word stay in the counts, so pairs that have gone are merged again. Take them out.",
        change=("                counts[pair] -= count\n", ""),
    ),
    Wrong(
        "train_bpe_fast",
        "forgets_new_pairs",
        "The pairs of the merged word are not counted, so no merge builds on an earlier one. Put them in.",
        change=("                counts[pair] += count\n", ""),
    ),
    Wrong(
        "train_bpe_fast",
        "forgets_new_places",
        "The new pairs are counted, but it is not noted which words hold them; when their turn comes, no word changes.",
        change=("                places.setdefault(pair, set()).add(merged)\n", ""),
    ),
    Wrong(
        "train_bpe_fast",
        "once_a_word",
        "A pair that stands in a word twice is taken out once. Take it out for each of its places.",
        change=(
            "            for pair in pairwise(word):\n                counts[pair] -= count",
            "            for pair in set(pairwise(word)):\n                counts[pair] -= count",
        ),
    ),
    Wrong(
        "train_bpe_fast",
        "ties_first_seen",
        "Of pairs seen equally often you take the one that was counted first; the smallest ids are wanted.",
        change=("min(counts, key=lambda pair: (-counts[pair], pair))", "max(counts, key=counts.get)"),
    ),
    Wrong(
        "train_bpe_fast",
        "keeps_zeros",
        "Pairs whose count has fallen to 0 stay in the counts and are merged when nothing else is left. Drop them.",
        change=("        counts = +counts\n", ""),
    ),
    Right(
        "train_bpe_fast",
        "by_number",
        code="""
def train_bpe_fast(texts, n_merges):
    tally = Counter(byte_ids(word) for text in texts for word in split_words(text))
    words, times = list(tally), list(tally.values())
    counts, where = Counter(), {}
    for i, word in enumerate(words):
        for pair in zip(word, word[1:]):
            counts[pair] += times[i]
            where.setdefault(pair, set()).add(i)
    merges = []
    while len(merges) < n_merges:
        left = [(-n, pair) for pair, n in counts.items() if n > 0]
        if not left:
            break
        pair = min(left)[1]
        for i in list(where[pair]):
            for old in zip(words[i], words[i][1:]):
                counts[old] -= times[i]
                where[old].discard(i)
            words[i] = merge_pair(words[i], pair, 256 + len(merges))
            for new in zip(words[i], words[i][1:]):
                counts[new] += times[i]
                where.setdefault(new, set()).add(i)
        merges.append(pair)
    return merges
""",
    ),
    Right(
        "train_bpe_fast",
        "plain_again",
        code="""
def train_bpe_fast(texts, n_merges):
    words = Counter(byte_ids(word) for text in texts for word in split_words(text))
    merges = []
    while len(merges) < n_merges and (counts := count_pairs(words)):
        merges.append(min((-count, pair) for pair, count in counts.items())[1])
        words = {merge_pair(word, merges[-1], 255 + len(merges)): n for word, n in words.items()}
    return merges
""",
    ),
]
