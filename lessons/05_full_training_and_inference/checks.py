"""What the exercises of lesson 05 must do, case by case."""

import math
import re

import torch
import torch.nn.functional as F

from storyteller_course import Exercise, close, equal, true, unchanged

# --- Oracles: other ways to the same results ------------------------------------------------------------------------

INFINITE = math.inf


def scores(draw, rows=3, width=7, scale=2.0):
    """Logits of both signs, no two of a row alike."""
    return draw.tensor(rows, width, dtype="float64", scale=scale)


def kept_only(logits, kept):
    """The logits with minus infinity wherever a token is not among those of its row."""
    result = torch.full_like(logits, -INFINITE)
    for row, tokens in enumerate(kept):
        for token in tokens:
            result[row, token] = logits[row, token]
    return result


def chances(row):
    """The probabilities of one row of logits, as a list."""
    weights = [math.exp(one) for one in row.tolist()]
    return [one / sum(weights) for one in weights]


def likeliest_first(row):
    return sorted(range(len(row)), key=lambda token: -row[token].item())


# --- 1. Temperature ---------------------------------------------------------------------------------------------------

apply_temperature = Exercise(
    "apply_temperature",
    points=7,
    stars=1,
    hints=(
        "Which logits give the probabilities of a token with p = 0.6 and one with p = 0.4 when each is squared and "
        "both are made to sum to 1? Take logarithms.",
        "Raising p to the power 1/T is dividing log p by T. Dividing by 0 does not work, so that case is another "
        "branch: find out which token is the likeliest.",
        "argmax gives the first of several equal highest ones. Start from a tensor full of minus infinity, and put "
        "back one logit in each row with scatter.",
    ),
    forbidden=("storyteller.inference.sampling.apply_temperature",),
)


@apply_temperature.case("raises the probabilities to the power 1/T", points=3)
def sharpened(student, draw):
    logits = scores(draw)
    for temperature in (draw.choice([0.25, 0.5, 0.8]), draw.choice([1.5, 2.0, 4.0])):
        got = student.apply_temperature(logits, temperature)
        equal(tuple(got.shape), (3, 7), "the shape of the result")
        powers = [[p ** (1 / temperature) for p in chances(row)] for row in logits]
        wanted = torch.tensor([[p / sum(row) for p in row] for row in powers], dtype=torch.float64)
        close(torch.softmax(got, -1), wanted, f"the probabilities at temperature {temperature}", rtol=1e-6)
        gap = (logits[0, 0] - logits[0, 1]) / temperature
        close(got[0, 0] - got[0, 1], gap, f"the difference of the first two logits at temperature {temperature}")


@apply_temperature.case("leaves one token in each row at temperature 0", points=3)
def greedy(student, draw):
    logits = scores(draw)
    wanted = [likeliest_first(row)[0] for row in logits]
    got = student.apply_temperature(logits, 0)
    equal(torch.softmax(got, -1).argmax(-1), torch.tensor(wanted), "the likeliest tokens at temperature 0")
    equal(torch.softmax(got, -1), F.one_hot(torch.tensor(wanted), 7).double(), "the probabilities at temperature 0")
    twins = draw.sample(range(7), 3)
    logits[1, twins] = logits[1].max().item() + 1.0
    got = student.apply_temperature(logits, 0.0)
    wanted[1] = min(twins)
    equal(torch.softmax(got, -1), F.one_hot(torch.tensor(wanted), 7).double(),
          "the probabilities at temperature 0, where three tokens are equal")  # fmt: skip


@apply_temperature.case("changes none of its arguments", points=1)
def temperature_copies(student, draw):
    for temperature in (0.5, 0.0):
        student.apply_temperature(scores(draw), temperature)
        unchanged(student)


# --- 2. Top-k ---------------------------------------------------------------------------------------------------------

keep_top_k = Exercise(
    "keep_top_k",
    points=8,
    stars=2,
    hints=(
        "What must a token have to stay? A logit at least as high as a certain one of its row. Which one?",
        "Sort each row, or let torch.topk do it, and keep the dimension of the threshold, (B, 1), so that it is "
        "compared with its own row.",
        "With k no larger than V: the threshold is column k - 1 of the sorted rows. torch.where takes the "
        "logits where they reach it and -math.inf elsewhere.",
    ),
    forbidden=("storyteller.inference.sampling.keep_top_k",),
)


