"""What `story_figures` must do, case by case."""

import math
import re

from storyteller_course import Exercise, figures

story_figures = Exercise(
    "story_figures",
    in_library="storyteller.evaluation.text_metrics.distinct_n",
    points=7,
    stars=2,
    scaffold="blank",
    hints=(
        "Take the two texts 'a b a b' and 'a b c' with n = 2 and write their pairs down: ab, ba, ab and ab, bc. How "
        "many pairs are there, how many different ones?",
        "distinct throws the n-grams of all texts into one bag; repetition has a bag for each text and takes the mean "
        "of the shares.",
        "A set of tuples counts different ones. A text of w words has w - n + 1 n-grams, or none: there its "
        "repetition is 0, and without any n-gram at all distinct is math.nan.",
    ),
    forbidden=("storyteller.evaluation.text_metrics.distinct_n", "storyteller.evaluation.text_metrics.repetition"),
)


WORDS = ["the", "fox", "ran", "to", "an", "owl"]  # so few that n-grams come back


def spaced(draw, words):
    """The words with white space of any kind between them, and at both ends."""
    return draw.choice(["", " "]) + "".join(word + draw.choice([" ", "  ", "\n", " \t"]) for word in words)


def some_texts(draw, count=4, least=6):
    """Texts of different lengths, of which the first says something twice."""
    texts = [[draw.choice(WORDS) for _ in range(draw.randint(least, 14))] for _ in range(count)]
    texts[0] += texts[0][:5]
    return [spaced(draw, words) for words in texts]


def alike(draw):
    """Words that are the same only without their signs, their capitals or the space between them."""
    return [spaced(draw, words.split()) for words in ("The the owl. owl The owl", "a bc ab c", "owl, owl the owl.")]


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


def check_figures(student, texts, n, *names):
    figures(student.story_figures(texts, n), counted(texts, n), names)


@story_figures.case("counts different n-grams over all texts together", points=2)
def distinct(student, draw):
    for n in (1, 2, draw.randint(3, 4)):
        check_figures(student, some_texts(draw, draw.randint(2, 5)), n, "distinct")
    for n in (1, 2):
        check_figures(student, alike(draw), n, "distinct")


@story_figures.case("counts repetition in each text by itself", points=2)
def repetitions(student, draw):
    for n in (1, 2, 3):
        check_figures(student, some_texts(draw, draw.randint(2, 5)), n, "repetition")
    check_figures(student, alike(draw), 1, "repetition")


@story_figures.case("gives the mean number of words", points=1)
def n_words(student, draw):
    for texts in (some_texts(draw), [*some_texts(draw, 2), ""]):
        check_figures(student, texts, 2, "words")


@story_figures.case("knows what to say of texts that are too short", points=2)
def short(student, draw):
    texts = [*some_texts(draw, 2), "an owl", ""]
    check_figures(student, texts, 3, "distinct", "repetition")
    check_figures(student, ["an owl", ""], 4, "distinct", "repetition")  # without any n-gram
