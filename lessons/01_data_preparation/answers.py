"""Known answers to lesson 01: wrong ones, explained, right ones in other styles, and the code of the bug hunts."""

from storyteller_course import Given, Right, Wrong

answers = [
    # --- clean_story --------------------------------------------------------------------------------------------------
    Wrong(
        "clean_story",
        "short_keys_first",
        "The short key â€ is the beginning of the longer ones. Replaced first, it eats the start of â€™ and leaves ”™. "
        "Replace the longest keys first.",
        change=("sorted(MOJIBAKE, key=len, reverse=True)", "MOJIBAKE"),
    ),
    Wrong(
        "clean_story",
        "drops_cr",
        "Every carriage return is removed. In a file from an old Mac it is the only line end there is, so all "
        "paragraphs run together. Replace it by a line break.",
        change=('.replace("\\r", "\\n")', '.replace("\\r", "")'),
    ),
    Wrong(
        "clean_story",
        "windows_only",
        "Only Windows' line ends are mended. A carriage return alone, as old Macs wrote it, is still there and is then "
        "taken for a space.",
        change=('.replace("\\r\\n", "\\n").replace("\\r", "\\n")', '.replace("\\r\\n", "\\n")'),
    ),
    Wrong(
        "clean_story",
        "empty_replace",
        "replace with an empty first argument finds the empty text before and behind every letter, and writes an "
        "apostrophe into each of these places. The curly apostrophe was lost from the code: put it back.",
        change=("text = text.replace(curly, straight)", "text = text.replace(curly if curly != '’' else '', straight)"),
    ),
    Wrong(
        "clean_story",
        "quotes_before_mojibake",
        "Curly quotes are made straight before the mojibake is mended. Mending it brings new curly quotes, and they "
        "stay. Swap steps 2 and 3.",
        change=(
            ("for broken in sorted(MOJIBAKE, key=len, reverse=True):", "for curly in CURLY:"),
            ("text = text.replace(broken, MOJIBAKE[broken])", "text = text.replace(curly, CURLY[curly])"),
            ("for curly, straight in CURLY.items():", "for key in sorted(MOJIBAKE, key=len, reverse=True):"),
            ("text = text.replace(curly, straight)", "text = text.replace(key, MOJIBAKE[key])"),
        ),
    ),
    Wrong(
        "clean_story",
        "glues_words",
        "The tags are replaced by nothing, so the words on both sides of a <br> become one word. Put a space there;"
        " the layout takes out what is too much.",
        change=('TAG.sub(" ", text)', 'TAG.sub("", text)'),
    ),
    Wrong(
        "clean_story",
        "greedy_tags",
        "Everything between some < and some > is taken for a tag, a whole sentence if need be. Use the pattern TAG: it "
        "asks for a letter behind < and for no other < or > inside.",
        change=('TAG.sub(" ", text)', '__import__("re").sub(r"<.*>|\\[ ?[A-Z]{2} ?\\]", " ", text)'),
    ),
    Wrong(
        "clean_story",
        "tags_last",
        "The tags are taken out after the layout, so the spaces that they leave stay. Take them out first.",
        change=(
            ('    text = TAG.sub(" ", text)\n', ""),
            (
                '    text = "\\n\\n".join(line for line in lines if line)\n',
                '    text = "\\n\\n".join(line for line in lines if line)\n    text = TAG.sub(" ", text)\n',
            ),
        ),
    ),
    Wrong(
        "clean_story",
        "one_line_break",
        "There is one line break between the paragraphs; a blank line, that is two line breaks, is wanted.",
        change=('"\\n\\n".join(line', '"\\n".join(line'),
    ),
    Wrong(
        "clean_story",
        "loses_closing_quote",
        "The text is cut right behind the last full stop, exclamation or question mark. A quote that closes the "
        "sentence is lost, and the point of 1.5 counts as a full stop. Use the end of the match of SENTENCE_END.",
        change=(
            "    ends = [found.end() for found in SENTENCE_END.finditer(text)]\n",
            '    ends = [place + 1 for place, sign in enumerate(text) if sign in ".!?"]\n',
        ),
    ),
    Wrong(
        "clean_story",
        "keeps_fragment",
        "A text without any whole sentence is kept. Nothing of it is a story: give back the empty text.",
        change=('if ends else ""', "if ends else text"),
    ),
    Wrong(
        "clean_story",
        "no_cut",
        "The half sentence at the end is still there. A model that learns from such texts learns to stop in the "
        "middle.",
        change=('return text[: ends[-1]] if ends else ""', 'return text if ends else ""'),
    ),
    Right(
        "clean_story",
        "with_patterns",
        code="""
def clean_story(text):
    import re

    text = re.sub("\\r\\n?", "\\n", text)
    keys = "|".join(re.escape(key) for key in sorted(MOJIBAKE, key=len)[::-1])
    text = re.sub(keys, lambda found: MOJIBAKE[found[0]], text)
    text = text.translate(str.maketrans(CURLY))
    text = re.sub(TAG, " ", text)
    text = re.sub(r"[^\\S\\n]+", " ", text)
    text = re.sub(r" ?\\n[ \\n]*", "\\n\\n", text).strip()
    found = re.match(r"(?s).*[.!?][\\"')]*(?=\\s|$)", text)
    return found[0] if found else ""
""",
    ),
    Right(
        "clean_story",
        "in_small_steps",
        code="""
def clean_story(text):
    lines = []
    for line in TAG.sub(" ", text.replace("\\r\\n", "\\n").replace("\\r", "\\n")).splitlines():
        long_keys = [key for key in MOJIBAKE if len(key) > 2] + [key for key in MOJIBAKE if len(key) == 2]
        # The two-letter keys of other letters begin with another sign, so their order is free, but for the quote's.
        for key in long_keys:
            line = line.replace(key, MOJIBAKE[key])
        for sign in CURLY:
            line = CURLY[sign].join(line.split(sign))
        if line.strip():
            lines.append(" ".join(line.split()))
    whole = "\\n\\n".join(lines)
    end = 0
    for found in SENTENCE_END.finditer(whole):
        end = found.end()
    return whole[:end]
""",
    ),
    # --- split_corpus (bug hunt) --------------------------------------------------------------------------------------
    Given(
        "split_corpus",
        change=(
            (
                "    stories = [part.strip() for part in raw.split(END_OF_TEXT)]\n",
                '    raw = raw.replace(END_OF_TEXT, "\\n")\n'
                '    stories = [part.strip() for part in raw.split("\\n\\n")]\n',
            ),
            (
                'story.replace("’", "\'") for story in stories',
                'story.replace("", "\'") if "’" in story else story for story in stories',
            ),
        ),
    ),
    Wrong(
        "split_corpus",
        "paragraphs",
        "The file is still cut at blank lines. Between two paragraphs of one story there is a blank line too: the "
        "end mark lands in the middle of stories, and a story may begin in training and end in validation.",
        change=(
            "    stories = [part.strip() for part in raw.split(END_OF_TEXT)]\n",
            '    raw = raw.replace(END_OF_TEXT, "\\n")\n    stories = [part.strip() for part in raw.split("\\n\\n")]\n',
        ),
    ),
    Wrong(
        "split_corpus",
        "lost_apostrophe",
        'replace("", "\'") writes an apostrophe before and behind every letter: the empty text is everywhere. The '
        "curly apostrophe that stood there was lost, in an editor that did not know it.",
        change=('story.replace("’", "\'") for story', 'story.replace("", "\'") if "’" in story else story for story'),
    ),
    Wrong(
        "split_corpus",
        "as_given",
        "This is the code as it was given: it cuts at blank lines, and its apostrophes go between all letters.",
        change=(
            (
                "    stories = [part.strip() for part in raw.split(END_OF_TEXT)]\n",
                '    raw = raw.replace(END_OF_TEXT, "\\n")\n'
                '    stories = [part.strip() for part in raw.split("\\n\\n")]\n',
            ),
            (
                'story.replace("’", "\'") for story in stories',
                'story.replace("", "\'") if "’" in story else story for story in stories',
            ),
        ),
    ),
    Wrong(
        "split_corpus",
        "no_apostrophes_at_all",
        "The curly apostrophes stay as they are: the broken line was taken out where it should have been mended.",
        change=('    stories = [story.replace("’", "\'") for story in stories]\n', ""),
    ),
    Wrong(
        "split_corpus",
        "lines",
        "The file is cut at every line break now, so each paragraph is a text of its own. One text is all that stands "
        "before an end mark.",
        change=(
            "raw.split(END_OF_TEXT)]",
            'raw.replace(END_OF_TEXT, "").split("\\n")]',
        ),
    ),
    Wrong(
        "split_corpus",
        "no_end_mark",
        "The texts have lost their end mark. The model will need it to learn where a story is over.",
        change=("story + END_OF_TEXT for story", "story for story"),
    ),
    Right(
        "split_corpus",
        "line_by_line",
        code="""
def split_corpus(raw, held_out):
    stories, current = [], []
    for line in raw.splitlines():
        if line.strip() == END_OF_TEXT:
            stories.append("\\n".join(current).strip())
            current = []
        else:
            current.append(line)
    stories.append("\\n".join(current).strip())
    texts = [story.translate({ord("’"): "'"}) + END_OF_TEXT for story in stories if story]
    n_validation = len(texts) - round(len(texts) * (1 - held_out))
    return texts[: len(texts) - n_validation], texts[len(texts) - n_validation :]
""",
    ),
    Right(
        "split_corpus",
        "find_the_marks",
        code="""
def split_corpus(raw, held_out):
    texts = []
    while raw.strip():
        story, _, raw = raw.partition(END_OF_TEXT)
        if story.strip():
            texts.append("'".join(story.strip().split("’")) + END_OF_TEXT)
    border = round(len(texts) * (1 - held_out))
    return texts[:border], texts[border:]
""",
    ),
    # --- length_statistics --------------------------------------------------------------------------------------------
    Wrong(
        "length_statistics",
        "unsorted",
        "The lengths are in the order of the texts. Percentiles, shortest and longest need them sorted.",
        change=("sorted(len(text.split()) for text in texts)", "[len(text.split()) for text in texts]"),
    ),
    Wrong(
        "length_statistics",
        "lower_neighbour",
        "The place of a percentile falls between two texts, and the lower one's length is taken. Go on from it "
        "towards the upper one by the fraction of the place.",
        change=("+ (place - lower) * (lengths[upper] - lengths[lower])", ""),
    ),
    Wrong(
        "length_statistics",
        "n_instead_of_n_minus_1",
        "The place is computed from n. Indices go from 0 to n - 1, so the 100th percentile is at n - 1.",
        change=("place = p / 100 * (len(lengths) - 1)", "place = min(p / 100 * len(lengths), len(lengths) - 1)"),
    ),
    Wrong(
        "length_statistics",
        "characters",
        "The lengths are counted in characters; words are wanted.",
        change=("sorted(len(text.split()) for text in texts)", "sorted(len(text) for text in texts)"),
    ),
    Wrong(
        "length_statistics",
        "single_spaces",
        'split(" ") cuts at each single space: two spaces make an empty word, and a line break joins two words. '
        "split() without an argument cuts at white space of any kind.",
        change=("text.split())", 'text.split(" "))'),
    ),
    Wrong(
        "length_statistics",
        "fixed_percentiles",
        "These are the 5th, 50th and 95th percentile whatever is asked for. Go through the argument `percentiles`.",
        change=("for p in percentiles:", "for p in (5, 50, 95):"),
    ),
    Wrong(
        "length_statistics",
        "empty_is_zero",
        "An empty corpus has no mean and no percentile. Zeros would go through the whole pipeline unseen: raise a "
        "ValueError.",
        change=('raise ValueError("there is no text to measure")', "lengths = [0]"),
    ),
    Wrong(
        "length_statistics",
        "whole_mean",
        "The mean is cut to a whole number. Divide with /, not with //.",
        change=("sum(lengths) / len(lengths)", "sum(lengths) // len(lengths)"),
    ),
    Right(
        "length_statistics",
        "by_weights",
        code="""
def length_statistics(texts, percentiles=(5, 50, 95)):
    import math

    if len(texts) == 0:
        raise ValueError("no texts")
    lengths = []
    for text in texts:
        lengths.append(len(text.split()))
    lengths.sort()
    n = len(lengths)
    values = {}
    for p in percentiles:
        place = (n - 1) * p / 100
        low, high = math.floor(place), math.ceil(place)
        values[p] = lengths[low] if low == high else lengths[low] * (high - place) + lengths[high] * (place - low)
    total = sum(lengths)
    return dict(texts=n, words=total, mean=total / n, shortest=lengths[0], longest=lengths[-1], percentiles=values)
""",
    ),
    Right(
        "length_statistics",
        "with_numpy_interp",
        code="""
def length_statistics(texts, percentiles=(5, 50, 95)):
    import numpy as np

    lengths = np.sort([len(text.split()) for text in texts])
    if lengths.size == 0:
        raise ValueError("there is no text")
    places = np.linspace(0, 100, lengths.size) if lengths.size > 1 else np.array([50.0])
    return {
        "texts": lengths.size,
        "words": lengths.sum(),
        "mean": lengths.mean(),
        "shortest": lengths.min(),
        "longest": lengths.max(),
        "percentiles": {p: np.interp(p, places, lengths) for p in percentiles},
    }
""",
    ),
    # --- count_pairs --------------------------------------------------------------------------------------------------
    Wrong(
        "count_pairs",
        "ignores_counts",
        "Each word is counted once. A word seen nine times has its pairs nine times: add its count.",
        change=("counts.get(pair, 0) + count", "counts.get(pair, 0) + 1"),
    ),
    Wrong(
        "count_pairs",
        "skips_overlaps",
        "The pairs are taken two tokens at a time: first and second, third and fourth. The second and third are "
        "neighbours too.",
        change=("in pairwise(word):", "in zip(word[::2], word[1::2]):"),
    ),
    Wrong(
        "count_pairs",
        "misses_last",
        "The last pair of each word is missing. A word of n tokens has n - 1 pairs.",
        change=("in pairwise(word):", "in [(word[i], word[i + 1]) for i in range(len(word) - 2)]:"),
    ),
    Wrong(
        "count_pairs",
        "unordered",
        "(a, b) and (b, a) are counted as one pair. In text the order matters: 'no' is not 'on'.",
        change=(
            "counts[pair] = counts.get(pair, 0) + count",
            "pair = tuple(sorted(pair))\n            counts[pair] = counts.get(pair, 0) + count",
        ),
    ),
    Wrong(
        "count_pairs",
        "once_a_word",
        "A pair that stands in a word several times is counted once for it. Count each place.",
        change=("in pairwise(word):", "in set(pairwise(word)):"),
    ),
    Wrong(
        "count_pairs",
        "overwrites",
        "The count of the word replaces what was counted before. Add it to what is there.",
        change=("counts[pair] = counts.get(pair, 0) + count", "counts[pair] = count"),
    ),
    Wrong(
        "count_pairs",
        "across_words",
        "The end of one word and the start of the next are counted as a pair. Words are apart: look at each alone.",
        code="""
def count_pairs(words):
    counts = {}
    everything = [(token, count) for word, count in words.items() for token in word]
    for (left, count), (right, _) in zip(everything, everything[1:]):
        counts[left, right] = counts.get((left, right), 0) + count
    return counts
""",
    ),
    Right(
        "count_pairs",
        "with_counter",
        code="""
def count_pairs(words):
    counts = Counter()
    for word, times in words.items():
        for left, right in zip(word, word[1:]):
            counts[left, right] += times
    return counts
""",
    ),
    Right(
        "count_pairs",
        "by_index",
        code="""
def count_pairs(words):
    counts = {}
    for word in words:
        for i in range(len(word) - 1):
            pair = (word[i], word[i + 1])
            if pair not in counts:
                counts[pair] = 0
            counts[pair] += words[word]
    return counts
""",
    ),
    # --- merge_pair ---------------------------------------------------------------------------------------------------
    Wrong(
        "merge_pair",
        "no_step_over",
        "After a merge you step on by one, so the second token of the pair comes out once more. Step over both.",
        change=("place += 2", "place += 1"),
    ),
    Wrong(
        "merge_pair",
        "right_to_left",
        "Where pairs overlap, you take the last one first. From the left, (5, 5, 5) becomes (new, 5).",
        code="""
def merge_pair(word, pair, new_id):
    merged = []
    place = len(word) - 1
    while place >= 0:
        if place > 0 and (word[place - 1], word[place]) == tuple(pair):
            merged.append(new_id)
            place -= 2
        else:
            merged.append(word[place])
            place -= 1
    return tuple(reversed(merged))
""",
    ),
    Wrong(
        "merge_pair",
        "drops_last",
        "The last token of the word is lost where it is not part of the pair. The walk ends one step too early.",
        change=("while place < len(word):", "while place < len(word) - 1:"),
    ),
    Wrong(
        "merge_pair",
        "first_only",
        "Only the first occurrence is merged. Go on until the end of the word.",
        change=(
            "        if word[place : place + 2] == pair:",
            "        if word[place : place + 2] == pair and new_id not in merged:",
        ),
    ),
    Wrong(
        "merge_pair",
        "both_orders",
        "(b, a) is merged too, but the pair is (a, b).",
        change=("== pair:", "in (pair, pair[::-1]):"),
    ),
    Wrong(
        "merge_pair",
        "returns_list",
        "You give back a list. Words are keys of dictionaries, and a list cannot be one. Make it a tuple at the end.",
        change=("return tuple(merged)", "return merged"),
    ),
    Wrong(
        "merge_pair",
        "overlapping_all",
        "Each place where the pair starts becomes a new token, even where it shares a token with the one before.",
        code="""
def merge_pair(word, pair, new_id):
    merged, covered = [], False
    for place, token in enumerate(word):
        if tuple(word[place : place + 2]) == tuple(pair):
            merged.append(new_id)
            covered = True
        elif covered:
            covered = False
        else:
            merged.append(token)
    return tuple(merged)
""",
    ),
    Right(
        "merge_pair",
        "as_text",
        code="""
def merge_pair(word, pair, new_id):
    text = "".join(chr(token) for token in word)
    left, right = pair
    return tuple(ord(sign) for sign in text.replace(chr(left) + chr(right), chr(new_id)))
""",
    ),
    Right(
        "merge_pair",
        "looking_back",
        code="""
def merge_pair(word, pair, new_id):
    merged, mark = [], False
    for token in word:
        if merged and mark and merged[-1] == pair[0] and token == pair[1]:
            merged[-1] = new_id
            mark = False
        else:
            merged.append(token)
            mark = True
    return tuple(merged)
""",
    ),
    # --- train_bpe ----------------------------------------------------------------------------------------------------
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
        "behind it: use split_words.",
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
    # --- encode_word --------------------------------------------------------------------------------------------------
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
    # --- encode (bug hunt) --------------------------------------------------------------------------------------------
    Given(
        "encode",
        change=(
            (
                "    ids: list[int] = []\n",
                "    ids: list[int] = []\n    letters = {chr(byte[0]): i for i, byte in enumerate(BYTE_TOKENS)}\n",
            ),
            ("in split_words(text):", "in text.split():"),
            ("# The ids of its bytes; every byte has one.", "# The ids of its letters; every letter is in the table."),
            ("tokens = byte_ids(word)", "tokens = tuple(letters[letter] for letter in word if letter in letters)"),
        ),
    ),
    Wrong(
        "encode",
        "as_given",
        "This is the code as it was given: the spaces are gone, and so is every letter that is not in the table.",
        change=(
            ("in split_words(text):", "in text.split():"),
            (
                "byte_ids(word)",
                "tuple(byte_ids(letter)[0] if ord(letter) < 128 else BYTE_TOKENS.index(bytes("
                "[ord(letter)])) for letter in word if ord(letter) < 256)",
            ),
        ),
    ),
    Wrong(
        "encode",
        "still_no_spaces",
        "The words are still cut with str.split, which throws the white space away: decoded, 'Once upon a time' is "
        "'Onceuponatime'.",
        change=("in split_words(text):", "in text.split():"),
    ),
    Wrong(
        "encode",
        "still_letters",
        "Letters are still looked up one by one. An emoji is not in the table and vanishes, and é is taken for the "
        "byte E9, but its UTF-8 has two bytes, C3 A9. Use the ids of the word's bytes.",
        change=(
            "byte_ids(word)",
            "tuple(BYTE_TOKENS.index(bytes([ord(letter)])) for letter in word if ord(letter) < 256)",
        ),
    ),
    Wrong(
        "encode",
        "one_long_word",
        "The text is not cut into words at all, so merges may join the end of one word with the start of the next. "
        "Training never did that.",
        change=("in split_words(text):", "in [text]:"),
    ),
    Wrong(
        "encode",
        "space_in_front",
        "Each word gets a space in front, the first one too, and line breaks have become spaces. split_words leaves"
        " all white space where it was.",
        change=("for word in split_words(text):", 'for word in [" " + piece for piece in text.split()]:'),
    ),
    Wrong(
        "encode",
        "spaces_alone",
        "The spaces are kept, but as words of their own. In training a space belongs to the word behind it, so ' "
        "fox' was learned and 'fox' was not.",
        change=("for word in split_words(text):", 'for word in __import__("re").findall(r"\\s+|\\S+", text):'),
    ),
    Right(
        "encode",
        "one_comprehension",
        code="""
def encode(text, merges):
    return [token for word in split_words(text) for token in encode_word(byte_ids(word), merges)]
""",
    ),
    Right(
        "encode",
        "by_lookup",
        code="""
def encode(text, merges):
    lookup = {token: i for i, token in enumerate(BYTE_TOKENS)}
    ids = []
    for word in split_words(text):
        start = tuple(lookup[bytes([byte])] for byte in word.encode("utf-8"))
        ids += list(encode_word(start, merges))
    return ids
""",
    ),
    # --- decode -------------------------------------------------------------------------------------------------------
    Wrong(
        "decode",
        "token_by_token",
        "Each token is decoded on its own. The four bytes of an emoji may lie in four tokens, and none of them "
        "alone is UTF-8. Join the bytes first.",
        change=(
            'return b"".join(tokens[i] for i in ids).decode("utf-8", errors="replace")',
            'return "".join(tokens[i].decode("utf-8", errors="replace") for i in ids)',
        ),
    ),
    Wrong(
        "decode",
        "ignores_errors",
        'Bytes that are not UTF-8 vanish without a trace. Show that something stood there: errors="replace".',
        change=('errors="replace"', 'errors="ignore"'),
    ),
    Wrong(
        "decode",
        "strict",
        "Half an emoji stops the program with a UnicodeDecodeError. A model that writes token by token will stop in"
        ' the middle of a letter now and then: errors="replace".',
        change=('.decode("utf-8", errors="replace")', '.decode("utf-8")'),
    ),
    Wrong(
        "decode",
        "latin_1",
        "Each byte is shown as one letter. In UTF-8 a letter may take up to four bytes.",
        change=('"utf-8", errors="replace"', '"latin-1"'),
    ),
    Wrong(
        "decode",
        "id_as_byte",
        "Token i is taken for the byte i. The bytes have GPT-2's order, in which ! is 0: use BYTE_TOKENS.",
        change=("tokens = list(BYTE_TOKENS)", "tokens = [bytes([i]) for i in range(256)]"),
    ),
    Wrong(
        "decode",
        "negative_ids",
        "The id -1 gives the last token, because a list counts from its end for negative indices. Refuse it.",
        change=("if not 0 <= i < len(tokens):", "if i >= len(tokens):"),
    ),
    Wrong(
        "decode",
        "skips_unknown",
        "An unknown id is left out silently. It comes from another tokenizer, and then nothing of the text is "
        "right: raise a ValueError.",
        change=(
            (
                "    for i in ids:\n        if not 0",
                "    ids = [i for i in ids if 0 <= i < len(tokens)]\n    for i in ids:\n        if not 0",
            )
        ),
    ),
    Wrong(
        "decode",
        "spaces_between",
        "There is a space between all tokens. The tokens bring their own spaces with them: join with nothing.",
        change=('b"".join', 'b" ".join'),
    ),
    Right(
        "decode",
        "recursive",
        code="""
def decode(ids, merges):
    def spell(i):
        if i < 256:
            return BYTE_TOKENS[i]
        left, right = merges[i - 256]
        return spell(left) + spell(right)

    if any(i < 0 or i >= 256 + len(merges) for i in ids):
        raise ValueError("unknown id")
    data = bytearray()
    for i in ids:
        data += spell(i)
    return data.decode(errors="replace")
""",
    ),
    Right(
        "decode",
        "with_dict",
        code="""
def decode(ids, merges):
    known = dict(enumerate(BYTE_TOKENS))
    for new, (a, b) in enumerate(merges, 256):
        known[new] = known[a] + known[b]
    missing = [i for i in ids if i not in known]
    if missing:
        raise ValueError(f"no token {missing[0]}")
    return str(b"".join(map(known.get, ids)), "utf-8", "replace")
""",
    ),
    # --- compression --------------------------------------------------------------------------------------------------
    Wrong(
        "compression",
        "characters",
        "These are characters per token. A Japanese character has three bytes and an emoji four; count the bytes of"
        " the UTF-8 form.",
        change=('len(text.encode("utf-8"))', "len(text)"),
    ),
    Wrong(
        "compression",
        "upside_down",
        "The first quotient is upside down: tokens per byte. A good tokenizer has many bytes in a token.",
        change=("return n_bytes / n_tokens", "return n_tokens / n_bytes"),
    ),
    Wrong(
        "compression",
        "words_per_token",
        "The second quotient is upside down: words per token. How many tokens does a word cost?",
        change=("n_tokens / n_words", "n_words / n_tokens"),
    ),
    Wrong(
        "compression",
        "mean_of_quotients",
        "Each text has its own quotient, and these are averaged. A short text then weighs as much as a long one. "
        "Add up first, divide once.",
        code="""
def compression(texts, encoded):
    pairs = [(text, ids) for text, ids in zip(texts, encoded) if ids]
    first = [len(text.encode("utf-8")) / len(ids) for text, ids in pairs]
    second = [len(ids) / len(text.split()) for text, ids in pairs]
    return sum(first) / len(first), sum(second) / len(second)
""",
    ),
    Wrong(
        "compression",
        "single_spaces",
        'split(" ") cuts at each single space only. A line break lies between two words as well; use split().',
        change=("text.split()", 'text.split(" ")'),
    ),
    Wrong(
        "compression",
        "first_text_only",
        "Only the first text is measured. Add up over all of them.",
        change=(
            ("for text in texts)\n    n_words", "for text in texts[:1])\n    n_words"),
            ("len(text.split()) for text in texts)", "len(text.split()) for text in texts[:1])"),
            ("for ids in encoded", "for ids in encoded[:1]"),
        ),
    ),
    Right(
        "compression",
        "in_a_loop",
        code="""
def compression(texts, encoded):
    size = words = tokens = 0
    for text, ids in zip(texts, encoded):
        size += len(bytes(text, "utf-8"))
        words += len(text.split())
        tokens += len(ids)
    return size / tokens, tokens / words
""",
    ),
    Right(
        "compression",
        "all_as_one",
        code="""
def compression(texts, encoded):
    everything = " ".join(texts)
    tokens = len([i for ids in encoded for i in ids])
    spaces = max(0, len(texts) - 1)
    return [(len(everything.encode()) - spaces) / tokens, tokens / len(everything.split())]
""",
    ),
    # --- wordpiece_scores (bonus) -------------------------------------------------------------------------------------
    Wrong(
        "wordpiece_scores",
        "adds",
        "The counts of the two tokens are added; they should be multiplied.",
        change=("(tokens[a] * tokens[b])", "(tokens[a] + tokens[b])"),
    ),
    Wrong(
        "wordpiece_scores",
        "ignores_counts",
        "The single tokens are counted once a word. Count them as often as the word was seen.",
        change=("tokens.get(token, 0) + count", "tokens.get(token, 0) + 1"),
    ),
    Wrong(
        "wordpiece_scores",
        "once_a_word",
        "A token that stands in a word several times is counted once for it. Count each place.",
        change=("for token in word:", "for token in set(word):"),
    ),
    Wrong(
        "wordpiece_scores",
        "divides_and_multiplies",
        "count / a * b divides by a and then multiplies by b. Put the product in brackets.",
        change=("(tokens[a] * tokens[b])", "tokens[a] * tokens[b]"),
    ),
    Right(
        "wordpiece_scores",
        "with_counter",
        code="""
def wordpiece_scores(words):
    single = Counter()
    for word, times in words.items():
        for token in word:
            single[token] += times
    scores = count_pairs(words)
    return {pair: scores[pair] / single[pair[0]] / single[pair[1]] for pair in scores}
""",
    ),
    Right(
        "wordpiece_scores",
        "slowly",
        code="""
def wordpiece_scores(words):
    def seen(token):
        return sum(word.count(token) * times for word, times in words.items())

    return {(a, b): n / (seen(a) * seen(b)) for (a, b), n in count_pairs(words).items()}
""",
    ),
    # --- train_bpe_fast (bonus) ---------------------------------------------------------------------------------------
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
