"""Known answers of a lesson that exists for the tests only."""

from storyteller_course import Given, Right, Wrong

answers = [
    Wrong("double", "adds_two", "You add two; twice a number is the number `plus itself`.", change=("2 * x", "2 + x")),
    Wrong("double", "squares", "You square the number.", change=("2 * x", "x ** 2")),
    Right("double", "plus", code="def double(x):\n    return x + x"),
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
    Wrong("shout", "whispers", "The text is not in capitals.", change=("text.upper()", "text")),
    Wrong("quadruple", "once", "You double only once.", change=("double(double(x))", "double(x)")),
    Wrong(
        "mask_scores",
        "late_mask",
        "Row 0 sees position 1: the mask comes after the softmax, so rows do not sum to 1.",
        code="""
        def mask_scores(scores):
            weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
            return weights.tril()
    """,
    ),
    Wrong(
        "mask_scores",
        "columns",
        "You divide by the sum over columns.",
        change=("weights.sum(-1, keepdim=True)", "weights.sum(0, keepdim=True)"),
    ),
    Wrong(
        "mask_scores",
        "endless",
        "Your loop never ends.",
        code="""
        def mask_scores(scores):
            while True:
                pass
    """,
    ),
    Wrong("Scale", "no_shift", "The shift is left out.", change=("x * self.factor + self.shift", "x * self.factor")),
    Wrong(
        "count_up",
        "from_next",
        "You count before you yield.",
        change=("yield start\n        start += 1", "start += 1\n        yield start"),
    ),
    Wrong(
        "apply_twice",
        "same_twice",
        "The second call must get what the first one gave.",
        change=("return step(step(x))", "step(x)\n    return step(x)"),
    ),
    Given("clean", change=('" ".join(text.split())', "text.strip()")),
    Wrong(
        "clean", "as_given", "Spaces in the middle are still there.", change=('" ".join(text.split())', "text.strip()")
    ),
]
