"""Local files: every kind of file, the samples of real corpora, bad files."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tales import TALES, one_sentence, texts, write

from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.load import load_stories
from storyteller.corpus.local_files import read_path
from storyteller.errors import StorytellerError


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(
    ("name", "stories", "prompts"),
    [
        ("tinystories-v2-sample.txt", 1727, 0),
        ("tinystories-v1-train-1000.jsonl", 1000, 0),
        ("tinystories-crlf.txt", 100, 0),
        ("writingprompts-train-500.jsonl", 500, 500),
        ("writingprompts-valid.wp_source", 10, 10),
        ("writingprompts-valid.wp_target", 10, 10),
    ],
)
def test_every_sample_is_read_whole(shared_data, name, stories, prompts, clean):
    report = CleaningReport()
    found = list(load_stories(shared_data / name, split="all", clean=clean, report=report))
    assert len(found) == report.kept == stories
    assert sum(bool(story.prompt) for story in found) == prompts
    assert all(story.text.strip() for story in found)


def test_the_cut_story_at_the_end_of_the_sample_is_reported(shared_data):
    report = CleaningReport()
    list(load_stories(shared_data / "tinystories-v2-sample.txt", split="all", report=report))
    assert report.dropped == {"cut off at the end of the file": 1}
    assert report.notes


def test_the_stories_without_separators_are_those_of_the_dataset(shared_data):
    # The CRLF sample is the beginning of the same dataset as the jsonl sample, which has one story a row.
    rows = texts(shared_data / "tinystories-v1-train-1000.jsonl")[:100]
    assert texts(shared_data / "tinystories-crlf.txt") == rows


def kinds(folder):
    """The same tales in every kind of file."""
    rows = [{"prompt": "A fox", "story": tale} for tale in TALES]
    yield write(folder / "a.txt", "".join(f"{tale}\n<|endoftext|>\n" for tale in TALES))
    yield write(folder / "crlf.txt", "".join(f"\r\n{tale}\r\n<|endoftext|> \r\n" for tale in TALES))
    yield write(folder / "bom.txt", b"\xef\xbb\xbf" + "".join(f"{tale}\n<|endoftext|>\n" for tale in TALES).encode())
    yield write(folder / "one_a_line.txt", "\n".join(TALES))
    yield write(folder / "a.jsonl", "".join(json.dumps({"text": tale}) + "\n" for tale in TALES))
    yield write(folder / "b.jsonl", "\n\n".join(map(json.dumps, rows)))
    table = io.StringIO()
    writer = csv.DictWriter(table, ["prompt", "story"])
    writer.writeheader()
    writer.writerows(rows)
    yield write(folder / "a.csv", table.getvalue())
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    yield folder / "a.parquet"
    write(folder / "a.wp_source", "[ WP ] A fox\n" * len(TALES))
    yield write(folder / "a.wp_target", "".join(tale.replace(". ", " . <newline> <newline> ") + "\n" for tale in TALES))


def test_the_same_stories_come_out_of_every_kind_of_file(tmp_path):
    for path in kinds(tmp_path):
        assert [" ".join(text.split()) for text in texts(path)] == TALES, path.name


def test_what_our_own_command_wrote_comes_back_with_its_facts(tmp_path):
    row = {"text": TALES[0], "prompt": "A fox", "genre": "fable", "facts": {"hero": "Pip"}}
    (story,) = load_stories(write(tmp_path / "s.jsonl", json.dumps(row) + "\n"), split="all")
    assert (story.text, story.prompt, story.genre, story.facts) == tuple(row.values())


def test_a_last_json_line_that_was_cut_is_dropped_and_reported(tmp_path):
    report = CleaningReport()
    path = write(tmp_path / "a.jsonl", json.dumps({"text": TALES[0]}) + '\n{"text": "Once upon a ti')
    assert texts(path, report=report) == TALES[:1]
    assert report.dropped == {"cut off at the end of the file": 1}


def test_a_folder_is_read_in_the_order_of_its_names_and_by_split(tmp_path):
    for number, name in enumerate(["train-00001.jsonl", "train-00000.jsonl", "valid.jsonl"]):
        write(tmp_path / name, json.dumps({"text": TALES[number]}) + "\n")
    write(tmp_path / "train.state.json", "{}")
    assert texts(tmp_path, split="train") == [TALES[1], TALES[0]]
    assert texts(tmp_path, split="validation") == [TALES[2]]
    assert len(texts(tmp_path)) == 3
    with pytest.raises(StorytellerError, match="none of 'test'"):
        texts(tmp_path, split="test")


def split_names(tmp_path, *names):
    """Which of the files are read for each split."""
    for name in names:
        write(tmp_path / name, f"{TALES[0]} It was in {name}.\n<|endoftext|>\n")
    report = CleaningReport()
    read = {}
    for split in ("train", "validation", "test"):
        try:
            stories, _ = read_path(tmp_path, split=split, report=report)
            read[split] = [story.text.split(" It was in ")[1].strip()[:-1] for story in stories]
        except StorytellerError:
            read[split] = None
    return [read["train"], read["validation"], read["test"]], report


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["a.txt", "trains and cars.txt"], [["a.txt", "trains and cars.txt"]] * 3),
        (["a.txt", "valentine.txt"], [["a.txt", "valentine.txt"]] * 3),
        (["a.txt", "the-night-train.txt"], [["a.txt", "the-night-train.txt"]] * 3),
        (["devil.txt", "testament.txt"], [["devil.txt", "testament.txt"]] * 3),
        (["cat.txt", "train.txt"], [["cat.txt", "train.txt"]] * 3),
        (
            ["TinyStoriesV2-GPT4-train.txt", "TinyStoriesV2-GPT4-valid.txt"],
            [["TinyStoriesV2-GPT4-train.txt"], ["TinyStoriesV2-GPT4-valid.txt"], None],
        ),
        (["TinyStoriesV2-GPT4-valid.txt", "a.txt"], [["a.txt"], ["TinyStoriesV2-GPT4-valid.txt"], None]),
        (["my_test.txt", "my_train.txt", "my_val.txt"], [["my_train.txt"], ["my_val.txt"], ["my_test.txt"]]),
        (
            ["train-00000-of-00002-0a1b2c3d4e5f.txt", "train-00001-of-00002-0a1b2c3d4e5f.txt", "dev.txt"],
            [["train-00000-of-00002-0a1b2c3d4e5f.txt", "train-00001-of-00002-0a1b2c3d4e5f.txt"], ["dev.txt"], None],
        ),
        (["TRAIN.txt", "Validation.txt"], [["TRAIN.txt"], ["Validation.txt"], None]),
        (["train.txt"], [["train.txt"], None, None]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value[0], str) else "",
)
def test_a_files_name_says_its_split_where_the_word_stands_for_it(tmp_path, names, read):
    assert split_names(tmp_path, *names)[0] == read


def test_what_of_a_folder_is_left_out_is_said(tmp_path):
    write(tmp_path / "notes.docx", "PK")
    write(tmp_path / ".DS_Store", "x")
    (tmp_path / "more").mkdir()
    _, report = split_names(tmp_path, "train.txt", "valid.txt", "poem.txt")
    assert len(report.notes) == 3
    assert "more, notes.docx were left out: not of the kinds .txt" in report.notes[0]
    assert "poem.txt was left out: the other files' names say their split, as train.txt does" in report.notes[1]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b"Caf\xe9 au lait\n", "not UTF-8"),
        ("a.txt", "Pip".encode("utf-16"), "not UTF-8"),
        ("a.jsonl", b'{"text": "caf\xe9"}\n', "not UTF-8"),
        ("a.jsonl", b'{"body": "x"}\n', "has the columns body; stories need a column 'text', or 'prompt' and 'story'"),
        ("a.jsonl", b"{'text': 1}\n{}\n", "Line 1 of"),
        ("a.jsonl", b'["x"]\n', "is not a JSON object"),
        ("a.jsonl", b'{"text": 3}\n', "has int in the column 'text'"),
        ("a.csv", b"title,body\nx,y\n", "has the columns title, body"),
        ("a.parquet", b"not parquet at all", "no sound parquet file"),
        ("a.docx", b"PK", "of no known kind"),
        ("a.wp_source", b"A fox\n", "half of a pair"),
        ("a.jsonl", b"\n\n", "gives no story"),
        ("a.txt", b"x y z " * 800_000, "more than 4,000,000 characters"),
    ],
)
def test_bad_files_give_one_clear_sentence(tmp_path, name, content, says):
    with pytest.raises(StorytellerError) as error:
        texts(write(tmp_path / name, content))
    message = one_sentence(error)
    assert says in message
    assert name.split(".")[0] in message


def test_a_parquet_file_without_stories_names_its_columns(tmp_path):
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(StorytellerError, match="has the columns body"):
        texts(tmp_path / "a.parquet")


def test_pairs_of_different_length_are_refused(tmp_path):
    write(tmp_path / "a.wp_source", "A fox\n")
    write(tmp_path / "a.wp_target", f"{TALES[0]}\n{TALES[1]}\n")
    with pytest.raises(StorytellerError, match=r"a\.wp_source has fewer lines"):
        texts(tmp_path / "a.wp_source")


def test_a_folder_without_stories_names_the_kinds(tmp_path):
    with pytest.raises(StorytellerError, match=r"holds no file of stories; .* \.jsonl"):
        load_stories(tmp_path)
