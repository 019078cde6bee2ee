"""Known answers to `pass_at_k`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "pass_at_k",
        "with_replacement",
        "1 - (1 - c/n)^k draws each of the k stories from all n again, so the same story can come twice. This is too "
        "low on average; choose k different stories.",
        change=("return 1 - bad_ways / ways", "return 1 - (1 - c / n) ** k"),
    ),
    Wrong(
        "pass_at_k",
        "none_good",
        "This is the share of the choices that hold no good story. Take 1 less it.",
        change=("return 1 - bad_ways / ways", "return bad_ways / ways"),
    ),
    Wrong(
        "pass_at_k",
        "good_ways",
        "Choices of good stories alone are counted. One good story among the k is enough.",
        change=(
            ("math.comb(n - c, k)", "math.comb(c, k)"),
            ("return 1 - bad_ways / ways", "return bad_ways / ways"),
        ),
    ),
    Wrong(
        "pass_at_k",
        "expected_number",
        "k times c/n is how many of k stories are good on average, and not how probable it is that one is.",
        change=("return 1 - bad_ways / ways", "return k * c / n"),
    ),
    Right(
        "pass_at_k",
        "product",
        code="""
        def pass_at_k(*, n, c, k):
            none_good = 1.0
            for i in range(k):
                none_good *= max(0, n - c - i) / (n - i)
            return 1 - none_good
        """,
    ),
    Right(
        "pass_at_k",
        "by_factorials",
        code="""
        def pass_at_k(*, n, c, k):
            bad = n - c
            if bad < k:
                return 1.0
            f = math.factorial
            return 1 - f(bad) * f(n - k) / (f(bad - k) * f(n))
        """,
    ),
]