@keep_top_k.case("keeps the k highest of each row and gives the rest minus infinity", points=3)
def highest(student, draw):
    logits, k = scores(draw), draw.randint(2, 5)
    wanted = kept_only(logits, [likeliest_first(row)[:k] for row in logits])
    equal(student.keep_top_k(logits, k), wanted, f"the logits with top_k={k}")
    below = logits - logits.max() - 1  # all of them negative
    equal(student.keep_top_k(below, k), kept_only(below, [likeliest_first(row)[:k] for row in below]),
          f"negative logits with top_k={k}")  # fmt: skip


@keep_top_k.case("keeps all that are equal to the k-th", points=2)
def ties(student, draw):
    logits, k = scores(draw), draw.randint(2, 3)
    kept = []
    for row in logits:
        order = likeliest_first(row)
        row[order[k]] = row[order[k - 1]].clone()
        kept.append(order[: k + 1])
    equal(student.keep_top_k(logits, k), kept_only(logits, kept), f"the logits with top_k={k} and a tie at the k-th")


@keep_top_k.case("keeps everything when k is larger than the vocabulary", points=1)
def more_than_all(student, draw):
    logits = scores(draw)
    for k in (7, 7 + draw.randint(1, 50)):
        equal(student.keep_top_k(logits, k), logits, f"7 logits with top_k={k}")


@keep_top_k.case("changes none of its arguments", points=2)
def top_k_copies(student, draw):
    student.keep_top_k(scores(draw), draw.randint(1, 5))
    unchanged(student)


# --- 3. Bug hunt: top-p -----------------------------------------------------------------------------------------------

keep_top_p = Exercise(
    "keep_top_p",
    points=10,
    stars=3,
    bug_hunt=True,
    hints=(
        "Take one row with the probabilities 0.5, 0.3, 0.2 and top_p = 0.7. Which tokens should be kept, and which "
        "does the code keep? Then take two rows whose likeliest tokens are not the same.",
        "The token with which the sum passes top_p belongs to the set. What should be compared with top_p: the sum "
        "with this token, or the sum before it? And whose columns does the assignment fill?",
        "The sum before a token is cumsum minus its own probability. `scatter(-1, order, mask)` carries a mask from "
        "the sorted order back to the vocabulary, each row by itself.",
    ),
    forbidden=("storyteller.inference.sampling.keep_top_p",),
)


def nucleus(row, top_p):
    """The smallest set: take tokens until they reach top_p."""
    kept, total, p = [], 0.0, chances(row)
    for token in likeliest_first(row):
        kept.append(token)
        total += p[token]
        if total >= top_p:
            break
    return kept


def away_from_the_edges(draw, logits, least=0.15, most=0.95):
    """A top_p that no sum of probabilities of any row comes near to, so that rounding decides nothing."""
    while True:
        top_p = draw.uniform(least, most)
        sums = torch.softmax(logits, -1).sort(-1, descending=True).values.cumsum(-1)
        if (sums - top_p).abs().min() > 1e-3:
            return top_p


@keep_top_p.case("keeps the token with which the sum passes top_p", points=5)
def crossing(student, draw):
    logits = scores(draw, rows=1)
    top_p = away_from_the_edges(draw, logits)
    equal(student.keep_top_p(logits, top_p), kept_only(logits, [nucleus(logits[0], top_p)]),
          f"the logits of one row with top_p={top_p:.3f}")  # fmt: skip
    sure = scores(draw, rows=1)
    best = draw.randrange(7)
    sure[0, best] = sure.max() + 6
    equal(student.keep_top_p(sure, 0.5), kept_only(sure, [[best]]), "a row with one token that is nearly certain")


@keep_top_p.case("takes each row by itself", points=5)
def rows_apart(student, draw):
    logits = scores(draw, rows=4)
    top_p = away_from_the_edges(draw, logits, 0.4, 0.9)
    wanted = kept_only(logits, [nucleus(row, top_p) for row in logits])
    got = student.keep_top_p(logits, top_p)
    equal(got, wanted, f"the logits of four rows with top_p={top_p:.3f}")


@keep_top_p.case("still removes what comes behind, and leaves its argument alone", points=0)
def removes_the_tail(student, draw):
    logits = scores(draw, rows=1)
    top_p = away_from_the_edges(draw, logits)
    got = student.keep_top_p(logits, top_p)
    unchanged(student)
    behind = [token for token in range(7) if token not in nucleus(logits[0], top_p)]
    equal(got[0, behind], torch.full((len(behind),), -INFINITE).double(), "the logits of the tokens behind the set")


