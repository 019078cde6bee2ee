"""What `wrong_marks` must do, case by case."""

from storyteller_course import Exercise, equal

wrong_marks = Exercise(
    "wrong_marks",
    in_library="storyteller.storyworld.contradictions",
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
