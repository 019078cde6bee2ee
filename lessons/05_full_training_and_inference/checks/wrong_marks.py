"""What `wrong_marks` must do, case by case."""

from storyteller_course import Exercise, equal

wrong_marks = Exercise(
    "wrong_marks",
    in_library="storyteller.storyworld.contradictions",
    points=7,
    stars=2,
    scaffold="blank",
    hints=(
        "Read 'The kite flew. Mia took the blue kite.' with the fact that the kite is red. Which three neighbouring "
        "words give the contradiction away?",
        "Clean the words first: str.strip takes the characters that it may cut from both ends. Then look at each word "
        "together with the next two.",
        "Four conditions must hold: a certain thing, a noun of the facts, a word that can be a mark, and not the mark "
        "of this noun. zip of three slices gives the neighbours.",
    ),
)
WORDS = ("red", "blue", "green", "wooden", "tiny", "old", "good", "lost")  # five of them are marks
NOUNS = ("kite", "drum", "boat", "scarf")


class World:
    """Which words are marks, and two or three things, each with its own."""

    def __init__(self, draw):
        words = draw.sample(WORDS, len(WORDS))
        self.marks, self.no_marks = words[:5], words[5:]
        nouns = draw.sample(NOUNS, draw.randint(2, 3))
        self.things = dict(zip(nouns, draw.sample(self.marks, len(nouns)), strict=True))

    def wrong_mark(self, draw, noun, *, of_none=False):
        """A mark that the thing does not have; with `of_none` one that no thing has."""
        others = self.things.values() if of_none else [self.things[noun]]
        return draw.choice([mark for mark in self.marks if mark not in others])


def said(draw, noun, mark, before):
    """A sentence with "before mark noun" in it."""
    return draw.choice(["Then {} was gone.", "So Mia looked for {}.", "Everybody saw {}, and laughed."]).format(
        f"{before} {mark} {noun}"
    )


def story_of(draw, world, kinds):
    """Sentences of these kinds, and the contradictions in them."""
    sentences, found = [], []
    for kind in kinds:
        noun = draw.choice(sorted(world.things))
        own, other = world.things[noun], world.wrong_mark(draw, noun, of_none=kind == "wrong" and not found)
        if kind == "wrong":
            sentences.append(said(draw, noun, other, draw.choice(["the", "Tom's", "the owl's"])))
            found.append((noun, other))
        elif kind == "right":
            sentences.append(said(draw, noun, own, draw.choice(["the", "Tom's"])))
        elif kind == "another":
            sentences.append(said(draw, noun, other, draw.choice(["a", "one", "no", "another"])))
        elif kind == "no mark":
            sentences.append(said(draw, noun, draw.choice(world.no_marks), "the"))
        elif kind == "apart":
            sentences.append(f"The {other} sky was bright, and {draw.choice(['the', 'her'])} {noun} flew.")
        elif kind == "longer":
            sentences.append(said(draw, f"{noun}s", other, "the") + f" She saw the {other} {noun}-maker.")
        else:
            sentences.append(said(draw, "window", draw.choice(world.marks), "the"))
    return " ".join(sentences), found


def check_story(student, draw, kinds):
    world = World(draw)
    draw.shuffle(kinds)
    text, found = story_of(draw, world, kinds)
    equal(student.wrong_marks(text, world.things, world.marks), found, f"the contradictions in {text!r}")


@wrong_marks.case("finds every wrong mark of a certain thing, in order", points=3)
def finds(student, draw):
    for _ in range(2):
        check_story(student, draw, ["wrong", "right", "wrong", "unknown", "wrong", "right"])


@wrong_marks.case("says nothing where the text can be meant otherwise", points=2)
def stays_silent(student, draw):
    for _ in range(2):
        kinds = ["another", "no mark", "apart", "another", "unknown", "wrong", "no mark", "apart", "longer"]
        check_story(student, draw, kinds)
    world = World(draw)
    equal(student.wrong_marks("", world.things, world.marks), [], "the contradictions in an empty text")


@wrong_marks.case("minds neither capitals nor the signs around a word", points=2)
def signs(student, draw):
    for _ in range(2):
        world = World(draw)
        noun = draw.choice(sorted(world.things))
        other = world.wrong_mark(draw, noun)
        text = (
            f'"The {other.capitalize()} {noun}!" cried Tom. "Not the {other} {noun}?" He meant Mia\'s {other} {noun}: '
            f"hers, the {other} {noun}; THE {other.upper()} {noun.upper()}."
        )
        equal(student.wrong_marks(text, world.things, world.marks), [(noun, other)] * 5,
              f"the contradictions in {text!r}")  # fmt: skip