# --- 4. Bug hunt: the repetition penalty ------------------------------------------------------------------------------

penalize_repetition = Exercise(
    "penalize_repetition",
    points=8,
    stars=2,
    bug_hunt=True,
    hints=(
        "Give it the logits 2 and -2, both of seen tokens, and a penalty of 2. Which of the two became less likely?",
        "To divide a negative number by 2 makes it larger. And look at the tensor that you passed in, after the call.",
        "Lower the positive logits by dividing, the negative ones by multiplying; torch.where chooses, and makes a new "
        "tensor besides.",
    ),
    forbidden=("storyteller.inference.sampling.penalize_repetition",),
)


def lowered(logits, seen, penalty):
    """One number after the other."""
    result = logits.clone()
    for row, token in seen.nonzero().tolist():
        score = logits[row, token].item()
        result[row, token] = score / penalty if score > 0 else score * penalty
    return result


@penalize_repetition.case("lowers negative logits as well", points=5)
def negative(student, draw):
    logits, seen, penalty = scores(draw), draw.integers(0, 2, 3, 7).bool(), draw.choice([1.2, 1.5, 2.0])
    seen[0, :3], logits[0, :3] = True, -logits[0, :3].abs() - 0.1
    got = student.penalize_repetition(logits, seen, penalty)
    close(got, lowered(logits, seen, penalty), f"the logits with penalty {penalty}")


@penalize_repetition.case("leaves the logits that it was given as they were", points=3)
def penalty_copies(student, draw):
    logits, seen = scores(draw).abs() + 0.1, draw.integers(0, 2, 3, 7).bool()
    seen[1, 2] = True
    student.penalize_repetition(logits, seen, 1.5)
    unchanged(student)


@penalize_repetition.case("still lowers positive logits of seen tokens, and of no others", points=0)
def positive(student, draw):
    logits, seen, penalty = scores(draw).abs() + 0.1, draw.integers(0, 2, 3, 7).bool(), draw.choice([1.2, 2.0])
    got = student.penalize_repetition(logits, seen, penalty)
    close(got, lowered(logits, seen, penalty), f"positive logits with penalty {penalty}")


# --- 5. One draw ------------------------------------------------------------------------------------------------------

choose = Exercise(
    "choose",
    points=13,
    stars=2,
    hints=(
        "Draw the line: the probabilities 0.2, 0.5 and 0.3 side by side, from 0 to 1. Which token does the point 0.6 "
        "hit? How many pieces lie wholly to its left?",
        "Filters first, softmax last. cumsum gives where each piece ends; count the ends that are not beyond "
        "the point, in each row.",
        "`uniform[:, None]` has the shape (B, 1) and can be compared with (B, V). Rounding may leave the last end a "
        "little below 1: multiply the point with it.",
    ),
    forbidden=(
        "storyteller.inference.sampling.sample_inverse_cdf",
        "storyteller.inference.sampling.probabilities",
        "torch.multinomial",
    ),
)


def hit(row, point):
    """Walk along the line until the point is passed."""
    total, p = 0.0, chances(row)
    for token, width in enumerate(p):
        total += width
        if width > 0 and point < total:
            return token
    return max(token for token, width in enumerate(p) if width > 0)


def off_the_ends(draw, logits):
    """A point for each row that is not near the end of a piece."""
    points = []
    ends = torch.softmax(logits, -1).cumsum(-1)
    for row in ends:
        point = draw.random()
        while (row - point).abs().min() < 1e-4:
            point = draw.random()
        points.append(point)
    return torch.tensor(points, dtype=torch.float64)


def nothing_seen(logits):
    return torch.zeros_like(logits, dtype=torch.bool)


@choose.case("takes the token whose piece the point hits", points=4)
def inverse(student, draw):
    logits = scores(draw, rows=20, scale=1.0)
    uniform = off_the_ends(draw, logits)
    wanted = [hit(row, point) for row, point in zip(logits, uniform.tolist(), strict=True)]
    equal(student.choose(logits, nothing_seen(logits), [], uniform), torch.tensor(wanted), "the tokens of 20 rows")


