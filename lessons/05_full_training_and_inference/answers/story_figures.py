"""Known answers to `story_figures`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "story_figures",
        "distinct_by_text",
        "Distinct is the mean over the texts. A model that tells the same story ten times would have a perfect figure. "
        "Put all n-grams together first.",
        change=(
            "distinct = len(set(every)) / len(every) if every else math.nan",
            "shares = [len(set(one)) / len(one) for one in grams if one]\n"
            "    distinct = sum(shares) / len(shares) if every else math.nan",
        ),
    ),
    Wrong(
        "story_figures",
        "repetition_over_all",
        "Repetition is counted over all texts together. It asks how much a text repeats itself: each by itself, then "
        "the mean.",
        change=(
            "repeated = [1 - len(set(one)) / len(one) if one else 0.0 for one in grams]",
            "repeated = [1 - distinct if every else 0.0] * len(texts)",
        ),
    ),
    Wrong(
        "story_figures",
        "of_characters",
        "The n-grams are made of characters, and the lengths counted in them. Split the texts into words first.",
        change=("words = [text.split() for text in texts]", "words = [list(text) for text in texts]"),
    ),
    Wrong(
        "story_figures",
        "not_overlapping",
        "The n-grams lie side by side. They overlap: one begins at every word that has n - 1 more after it.",
        change=("range(len(one) - n + 1)]", "range(0, len(one) - n + 1, n)]"),
    ),
    Wrong(
        "story_figures",
        "last_gram_lost",
        "The last n-gram of every text is missing: w words have w - n + 1 of them.",
        change=("range(len(one) - n + 1)]", "range(len(one) - n)]"),
    ),
    Wrong(
        "story_figures",
        "number_not_share",
        "This is the number of different n-grams. Divide by how many there are in all.",
        change=("len(set(every)) / len(every) if every", "float(len(set(every))) if every"),
    ),
    Wrong(
        "story_figures",
        "short_texts_left_out",
        "Texts without an n-gram are left out of the mean of the repetition. They count, with 0.",
        change=(
            ("if one else 0.0 for one in grams]", "for one in grams if one]"),
            ('"repetition": sum(repeated) / len(texts)', '"repetition": sum(repeated) / max(1, len(repeated))'),
        ),
    ),
    Wrong(
        "story_figures",
        "divides_by_nothing",
        "Where there is no n-gram this divides 0 by 0. Say math.nan for distinct there, and 0 for the repetition of a "
        "short text.",
        change=(" if every else math.nan", ""),
    ),
    Wrong(
        "story_figures",
        "glued",
        'The words of an n-gram are glued together: ("a", "bc") and ("ab", "c") become the same. Keep them as a tuple.',
        change=("tuple(one[i : i + n])", '"".join(one[i : i + n])'),
    ),
    Wrong(
        "story_figures",
        "words_made_alike",
        'Signs and capitals are taken off, so "The" and "the" are one word. Here a word is all that stands between '
        "white space, as it is.",
        change=(
            "text.split() for text in texts",
            "[word.strip('.,!?').lower() for word in text.split()] for text in texts",
        ),
    ),
    Wrong(
        "story_figures",
        "split_at_each_space",
        "Two spaces in a row make an empty word, and a new line makes none. `split()` without an argument splits at"
        " any white space.",
        change=("text.split()", "text.split(' ')"),
    ),
    Wrong(
        "story_figures",
        "zero_without_grams",
        "Without any n-gram distinct is 0 here. A share of nothing is no number: say math.nan.",
        change=("if every else math.nan", "if every else 0.0"),
    ),
    Wrong(
        "story_figures",
        "single_words",
        "Single words are counted, whatever n is.",
        change=("[tuple(one[i : i + n]) for i in range(len(one) - n + 1)]", "[(word,) for word in one]"),
    ),
    Wrong(
        "story_figures",
        "seen_once",
        "Counted are the n-grams that occur exactly once. Different ones are meant: one that comes twice is still one.",
        change=("len(set(every)) / len(every)", "sum(every.count(gram) == 1 for gram in set(every)) / len(every)"),
    ),
    Wrong(
        "story_figures",
        "first_one_counted",
        "Repetition counts every n-gram that comes more than once, the first time too. Counted are those that "
        "occurred before.",
        change=("1 - len(set(one)) / len(one)", "sum(one.count(gram) > 1 for gram in one) / len(one)"),
    ),
    Wrong(
        "story_figures",
        "different_words",
        "The length of a text counts each word once. All its words are counted.",
        change=("sum(len(one) for one in words)", "sum(len(set(one)) for one in words)"),
    ),
    Right(
        "story_figures",
        "with_zip",
        code="""
def story_figures(texts, n):
    bags = []
    for text in texts:
        words = text.split()
        bags.append(list(zip(*(words[i:] for i in range(n)))))
    total = sum(map(len, bags))
    kinds = set().union(*bags)
    return {
        "words": sum(len(text.split()) for text in texts) / len(texts),
        "repetition": sum((len(bag) - len(set(bag))) / max(1, len(bag)) for bag in bags) / len(bags),
        "distinct": len(kinds) / total if total else float("nan"),
    }
""",
    ),
    Right(
        "story_figures",
        "with_counters",
        code="""
def story_figures(texts, n):
    from collections import Counter
    together, repetition, length = Counter(), 0.0, 0
    for text in texts:
        words = text.split()
        length += len(words)
        own = Counter(" ".join(words[i : i + n]) for i in range(max(0, len(words) - n + 1)))
        if own:
            repetition += sum(count - 1 for count in own.values()) / sum(own.values())
        together.update(own)
    distinct = len(together) / sum(together.values()) if together else math.nan
    return {"distinct": distinct, "repetition": repetition / len(texts), "words": length / len(texts)}
""",
    ),
    Right(
        "story_figures",
        "sliding_window",
        code="""
def story_figures(texts, n):
    import statistics

    tokenized = [text.split() for text in texts]

    def ngrams(tokens):
        return [" ".join(tokens[i : i + n]) for i in range(max(len(tokens) - n + 1, 0))]

    def seq_rep(tokens):
        grams = ngrams(tokens)
        return 0.0 if not grams else 1.0 - len(set(grams)) / len(grams)

    flat = [gram for tokens in tokenized for gram in ngrams(tokens)]
    return {
        "distinct": len(set(flat)) / len(flat) if len(flat) > 0 else float("nan"),
        "repetition": statistics.fmean(map(seq_rep, tokenized)),
        "words": statistics.fmean(map(len, tokenized)),
    }
""",
    ),
]
