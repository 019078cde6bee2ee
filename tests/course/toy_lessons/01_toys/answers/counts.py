"""Known answers to `counts`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Wrong

answers = [
    Wrong(
        "counts",
        "only_once",
        "A word seen twice counts twice: add one to what was there.",
        change=("found.get(word, 0) + 1", "1"),
    ),
    Wrong("counts", "misses_last", "The last word is left out.", change=("in words:", "in words[:-1]:")),
    Wrong(
        "counts",
        "empties",
        "Your function empties the list that it is given.",
        change=("    return found", "    words.clear()\n    return found"),
    ),
    Wrong(
        "counts",
        "skips",
        "Words that come again are skipped.",
        synonym_of="only_once",
        code="""
        def counts(words):
            found = {}
            for word in words:
                if word not in found:
                    found[word] = 1
            return found
    """,
    ),
]
