"""What `compression` must do, case by case."""

from storyteller.tokenizer import byte_ids
from storyteller_course import Exercise, close

from .texts import sentence

compression = Exercise(
    "compression",
    points=7,
    stars=1,
    hints=(
        "Three sums over all texts: bytes, words, tokens. Then two divisions.",
        'The bytes of a text are `text.encode("utf-8")`; `len(text)` counts characters.',
        "Divide the sums and do not average the quotients: a text of one word would weigh as much as a whole book.",
    ),
)


@compression.case("divides bytes by tokens and tokens by words", points=2)
def by_hand(student, draw):
    n = draw.randint(2, 5)
    got = student.compression(["fox " * n + "owl"], [list(range(2 * (n + 1)))])
    close(got, ((4 * n + 3) / (2 * n + 2), 2.0), "bytes per token, tokens per word")


@compression.case("counts bytes, not characters", points=2)
def bytes_count(student, draw):
    text = draw.choice(["Zoë 🦊", "東京 ran", "naïve José"])
    n_bytes = len(list(byte_ids(text)))
    close(student.compression([text], [[1, 2, 3, 4]]), (n_bytes / 4, 2.0), "bytes per token, tokens per word")


@compression.case("takes all texts together", points=2)
def all_texts(student, draw):
    texts = [sentence(draw, 3), sentence(draw, 12), ""]
    encoded = [[0] * draw.randint(8, 12), [0] * draw.randint(14, 20), []]
    n_tokens = len(encoded[0]) + len(encoded[1])
    wanted = (len("".join(texts)) / n_tokens, n_tokens / 15)
    close(student.compression(texts, encoded), wanted, "bytes per token, tokens per word")


@compression.case("takes a word for what stands between white space of any kind", points=1)
def any_white_space(student, draw):
    text = sentence(draw, 4) + "\n\n" + sentence(draw, 4) + "  end."
    close(student.compression([text], [[0] * 18]), (len(text) / 18, 2.0), "bytes per token, tokens per word")