@choose.case("makes probabilities of what the filters have left", points=5)
def filtered(student, draw):
    logits = scores(draw, rows=20, scale=1.0)
    removed = draw.sample(range(7), 4)

    def without(given, seen):
        given = given.clone()
        given[:, removed] = -INFINITE
        return given

    left = without(logits, None)
    uniform = off_the_ends(draw, left)
    uniform[:5] = torch.tensor([0.999, 0.99, 0.98, 0.97, 0.96])
    wanted = [hit(row, point) for row, point in zip(left, uniform.tolist(), strict=True)]
    got = student.choose(logits, nothing_seen(logits), [without], uniform)
    equal(got, torch.tensor(wanted), f"the tokens of 20 rows, of which a filter took {removed}")


@choose.case("applies the filters in their order, each to what the one before it gave, with what was seen", points=2)
def order_of_filters(student, draw):
    logits, seen = scores(draw, rows=6), draw.integers(0, 2, 6, 7).bool()
    given = []

    def halve(values, known):
        given.append((values.clone(), known.clone()))
        return values / 2

    def raise_seen(values, known):
        given.append((values.clone(), known.clone()))
        return values + 1.5 * known

    changed = logits / 2 + 1.5 * seen
    uniform = off_the_ends(draw, changed)
    wanted = [hit(row, point) for row, point in zip(changed, uniform.tolist(), strict=True)]
    got = student.choose(logits, seen, [halve, raise_seen], uniform)
    equal(len(given), 2, "the number of calls of two filters")
    equal([values for values, _ in given], [logits, logits / 2], "the logits that the two filters were given")
    equal([known for _, known in given], [seen, seen], "what the two filters were told was seen")
    equal(got, torch.tensor(wanted), "the tokens of 6 rows")


@choose.case("never takes a token of probability 0, and always takes one", points=2)
def edges(student, draw):
    logits = scores(draw, rows=4)
    for row, gone in zip(logits, ([0, 1], [0], [5, 6], [0, 6]), strict=True):
        row[gone] = -INFINITE
    lowest, highest = torch.zeros(4).double(), torch.full((4,), 1 - 2**-40, dtype=torch.float64)
    equal(student.choose(logits, nothing_seen(logits), [], lowest), torch.tensor([2, 1, 0, 1]), "the tokens at 0")
    got = student.choose(logits, nothing_seen(logits), [], highest)
    equal(got, torch.tensor([6, 6, 4, 5]), "the tokens just below 1")


# --- 6. The loop ------------------------------------------------------------------------------------------------------

generate = Exercise(
    "generate",
    points=16,
    stars=3,
    builds_on=("choose",),
    hints=(
        "Write the loop for one row on paper: read, choose, put it behind, read again. What does the model read in the "
        "third step, when it can read four tokens and the prompt has three?",
        "The model gives logits for every position; the next token is behind the last one. Rows that have ended may go "
        "on being computed, but what they get is kept no longer.",
        "`ids[:, -context:]` are the newest tokens. For each row a flag says whether it still goes on: it falls when "
        "the row gets `stop`, and the loop ends when no flag is up.",
    ),
    forbidden=("storyteller.inference.generate.generate",),
)

TOKENS = 9  # of the check's own model


class Looker:
    """A model of the check's own: its logits depend on every token that it reads, and on how far back each is."""

    def __init__(self, draw):
        self.table = draw.tensor(TOKENS, TOKENS, dtype="float64", scale=1.5)
        self.lengths, self.rows_read = [], 0

    def logits(self, ids):
        """(T,) to (V,): of the last position."""
        return sum(self.table[token] * 0.7**back for back, token in enumerate(reversed(list(ids))))

    def __call__(self, ids):
        """(B, T) to (B, T, V)."""
        self.lengths.append(ids.shape[1])
        self.rows_read += ids.shape[0]
        rows = [[self.logits(row[: end + 1]) for end in range(len(row))] for row in ids.tolist()]
        return torch.stack([torch.stack(row) for row in rows])


def alone(model, prompt, uniform_draws, *, stop, context, penalty=0.0):
    """One row, told by itself; `penalty` is taken from the logits of tokens that it holds."""
    ids, new = list(prompt), []
    for point in uniform_draws:
        logits = model.logits(ids[-context:])
        for token in set(ids):
            logits = logits - penalty * F.one_hot(torch.tensor(token), TOKENS)
        new.append(hit(logits, point))
        ids.append(new[-1])
        if new[-1] == stop:
            break
    return new


