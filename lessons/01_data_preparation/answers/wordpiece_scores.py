"""Known answers to `wordpiece_scores`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
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
]
