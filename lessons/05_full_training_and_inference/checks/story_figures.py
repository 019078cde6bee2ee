"""What `story_figures` must do, case by case."""

import math
import re

from storyteller_course import Exercise, close

story_figures = Exercise(
    "story_figures",
    in_library="storyteller.evaluation.text_metrics.distinct_n",
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
    forbidden=("storyteller.evaluation.text_metrics.distinct_n", "storyteller.evaluation.text_metrics.repetition"),
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