def told(draw, *, rows, steps, context, penalty=0.0, wanted=lambda lengths: True):
    """A model, prompts and numbers, a stop token, and the rows that come out; `wanted` holds of their lengths."""
    while True:
        model, prompts = Looker(draw), draw.integers(0, TOKENS, rows, 3)
        uniform_draws = draw.tensor(rows, steps, dtype="float64").abs() % 1
        stop = draw.randrange(TOKENS)
        found = [
            alone(model, prompt, points, stop=stop, context=context, penalty=penalty)
            for prompt, points in zip(prompts.tolist(), uniform_draws.tolist(), strict=True)
        ]
        if wanted([len(row) for row in found]):
            return model, prompts, uniform_draws, stop, found


@generate.case("reads on with each token that it has chosen", points=4)
def reads_on(student, draw):
    model, prompts, uniform_draws, _, _ = told(draw, rows=2, steps=5, context=50)
    got = student.generate(model, prompts, [], uniform_draws, stop=TOKENS, context=50)
    wanted = [
        alone(model, p, u, stop=TOKENS, context=50)
        for p, u in zip(prompts.tolist(), uniform_draws.tolist(), strict=True)
    ]
    equal(got, wanted, "the new tokens of 2 rows")


@generate.case("shows the model its newest tokens, and no more than it can read", points=4)
def cropped(student, draw):
    context = draw.choice([2, 4])
    model, prompts, uniform_draws, _, _ = told(draw, rows=1, steps=7, context=context)
    got = student.generate(model, prompts, [], uniform_draws, stop=TOKENS, context=context)
    true(max(model.lengths) <= context,
         f"The model can read {context} tokens and was shown {max(model.lengths)}.")  # fmt: skip
    wanted = [alone(model, prompts[0].tolist(), uniform_draws[0].tolist(), stop=TOKENS, context=context)]
    equal(got, wanted, f"the new tokens of a row, with a context of {context}")


@generate.case("ends each row at its own stop token", points=4)
def each_ends(student, draw):
    model, prompts, uniform_draws, stop, found = told(
        draw,
        rows=3,
        steps=8,
        context=50,
        wanted=lambda lengths: len(set(lengths)) == 3 and max(lengths) < 8 and min(lengths) < max(lengths) - 1,
    )
    got = student.generate(model, prompts, [], uniform_draws, stop=stop, context=50)
    equal(got, found, f"the new tokens of 3 rows, where {stop} ends a row")


@generate.case("asks the model no more once every row has ended", points=2)
def stops_asking(student, draw):
    model, prompts, uniform_draws, stop, found = told(
        draw, rows=2, steps=9, context=50, wanted=lambda lengths: lengths[0] != lengths[1] and max(lengths) < 7
    )
    student.generate(model, prompts, [], uniform_draws, stop=stop, context=50)
    most = 2 * max(map(len, found))
    true(
        model.rows_read <= most,
        f"The longer row ends after {most // 2} tokens, and the model was asked for {model.rows_read} in 2 rows.",
    )


@generate.case("tells the filters which tokens each row holds, its prompt included", points=2)
def what_was_seen(student, draw):
    model, prompts, uniform_draws, stop, found = told(draw, rows=2, steps=6, context=3, penalty=4.0)
    got = student.generate(
        model, prompts, [lambda logits, seen: logits - 4.0 * seen], uniform_draws, stop=stop, context=3
    )
    equal(got, found, "the new tokens of 2 rows, with a filter that lowers what was seen")


# --- 7. The cache -----------------------------------------------------------------------------------------------------

attend_cached = Exercise(
    "attend_cached",
    points=16,
    stars=3,
    hints=(
        "Read 5 tokens at once; then read 3, and 2 more with the cache. The last 2 outputs must be the same. At which "
        "positions do these 2 stand, and at which keys may each look?",
        "Positions go on: the first new token has the number of remembered ones. Only new keys are turned: the "
        "remembered ones were turned when they came.",
        "With S remembered and T new ones the mask has the shape (T, S + T): new token i may look at the columns up to "
        "S + i. Compare an arange over the columns with one over the new positions.",
    ),
    forbidden=("storyteller.transformer.attention.KVCache",),
)

HEADS, WIDTH, LONGEST = 2, 6, 12


