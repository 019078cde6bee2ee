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
        'replace("", "\'") writes an apostrophe before and behind every letter: the empty text is everywhere. The '
        "curly apostrophe that stood there was lost, in an editor that did not know it.",
        change=('story.replace("’", "\'") for story', 'story.replace("", "\'") if "’" in story else story for story'),
    ),
    Wrong(
        "split_corpus",
        "as_given",
        "This is the code as it was given: it cuts at blank lines, and its apostrophes go between all letters.",
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
]
