"""Known answers to `best_size`: wrong ones, explained, and right ones in other styles."""

from storyteller_course import Right, Wrong

answers = [
    Wrong(
        "best_size",
        "no_six",
        "The budget is taken for the product of parameters and tokens. Each token costs six operations for every "
        "parameter, so the product is a sixth of it.",
        change=("product = budget / 6", "product = budget"),
    ),
    Wrong(
        "best_size",
        "exponents_swapped",
        "The exponents of the two terms are exchanged: alpha belongs to the parameters, beta to the tokens.",
        change=('a, b = law["alpha"], law["beta"]', 'a, b = law["beta"], law["alpha"]'),
    ),
    Wrong(
        "best_size",
        "terms_equal",
        "This is where the two terms of the law are equally large. The loss is lowest where their slopes cancel: "
        "alpha times one equals beta times the other.",
        code="""
def best_size(law, budget):
    product, a, b = budget / 6, law["alpha"], law["beta"]
    parameters = (law["A"] / law["B"] * product**b) ** (1 / (a + b))
    return parameters, product / parameters
""",
    ),
    Wrong(
        "best_size",
        "as_many_of_each",
        "There are as many parameters as tokens. That spends the budget, and no law asks for it.",
        code="""
def best_size(law, budget):
    parameters = (budget / 6) ** 0.5
    return parameters, budget / 6 / parameters
""",
    ),
    Wrong(
        "best_size",
        "twenty_tokens",
        "There are 20 tokens for every parameter. That is what came out for the models of Hoffmann and others; another "
        "law has another ratio, and here it moves with the budget.",
        code="""
def best_size(law, budget):
    parameters = (budget / 6 / 20) ** 0.5
    return parameters, 20 * parameters
""",
    ),
    Wrong(
        "best_size",
        "tokens_first",
        "The tokens come first and the parameters second. It is the other way round.",
        change=("return parameters, product / parameters", "return product / parameters, parameters"),
    ),
    Wrong(
        "best_size",
        "few_sizes",
        "Only sizes from ten thousand to a hundred billion are tried. The best one may be smaller or larger.",
        code="""
def best_size(law, budget):
    sizes = [1e4 * 1.01**i for i in range(1621)]
    def loss(n):
        return law["A"] * n ** -law["alpha"] + law["B"] * (budget / 6 / n) ** -law["beta"]
    n = min(sizes, key=loss)
    return n, budget / 6 / n
""",
    ),
    Wrong(
        "best_size",
        "too_coarse",
        "The sizes that are tried are too far apart: each is twice the one before. A percent or two is near enough.",
        code="""
def best_size(law, budget):
    def loss(n):
        return law["A"] * n ** -law["alpha"] + law["B"] * (budget / 6 / n) ** -law["beta"]
    n = min([2.0**i for i in range(5, 50)], key=loss)
    return n, budget / 6 / n
""",
    ),
    Wrong(
        "best_size",
        "tokens_fixed",
        "The tokens do not take the rest of the budget: less than all of it is spent.",
        change=("return parameters, product / parameters", "return parameters, product / parameters / 6"),
    ),
    Right(
        "best_size",
        "a_percent_apart",
        code="""
def best_size(law, budget):
    best = None
    n = 50.0
    while n < 1e14:
        d = budget / (6 * n)
        loss = law["floor"] + law["A"] / n ** law["alpha"] + law["B"] / d ** law["beta"]
        if best is None or loss < best[0]:
            best = (loss, n, d)
        n *= 1.01
    return best[1], best[2]
""",
    ),
    Right(
        "best_size",
        "halving",
        code="""
def best_size(law, budget):
    a, b = law["alpha"], law["beta"]
    low, high = math.log(1e-3), math.log(1e18)
    for _ in range(100):
        n = math.exp((low + high) / 2)
        falls = a * law["A"] * n ** -a > b * law["B"] * (budget / 6 / n) ** -b
        low, high = (math.log(n), high) if falls else (low, math.log(n))
    return n, budget / 6 / n
""",
    ),
    Right(
        "best_size",
        "with_a_tensor",
        code="""
def best_size(law, budget):
    sizes = torch.logspace(0, 16, 20_001, dtype=torch.float64)
    tokens = budget / 6 / sizes
    losses = law["A"] * sizes ** -law["alpha"] + law["B"] * tokens ** -law["beta"]
    best = losses.argmin()
    return sizes[best].item(), tokens[best].item()
""",
    ),
]
