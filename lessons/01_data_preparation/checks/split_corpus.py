"""What `split_corpus` must do, case by case."""

from storyteller.tokenizer import END_OF_TEXT
from storyteller_course import Exercise, equal, true

from .texts import WORDS, sentence, story

split_corpus = Exercise(
    "split_corpus",
    in_library="storyteller.corpus.local_files.read_path",
    points=7,
    stars=1,
    bug_hunt=True,
    hints=(
        "Run it on a file with two stories of two paragraphs each and look at what comes back, with `repr`. How "
        "many texts are there, and how many should there be?",
        "What tells two stories apart in the file, and what only tells two paragraphs apart? And what does "
        '`"Tom".replace("", "-")` give?',
        "Cut the file at `END_OF_TEXT` instead of removing it first. The first argument of `replace` has lost its "
        "curly apostrophe: put it back.",
    ),
)


def corpus_file(draw, n_stories, paragraphs):
    """A file of stories with end marks, and the stories."""
    stories = [story(draw, paragraphs) for _ in range(n_stories)]
    return "".join(f"{text}\n{END_OF_TEXT}\n" for text in stories), [text + END_OF_TEXT for text in stories]


@split_corpus.case("keeps the paragraphs of a story together", points=3)
def whole_stories(student, draw):
    close_set = "\n".join([sentence(draw), sentence(draw)])  # a story without blank lines
    equal(student.split_corpus(f"{close_set}\n{END_OF_TEXT}\n", 0.0), ([close_set + END_OF_TEXT], []), "the texts")
    raw, texts = corpus_file(draw, 4, paragraphs=3)
    equal(student.split_corpus(raw, 0.25), (texts[:3], texts[3:]), "training and validation texts")
    twice = texts + texts  # the same stories once more
    equal(student.split_corpus(raw + raw, 0.5), (twice[:4], twice[4:]), "the texts of a file that has each story twice")


@split_corpus.case("leaves no story with one foot in training and one in validation", points=2)
def no_straddling(student, draw):
    raw, texts = corpus_file(draw, 5, paragraphs=2)
    train, validation = student.split_corpus(raw, 0.4)
    home = {paragraph: i for i, text in enumerate(texts) for paragraph in text.removesuffix(END_OF_TEXT).split("\n\n")}
    sides = [
        {home.get(part) for text in side for part in text.removesuffix(END_OF_TEXT).split("\n\n")}
        for side in (train, validation)
    ]
    both = sorted(i for i in sides[0] & sides[1] if i is not None)
    true(not both, f"Story {both[0] + 1 if both else 0} of the file is partly in training and partly in validation.")
    equal([len(train), len(validation)], [3, 2], "the numbers of training and validation texts")


@split_corpus.case("makes apostrophes straight and changes nothing else", points=2)
def apostrophes(student, draw):
    texts = [f"{draw.choice(WORDS)}’s {sentence(draw)}" for _ in range(2)]
    raw = "".join(f"{text}\n{END_OF_TEXT}\n" for text in texts)
    wanted = [text.replace("’", "'") + END_OF_TEXT for text in texts]
    equal(student.split_corpus(raw, 0.5), (wanted[:1], wanted[1:]), "training and validation texts")
    kept = f"“Zoé — {sentence(draw)}” said ‘{draw.choice(WORDS)}…"
    got = student.split_corpus(f"{kept}\n{END_OF_TEXT}\n", 0.0)
    equal(got, ([kept + END_OF_TEXT], []), "a text with other signs than the apostrophe")


@split_corpus.case("still divides stories of one paragraph", points=0)
def one_paragraph(student, draw):
    raw, texts = corpus_file(draw, 10, paragraphs=1)
    equal(student.split_corpus(raw, 0.2), (texts[:8], texts[8:]), "training and validation texts")
    equal(student.split_corpus(raw, 0.0), (texts, []), "the texts with nothing held out")


@split_corpus.case("still leaves out empty stories", points=0)
def empty_stories(student, draw):
    text = sentence(draw)
    raw = f"{END_OF_TEXT}\n  {text}\n{END_OF_TEXT}\n\n{END_OF_TEXT}\n"
    equal(student.split_corpus(raw, 0.0), ([text + END_OF_TEXT], []), "training and validation texts")
