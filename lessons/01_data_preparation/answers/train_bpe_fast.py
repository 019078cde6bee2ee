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
    Wrong(
        "train_bpe_fast",
        "plain_again",
        "At each merge your code goes through the pairs of all words, whether they hold the merged one or not. Note "
        "for each pair the words that hold it, and change the counts for these alone.",
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
    Wrong(
        "train_bpe_fast",
        "merges_in_all_words",
        "The counts are kept, but at each merge every word is walked through to see whether it holds the pair.",
        code="""
def train_bpe_fast(texts, n_merges):
    tally = Counter(byte_ids(word) for text in texts for word in split_words(text))
    words, times = list(tally), list(tally.values())
    counts = Counter(count_pairs(tally))
    merges = []
    while len(merges) < n_merges and (counts := +counts):
        pair = min(counts, key=lambda one: (-counts[one], one))
        merges.append(pair)
        for i, word in enumerate(words):
            merged = merge_pair(word, pair, 255 + len(merges))
            if merged != word:
                for old in pairwise(word):
                    counts[old] -= times[i]
                for new in pairwise(merged):
                    counts[new] += times[i]
                words[i] = merged
    return merges
""",
        synonym_of="plain_again",
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
        "largest_from_a_heap",
        code="""
def train_bpe_fast(texts, n_merges):
    import heapq

    words = [[list(byte_ids(word)), n] for word, n in Counter(w for t in texts for w in split_words(t)).items()]
    counts, holders = Counter(), {}
    for number, (ids, n) in enumerate(words):
        for left, right in zip(ids, ids[1:]):
            counts[left, right] += n
            holders.setdefault((left, right), set()).add(number)
    heap = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < n_merges:
        n, best = heapq.heappop(heap)
        if counts[best] != -n or not n:
            if counts[best] > 0:
                heapq.heappush(heap, (-counts[best], best))
            continue
        new, touched = 256 + len(merges), set()
        merges.append(best)
        for number in holders.pop(best):
            ids, n = words[number]
            i = 0
            while i < len(ids) - 1:
                if (ids[i], ids[i + 1]) == best:
                    if i > 0:
                        counts[ids[i - 1], ids[i]] -= n
                        counts[ids[i - 1], new] += n
                        touched.add((ids[i - 1], new))
                        holders.setdefault((ids[i - 1], new), set()).add(number)
                    if i + 2 < len(ids):
                        counts[ids[i + 1], ids[i + 2]] -= n
                        counts[new, ids[i + 2]] += n
                        touched.add((new, ids[i + 2]))
                        holders.setdefault((new, ids[i + 2]), set()).add(number)
                    counts[best] -= n
                    ids[i : i + 2] = [new]
                i += 1
        for pair in touched:
            heapq.heappush(heap, (-counts[pair], pair))
    return merges
""",
    ),
    Right(
        "train_bpe_fast",
        "counts_that_are_kept",
        code="""
def train_bpe_fast(texts, n_merges):
    tally = Counter(byte_ids(word) for text in texts for word in split_words(text))
    words, times = list(tally), list(tally.values())
    pairs = [set(pairwise(word)) for word in words]
    counts = Counter(count_pairs(tally))
    merges = []
    while len(merges) < n_merges and (counts := +counts):
        best = min(counts.items(), key=lambda item: (-item[1], item[0]))[0]
        merges.append(best)
        for i in [i for i, own in enumerate(pairs) if best in own]:
            counts.subtract({pair: n * times[i] for pair, n in Counter(pairwise(words[i])).items()})
            words[i] = merge_pair(words[i], best, 255 + len(merges))
            counts.update({pair: n * times[i] for pair, n in Counter(pairwise(words[i])).items()})
            pairs[i] = set(pairwise(words[i]))
    return merges
""",
    ),
]
