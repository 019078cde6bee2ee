"""Text files that people have: how their stories are told apart, and what is said of it."""

import textwrap

import pytest
from tales import TALES, texts, write

from storyteller.corpus.clean import CleaningReport

NAMES = ["Pip", "Ada", "Tom", "Ivy", "Leo", "Mia", "Sam", "Zoe"]
# Stories of three paragraphs, whose second begins as a story might.
PARAGRAPHS = [
    [
        f"Once upon a time there was a fox called {name}, who lived {n} miles from the sea and liked plums very much.",
        f"One day {name} lost all {n} plums in the tall grass, so the fox sat down on a stone and thought for a while.",
        f"A heron found them under the oak. {name} thanked the heron {n} times and they ate the plums together.",
    ]
    for n, name in enumerate(NAMES, start=2)
]
STORIES = ["\n\n".join(paragraphs) for paragraphs in PARAGRAPHS]


def wrapped(paragraphs):
    return "\n\n".join(textwrap.fill(paragraph, 60) for paragraph in paragraphs)


def no_opening(count):
    """Stories of one paragraph that begin in no way that is known."""
    return [f"Fox {n} wanted {n * 7} plums, for he had a party. " + f"He shook {n + 3} trees until they fell. " * 3 for n in range(count)]  # fmt: skip  # noqa: E501


def read(path):
    report = CleaningReport()
    return texts(path, report=report), report


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("\n\n\n".join(STORIES), "told apart by two blank lines or more"),
        ("\n\n***\n\n".join(STORIES), "told apart by lines such as ***"),
        ("\n- - -\n".join(STORIES), "told apart by lines such as ***"),
        ("\n\n".join("\n".join(paragraphs) for paragraphs in PARAGRAPHS), "told apart by blank lines"),
        ("\n\n".join(STORIES), "told apart by how they begin"),
        ("\n".join(STORIES), "taken for one a line"),  # blank lines within, none between, as in old TinyStories
        ("\n\n\n".join(map(wrapped, PARAGRAPHS)), "told apart by two blank lines or more"),
        ("\n\n".join(map(wrapped, PARAGRAPHS)), "told apart by how they begin"),
        ("".join(f"{wrapped(paragraphs)}<|endoftext|>\n" for paragraphs in PARAGRAPHS), "told apart by <|endoftext|>"),
        ("".join(f"{story} <|endoftext|>\n" for story in STORIES), "told apart by <|endoftext|>"),
        ("".join(f"{story}<|endoftext|>" for story in STORIES), "told apart by <|endoftext|>"),
        ("".join(f"<|endoftext|>\n{story}\n" for story in STORIES), "told apart by <|endoftext|>"),
        ("".join(f"<|endoftext|>{story}\n" for story in STORIES), "told apart by <|endoftext|>"),
    ],
)
def test_stories_are_told_apart_by_the_layout_of_the_file(tmp_path, content, how):
    for number, form in enumerate((content, content.replace("\n", "\r\n"))):
        found, report = read(write(tmp_path / f"{number}.txt", form))
        assert found == STORIES
        assert report.sentences[0].startswith(f"{number}.txt: 8 stories read, {how}")


def test_stories_of_one_paragraph_are_parted_by_blank_lines_or_ends_of_lines_however_they_begin(tmp_path):
    stories = [story.strip() for story in no_opening(200)]
    for name, content in (("blank.txt", "\n\n".join(stories)), ("line.txt", "\n".join(stories))):
        assert read(write(tmp_path / name, content))[0] == stories, name


def test_a_story_with_an_opening_behind_a_blank_line_is_a_story_of_its_own(tmp_path):
    assert read(write(tmp_path / "a.txt", f"{STORIES[0]}\n\n{TALES[1]}\n"))[0] == [STORIES[0], TALES[1]]


def test_a_short_file_without_a_sign_of_several_stories_is_one(tmp_path):
    for number in range(3):
        stories = no_opening(5 * number + 5)[5 * number :]
        write(tmp_path / f"{number}.txt", "\n\n".join(story.strip() for story in stories))
    found, report = read(tmp_path)
    assert len(found) == 3
    (sentence,) = report.sentences
    assert sentence.startswith("0.txt and 2 more: 3 stories read, taken for one a file; if that is wrong, put a line")


def test_the_report_shows_how_a_file_was_read(tmp_path):
    _, report = read(write(tmp_path / "a.txt", "\n\n\n".join(STORIES)))
    assert "note: a.txt: 8 stories read, told apart by two blank lines" in str(report)
