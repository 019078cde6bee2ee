"""Known answers to `encode_word`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "encode_word",
        "text_order",
        "You merge the leftmost pair that has a merge. The pair that was learned earliest comes first, wherever in "
        "the word it stands; otherwise the model meets tokens that it never saw in training.",
        change=("first = min(known, key=ranks.__getitem__)", "first = known[0]"),
    ),
    Wrong(
        "encode_word",
        "latest_first",
        "You merge the pair with the highest rank. Ranks count from the earliest merge: the lowest comes first.",
        change=("min(known", "max(known"),
    ),
    Wrong(
        "encode_word",
        "one_merge",
        "One merge is made, then the function is done. Look again: a merge makes new pairs, and others may be left.",
        change=(
            "        word = merge_pair(word, first, FIRST_MERGE + ranks[first])",
            "        return merge_pair(word, first, FIRST_MERGE + ranks[first])",
        ),
    ),
    Wrong(
        "encode_word",
        "rank_as_id",
        "The new token gets the rank as its id, but the ids 0 to 255 are bytes. Merge number r makes token 256 + r.",
        change=("FIRST_MERGE + ranks[first]", "ranks[first]"),
    ),
    Wrong(
        "encode_word",
        "first_pairs_only",
        "Only the pairs of the bytes are merged, in the order of their ranks; what the merges themselves make is "
        "not looked at again.",
        code="""
def encode_word(word, merges):
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    known = sorted({pair for pair in zip(word, word[1:]) if pair in ranks}, key=ranks.get)
    for pair in known:
        word = merge_pair(word, pair, 256 + ranks[pair])
    return tuple(word)
""",
    ),
    Wrong(
        "encode_word",
        "longest_match",
        "From the left, you take the longest token that fits. That is another way to cut a word (WordPiece does "
        "it); BPE replays its merges in the order learned.",
        code="""
def encode_word(word, merges):
    tokens = [(i,) for i in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    ids, place = [], 0
    while place < len(word):
        fits = [i for i, token in enumerate(tokens) if word[place : place + len(token)] == token]
        best = max(fits, key=lambda i: len(tokens[i]))
        ids.append(best)
        place += len(tokens[best])
    return tuple(ids)
""",
    ),
    Wrong(
        "encode_word",
        "smallest_ids_first",
        "You merge the pair with the smallest ids. That rule settles ties in training; here the rank decides.",
        change=("first = min(known, key=ranks.__getitem__)", "first = min(known)"),
    ),
    Wrong(
        "encode_word",
        "uses_up_merges",
        "The list of merges is changed, as by merges.pop(0): the next word gets other merges. Go through it and "
        "leave it as it is.",
        code="""
def encode_word(word, merges):
    new_id = 256
    while merges:
        word = merge_pair(word, merges.pop(0), new_id)
        new_id += 1
    return tuple(word)
""",
    ),
    Wrong(
        "encode_word",
        "most_frequent",
        "You merge the pair that stands most often in the word. How often counts in training; here the pair that "
        "was learned earliest comes first.",
        change=("min(known, key=ranks.__getitem__)", "max(known, key=known.count)"),
    ),
    Right(
        "encode_word",
        "every_merge_in_turn",
        code="""
def encode_word(word, merges):
    for rank in range(len(merges)):
        word = merge_pair(word, merges[rank], 256 + rank)
    return tuple(word)
""",
    ),
    Right(
        "encode_word",
        "one_place_at_a_time",
        code="""
def encode_word(word, merges):
    word = list(word)
    while len(word) > 1:
        ranks = [merges.index((a, b)) if (a, b) in merges else len(merges) for a, b in zip(word, word[1:])]
        lowest = min(ranks)
        if lowest == len(merges):
            break
        i = ranks.index(lowest)
        word[i : i + 2] = [256 + lowest]
    return tuple(word)
""",
    ),
    Right(
        "encode_word",
        "as_in_minbpe",
        code="""
def encode_word(word, merges):
    lookup = {pair: 256 + rank for rank, pair in enumerate(merges)}
    ids = word
    while len(ids) >= 2:
        stats = set(zip(ids, ids[1:]))
        pair = min(stats, key=lambda p: lookup.get(p, float("inf")))
        if pair not in lookup:
            break
        ids = merge_pair(ids, pair, lookup[pair])
    return ids
""",
    ),
]
