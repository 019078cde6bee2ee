"""Known answers to `split_corpus`: the given code, wrong ones, explained, and right ones in other styles."""

from storyteller_course import Given, Right, Wrong

answers = [
    Given(
        "split_corpus",
        change=(
            (
                "    stories = [part.strip() for part in raw.split(END_OF_TEXT)]\n",
                '    raw = raw.replace(END_OF_TEXT, "\\n")\n'
                '    stories = [part.strip() for part in raw.split("\\n\\n")]\n',
            ),
            (
                'story.replace("’", "\'") for story in stories',
                'story.replace("", "\'") if "’" in story else story for story in stories',
            ),
        ),
    ),
    Wrong(
        "split_corpus",
        "paragraphs",
        "The file is still cut at blank lines. Between two paragraphs of one story there is a blank line too: the "
        "end mark lands in the middle of stories, and a story may begin in training and end in validation.",
        change=(
            "    stories = [part.strip() for part in raw.split(END_OF_TEXT)]\n",
            '    raw = raw.replace(END_OF_TEXT, "\\n")\n    stories = [part.strip() for part in raw.split("\\n\\n")]\n',
        ),
    ),
    Wrong(
        "split_corpus",
        "lost_apostrophe",
        'replace("", "\'") writes an apostrophe before and after every letter: the empty text is everywhere. The '
        "curly apostrophe that stood there was lost, in an editor that did not know it.",
        change=('story.replace("’", "\'") for story', 'story.replace("", "\'") if "’" in story else story for story'),
    ),
    Wrong(
        "split_corpus",
        "no_apostrophes_at_all",
        "The curly apostrophes stay as they are: the broken line was taken out where it should have been mended.",
        change=('    stories = [story.replace("’", "\'") for story in stories]\n', ""),
    ),
    Wrong(
        "split_corpus",
        "lines",
        "The file is cut at every line break now, so each paragraph is a text of its own. One text is all that stands "
        "before an end mark.",
        change=(
            "raw.split(END_OF_TEXT)]",
            'raw.replace(END_OF_TEXT, "").split("\\n")]',
        ),
    ),
    Wrong(
        "split_corpus",
        "no_end_mark",
        "The texts have lost their end mark. The model will need it to learn where a story is over.",
        change=("story + END_OF_TEXT for story", "story for story"),
    ),
    Wrong(
        "split_corpus",
        "all_quotes_straight",
        "All typographic quotes are made straight. The code mends apostrophes, and leaves every other sign as it is.",
        change=(
            ('story.replace("’", "\'") for story', 'story.translate(str.maketrans("’‘“”", "\'\'\\"\\"")) for story'),
        ),
    ),
    Wrong(
        "split_corpus",
        "drops_repeats",
        "A story that the file has twice is kept once. To leave out copies is another step; here each story of the"
        " file becomes a text.",
        change=(("[story for story in stories if story]", "list(dict.fromkeys(story for story in stories if story))"),),
    ),
    Wrong(
        "split_corpus",
        "validation_first",
        "The two parts are in the wrong order: the training texts come first, then those for validation.",
        code="""
def split_corpus(raw, held_out):
    stories = [part.strip().replace("’", "'") for part in raw.split(END_OF_TEXT) if part.strip()]
    n_train = round(len(stories) * (1 - held_out))
    texts = [story + END_OF_TEXT for story in stories]
    return texts[n_train:], texts[:n_train]
""",
    ),
    Right(
        "split_corpus",
        "line_by_line",
        code="""
def split_corpus(raw, held_out):
    stories, current = [], []
    for line in raw.splitlines():
        if line.strip() == END_OF_TEXT:
            stories.append("\\n".join(current).strip())
            current = []
        else:
            current.append(line)
    stories.append("\\n".join(current).strip())
    texts = [story.translate({ord("’"): "'"}) + END_OF_TEXT for story in stories if story]
    n_validation = len(texts) - round(len(texts) * (1 - held_out))
    return texts[: len(texts) - n_validation], texts[len(texts) - n_validation :]
""",
    ),
    Right(
        "split_corpus",
        "find_the_marks",
        code="""
def split_corpus(raw, held_out):
    texts = []
    while raw.strip():
        story, _, raw = raw.partition(END_OF_TEXT)
        if story.strip():
            texts.append("'".join(story.strip().split("’")) + END_OF_TEXT)
    border = round(len(texts) * (1 - held_out))
    return texts[:border], texts[border:]
""",
    ),
    Right(
        "split_corpus",
        "with_a_pattern",
        code="""
def split_corpus(raw, held_out):
    import re

    pieces = re.split(re.escape(END_OF_TEXT), raw)
    texts = [re.sub("’", "'", piece.strip()) + END_OF_TEXT for piece in pieces if not piece.isspace() and piece]
    n_train = int(round((1.0 - held_out) * len(texts)))
    train, validation = [], []
    for i, text in enumerate(texts):
        (train if i < n_train else validation).append(text)
    return train, validation
""",
    ),
]