def rotation():
    """cos and sin of every position."""
    speed = torch.tensor([10.0 ** (-2 * i / WIDTH) for i in range(WIDTH // 2)], dtype=torch.float64)
    angle = torch.arange(LONGEST, dtype=torch.float64)[:, None] * speed
    return angle.cos(), angle.sin()


def turned(x):
    """The rotation as a product of complex numbers, from position 0."""
    cos, sin = rotation()
    pairs = torch.complex(x[..., : WIDTH // 2], x[..., WIDTH // 2 :]) * torch.complex(cos, sin)[: x.size(2)]
    return torch.cat((pairs.real, pairs.imag), dim=-1)


def all_at_once(q, k, v):
    return F.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)


def three(draw, length):
    return [draw.tensor(2, HEADS, length, WIDTH, dtype="float64") for _ in range(3)]


def in_pieces(student, qkv, sizes):
    """The outputs of the pieces, one behind the other."""
    cos, sin = rotation()
    cache, start, found = None, 0, []
    for size in sizes:
        piece = [part[:, :, start : start + size] for part in qkv]
        output, cache = student.attend_cached(*piece, cache, cos, sin)
        found.append(output)
        start += size
    return found


def check_pieces(student, draw, sizes):
    qkv = three(draw, sum(sizes))
    wanted, start = all_at_once(*qkv), 0
    for number, output in enumerate(in_pieces(student, qkv, sizes), 1):
        size = sizes[number - 1]
        close(output, wanted[:, :, start : start + size],
              f"the output of call {number}, for {size} new token{'s' * (size > 1)} behind {start}")  # fmt: skip
        start += size


@attend_cached.case("is plain causal attention as long as nothing is remembered", points=3)
def first_call(student, draw):
    check_pieces(student, draw, [draw.randint(3, 6)])


@attend_cached.case("gives a new token what it would get in the whole text", points=5)
def token_by_token(student, draw):
    check_pieces(student, draw, [draw.randint(2, 5), 1, 1, 1])


@attend_cached.case("takes several new tokens behind remembered ones", points=5)
def chunks(student, draw):
    check_pieces(student, draw, [draw.randint(2, 4), draw.randint(2, 3), draw.randint(2, 3)])


@attend_cached.case("leaves its arguments alone, so that a cache can be used twice", points=3)
def cache_twice(student, draw):
    qkv = three(draw, 6)
    cos, sin = rotation()
    start = [part[:, :, :4] for part in qkv]
    _, cache = student.attend_cached(*start, None, cos, sin)
    other = three(draw, 1)
    student.attend_cached(*other, cache, cos, sin)
    unchanged(student)
    output, _ = student.attend_cached(*[part[:, :, 4:] for part in qkv], cache, cos, sin)
    unchanged(student)
    close(output, all_at_once(*qkv)[:, :, 4:], "the output of a second way to go on from the same cache")


# --- 8. How varied are the stories? -----------------------------------------------------------------------------------

story_figures = Exercise(
    "story_figures",
    points=9,
    stars=2,
    hints=(
        "Take the two texts 'a b a b' and 'a b c' with n = 2 and write their pairs down: ab, ba, ab and ab, bc. How "
        "many pairs are there, how many different ones?",
        "distinct throws the n-grams of all texts into one bag; repetition has a bag for each text and takes the mean "
        "of the shares.",
        "A set of tuples counts different ones. A text of w words has w - n + 1 n-grams, or none: there its "
        "repetition is 0, and without any n-gram at all distinct is math.nan.",
    ),
    forbidden=(
        "storyteller.evaluation.text_metrics.distinct_n",
        "storyteller.evaluation.text_metrics.repetition",
    ),
)


def some_texts(draw, count=4, least=6):
    """Texts of few different words, so that n-grams come back."""
    return [
        "".join(draw.choice(["the", "fox", "ran", "to", "an", "owl"]) + draw.choice([" ", "  ", "\n"])
                for _ in range(draw.randint(least, 14)))
        for _ in range(count)
    ]  # fmt: skip


def grams_of(text, n):
    """By a regular expression that looks ahead, as texts."""
    flat = " ".join(text.split())
    return re.findall(r"(?:(?<=\s)|^)(?=(" + r"\s".join([r"\S+"] * n) + r")(?:\s|$))", flat)


def counted(texts, n):
    bags = [grams_of(text, n) for text in texts]
    together = [gram for bag in bags for gram in bag]
    return {
        "distinct": len({*together}) / len(together) if together else math.nan,
        "repetition": sum(sum(gram in bag[:at] for at, gram in enumerate(bag)) / max(1, len(bag)) for bag in bags)
        / len(bags),
        "words": sum(len(grams_of(text, 1)) for text in texts) / len(texts),
    }


@story_figures.case("counts different n-grams over all texts together", points=3)
def distinct(student, draw):
    texts, n = some_texts(draw), draw.randint(1, 3)
    close(student.story_figures(texts, n)["distinct"], counted(texts, n)["distinct"], f"distinct, with n={n}")


@story_figures.case("counts repetition in each text by itself", points=3)
def repetitions(student, draw):
    texts, n = some_texts(draw), draw.randint(1, 2)
    close(student.story_figures(texts, n)["repetition"], counted(texts, n)["repetition"], f"repetition, with n={n}")


@story_figures.case("gives the mean number of words", points=1)
def n_words(student, draw):
    texts = some_texts(draw)
    close(student.story_figures(texts, 2)["words"], counted(texts, 2)["words"], "the mean number of words")


@story_figures.case("knows what to say of texts that are too short", points=2)
def short(student, draw):
    texts = [*some_texts(draw, 2), "an owl", ""]
    close(student.story_figures(texts, 3), counted(texts, 3), "the figures with n=3, of which two texts are too short")
    close(student.story_figures(["an owl", ""], 4), {"distinct": math.nan, "repetition": 0.0, "words": 1.0},
          "the figures of texts without any n-gram")  # fmt: skip


# --- 9. Does the story hold together? ---------------------------------------------------------------------------------

wrong_marks = Exercise(
    "wrong_marks",
    points=7,
    stars=2,
    hints=(
        "Read 'The kite flew. Mia took the blue kite.' with the fact that the kite is red. Which three neighbouring "
        "words give the contradiction away?",
        "Clean the words first: str.strip takes the characters that it may cut from both ends. Then look at each word "
        "together with the next two.",
        "Four conditions must hold: a certain thing, a noun of the facts, a word that can be a mark, and not the mark "
        "of this noun. zip of three slices gives the neighbours.",
    ),
)

MARKS = ("red", "blue", "green", "wooden", "tiny")
NOUNS = ("kite", "drum", "boat", "scarf")


def said(draw, noun, mark, before):
    """A sentence with "before mark noun" in it."""
    return draw.choice(["Then {} was gone.", "So Mia looked for {}.", "Everybody saw {}, and laughed."]).format(
        f"{before} {mark} {noun}"
    )


def story_of(draw, things, kinds):
    """Sentences of these kinds, and the contradictions in them."""
    sentences, found = [], []
    for kind in kinds:
        noun = draw.choice(sorted(things))
        other = draw.choice([mark for mark in MARKS if mark != things[noun]])
        if kind == "wrong":
            sentences.append(said(draw, noun, other, draw.choice(["the", "Tom's"])))
            found.append((noun, other))
        elif kind == "right":
            sentences.append(said(draw, noun, things[noun], draw.choice(["the", "Tom's"])))
        elif kind == "another":
            sentences.append(said(draw, noun, other, draw.choice(["a", "one", "no"])))
        elif kind == "no mark":
            sentences.append(said(draw, noun, draw.choice(["old", "good", "lost"]), "the"))
        elif kind == "apart":
            sentences.append(f"The {other} sky was bright, and {draw.choice(['the', 'her'])} {noun} flew.")
        else:
            sentences.append(said(draw, "window", draw.choice(MARKS), "the"))
    return " ".join(sentences), found


def facts(draw):
    nouns = draw.sample(NOUNS, 2)
    return dict(zip(nouns, draw.sample(MARKS, 2), strict=True))


@wrong_marks.case("finds every wrong mark of a certain thing, in order", points=3)
def finds(student, draw):
    things = facts(draw)
    kinds = ["wrong", "right", "wrong", "unknown", "wrong", "right"]
    draw.shuffle(kinds)
    text, found = story_of(draw, things, kinds)
    equal(student.wrong_marks(text, things, list(MARKS)), found, f"the contradictions in {text!r}")


@wrong_marks.case("says nothing where the text can be meant otherwise", points=2)
def stays_silent(student, draw):
    things = facts(draw)
    kinds = ["another", "no mark", "apart", "another", "unknown", "wrong", "no mark", "apart"]
    draw.shuffle(kinds)
    text, found = story_of(draw, things, kinds)
    equal(student.wrong_marks(text, things, list(MARKS)), found, f"the contradictions in {text!r}")


@wrong_marks.case("minds neither capitals nor the signs around a word", points=2)
def signs(student, draw):
    things = facts(draw)
    noun = draw.choice(sorted(things))
    other = draw.choice([mark for mark in MARKS if mark != things[noun]])
    text = (
        f'"The {other.capitalize()} {noun}!" cried Tom. "Not the {other} {noun}?" He meant Mia\'s {other} {noun}: hers.'
    )
    equal(student.wrong_marks(text, things, list(MARKS)), [(noun, other)] * 3, f"the contradictions in {text!r}")


# --- 10. Which checkpoint? --------------------------------------------------------------------------------------------

best_checkpoint = Exercise(
    "best_checkpoint",
    points=6,
    stars=1,
    hints=(
        "Two corpora: 100 bytes with 100 nats, 900 bytes with 450 nats. The figure of both together is not the mean of "
        "the two figures. Which is it?",
        "Add up all nats, add up all bytes, divide once; log(2) makes bits of nats. Then the name with the lowest.",
        "min over the names, with a key that gives the figure. Every comparison with NaN is false: let the key give "
        "infinity in its place.",
    ),
)


def some_measurements(draw, names):
    return {
        name: [(draw.uniform(50, 90), draw.randint(60, 90)), (draw.uniform(300, 900), draw.randint(500, 900))]
        for name in names
    }


def slow_bits(parts):
    nats, size = 0.0, 0
    for more, length in parts:
        nats, size = nats + more, size + length
    return nats * math.log2(math.e) / size


@best_checkpoint.case("divides all bits by all bytes", points=3)
def all_bits(student, draw):
    measured = some_measurements(draw, ["step-100", "step-200", "step-300"])
    _, got = student.best_checkpoint(measured)
    close(got, {one: slow_bits(corpora) for one, corpora in measured.items()}, "the bits per byte")


@best_checkpoint.case("names the one with the lowest figure, the first of equal ones", points=2)
def lowest(student, draw):
    names = [f"step-{step}" for step in draw.sample(range(100, 900), 4)]
    measured = some_measurements(draw, names)
    low, high = draw.sample(range(4), 2)
    measured[names[low]] = measured[names[high]] = [(draw.uniform(1, 5), 100), (3.0, 40)]
    best, _ = student.best_checkpoint(measured)
    equal(best, names[min(low, high)], f"the best of {names}, of which two are equally good")


@best_checkpoint.case("lets a checkpoint without a figure never win", points=1)
def diverged(student, draw):
    names = [f"step-{step}" for step in (100, 200, 300)]
    for place in range(3):
        measured = some_measurements(draw, names)
        measured[names[place]] = [(math.nan, 80), (300.0, 500)]
        figures = {one: slow_bits(corpora) for one, corpora in measured.items() if one != names[place]}
        best, _ = student.best_checkpoint(measured)
        equal(best, min(figures, key=lambda name: figures[name]), f"the best, where {names[place]} has diverged")


# --- Bonus: min-p -----------------------------------------------------------------------------------------------------

keep_min_p = Exercise(
    "keep_min_p",
    points=5,
    stars=2,
    bonus=True,
    hints=(
        "With min_p = 0.1: in a row whose likeliest token has p = 0.8 a token needs 0.08. What does it need where the "
        "likeliest has 0.05?",
        "The threshold is another one in each row: keep its dimension, (B, 1).",
        "Softmax, amax with keepdim=True, compare, masked_fill. What is given back are logits, not probabilities.",
    ),
    forbidden=("storyteller.inference.sampling.keep_min_p",),
)


def likely_enough(row, min_p):
    p = chances(row)
    return [token for token in range(len(p)) if p[token] / max(p) >= min_p]


@keep_min_p.case("keeps what is likely enough beside the likeliest", points=3)
def beside_the_likeliest(student, draw):
    logits, min_p = scores(draw, rows=1), draw.choice([0.05, 0.1, 0.3])
    equal(student.keep_min_p(logits, min_p), kept_only(logits, [likely_enough(logits[0], min_p)]),
          f"the logits with min_p={min_p}")  # fmt: skip


@keep_min_p.case("has another threshold in each row", points=2)
def each_row(student, draw):
    logits, min_p = scores(draw, rows=4), draw.choice([0.1, 0.2])
    logits[0] /= 10  # all nearly alike: all stay
    logits[1, draw.randrange(7)] += 1.5
    wanted = kept_only(logits, [likely_enough(row, min_p) for row in logits])
    equal(student.keep_min_p(logits, min_p), wanted, f"the logits of four rows with min_p={min_p}")
    unchanged(student)
