"""What `pretokenize` must do, case by case."""

from itertools import groupby

from storyteller_course import Exercise, equal, true

from .texts import WORDS, sentence, story

pretokenize = Exercise(
    "pretokenize",
    in_library="storyteller.tokenizer.pretokenize.split_words",
    points=14,
    stars=3,
    scaffold="blank",
    hints=(
        "Write one pattern for each kind of piece, join them with `|`, and let `re.findall` do the rest. What you have "
        "forgotten is what is missing when you join the pieces.",
        r"`\w` is letters, digits and the underscore; `\W`, `\D` and `\S` are what `\w`, `\d` and `\s` are not; and "
        r"`[^\W\d]` is what is neither. `x{1,2}` is one or two of x, ` ?` a space or none.",
        r"`\s+(?=y)` is white space that ends where y begins, and y is not part of it. What is y, if the last space is "
        "to go with the word that follows it? Where no y follows, `\\s+` alone takes all.",
    ),
)

ODD = (
    "naïve",
    "Zoë",
    "東京",
    "лиса",
    "don't",
    "well-known",
    "snow_man",
    "“Yes”",
    "🦊",
    "👩‍🚀",
    "x²",
    "…",
    "£5",
    "3rd",
    "٣٤",
)


def kind(char):
    """Digit, letter, space or sign."""
    if char.isdecimal():
        return "digit"
    if char.isspace():
        return "space"
    return "letter" if char.isalnum() else "sign"


def slow_pieces(text):
    """Runs of one kind; digits are cut in twos, letters and signs take one space along."""
    pieces = []
    for what, chars in groupby(text, key=kind):
        run = "".join(chars)
        if what == "digit":
            pieces += [run[at : at + 2] for at in range(0, len(run), 2)]
        elif what != "space" and pieces and pieces[-1].isspace() and pieces[-1].endswith(" "):
            pieces[-1] = pieces[-1][:-1]
            pieces.append(" " + run)
        else:
            pieces.append(run)
    return [piece for piece in pieces if piece]


def mixed(draw, words=9):
    """Words, numbers and signs of many kinds with white space of many kinds between."""
    pieces = [draw.choice([draw.choice(WORDS), draw.choice(ODD), str(draw.randint(0, 99_999))]) for _ in range(words)]
    gaps = [draw.choice([" ", " ", "  ", "\n\n", " \n", "\t", ", ", "!"]) for _ in range(words)]
    return "".join(piece + gap for piece, gap in zip(pieces, gaps, strict=True))


@pretokenize.case("loses nothing: joined, the pieces are the text", points=3)
def lossless(student, draw):
    for text in (story(draw), mixed(draw), " ".join(draw.sample(ODD, 6)), "_ _\u00a0x\r\n", "   ", ""):
        pieces = student.pretokenize(text)
        equal("".join(map(str, pieces)), text, "the pieces, joined")
        true(all(pieces), "One of the pieces is empty.", got=pieces)


@pretokenize.case("keeps words whole, with the one space before them, in any script", points=3)
def words(student, draw):
    text = " ".join([draw.choice(WORDS), "naïve", draw.choice(WORDS), "Zoë", "東京", "лиса", draw.choice(WORDS)])
    equal(student.pretokenize(text), slow_pieces(text), "the pieces")
    text = sentence(draw, 7)
    equal(student.pretokenize(text), slow_pieces(text), "the pieces")


@pretokenize.case("cuts numbers into one or two digits, which take no space along", points=3)
def digits(student, draw):
    for number in (draw.randint(0, 9), draw.randint(10, 99), draw.randint(100, 999), draw.randint(10_000, 99_999)):
        text = f"{draw.choice(WORDS)} {number} {draw.choice(WORDS)}"
        equal(student.pretokenize(text), slow_pieces(text), f"the pieces of {text!r}")


@pretokenize.case("parts words, numbers and signs that touch", points=2)
def touching(student, draw):
    word, number = draw.choice(WORDS), draw.randint(100, 9999)
    for text in (
        f"{word}{number}",
        f"{number}{word}!",
        f"({word}-{word})...",
        f"a_{word}__{number}_",
        f"{number},{number}",
    ):
        equal(student.pretokenize(text), slow_pieces(text), f"the pieces of {text!r}")


@pretokenize.case("leaves the rest of white space together, at the end too", points=3)
def white_space(student, draw):
    word, number = draw.choice(WORDS), draw.randint(1, 99)
    texts = (
        f"{word} ",
        f"{word}  {word}",
        f"{word}\n\n{word}",
        f"{word} \n  {word}",
        f"{word}   {number}",
        f"  {word}\t",
    )
    for text in (*texts, f"{word}   ({word})  \n", "\n\n"):
        equal(student.pretokenize(text), slow_pieces(text), f"the pieces of {text!r}")
