import csv
import io
import json
import os
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storyteller.corpus import huggingface
from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.huggingface import HubCorpus, HubStream
from storyteller.corpus.load import load_stories, split_of
from storyteller.errors import StorytellerError

TALES = [
    f"Once upon a time there was a fox called {name}. {name} liked {thing} and had a friend, the {friend}. "
    f"One day {name} lost the {thing}, so the {friend} looked under every stone until it was found."
    for name, thing, friend in [
        ("Pip", "plums", "badger"),
        ("Ada", "bells", "heron"),
        ("Tom", "kites", "old snail"),
        ("Ivy", "marbles", "quiet mole"),
    ]
]


def texts(corpus, **options):
    return [story.text for story in load_stories(corpus, **({"split": "all"} | options))]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def one_sentence(error):
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# --- the samples of real corpora ----------------------------------------------------------------------------------


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


# --- kinds of files -----------------------------------------------------------------------------------------------


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


def test_a_separator_inside_a_line_does_not_separate(tmp_path):
    path = write(tmp_path / "a.txt", f"{TALES[0]} <|endoftext|> {TALES[1]}\n<|endoftext|>\n{TALES[2]}\n<|endoftext|>\n")
    report = CleaningReport()
    assert texts(path, report=report) == [TALES[2]]
    assert report.dropped == {"special token inside the text": 1}


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


def test_an_undivided_file_is_divided_the_same_way_every_time(shared_data):
    path = shared_data / "tinystories-v1-train-1000.jsonl"
    parts = {split: texts(path, split=split) for split in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == 1000
    assert {len(parts["validation"]) // 10, len(parts["test"]) // 10} <= {3, 4, 5, 6}
    assert all(split_of(text) == split for split, part in parts.items() for text in part)
    assert texts(path, split="train", limit=7) == parts["train"][:7]


# --- bad input ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("corpus", "options", "says"),
    [
        ("tinystory", {}, "There is no corpus 'tinystory'; choose storyworld, tinystories, writingprompts"),
        ("missing/stories.txt", {}, "There is no file or folder"),
        ("storyworld", {"split": "dev"}, "There is no split 'dev'"),
        ("storyworld", {"limit": 0}, "limit is 0"),
        ("tinystories", {"split": "test"}, "tinystories has no split 'test'"),
    ],
)
def test_a_wrong_corpus_or_option_is_said_before_anything_is_read(corpus, options, says):
    with pytest.raises(StorytellerError) as error:
        load_stories(corpus, **options)
    assert says in one_sentence(error)


def test_a_folder_without_stories_names_the_kinds(tmp_path):
    with pytest.raises(StorytellerError, match=r"holds no file of stories; .* \.jsonl"):
        load_stories(tmp_path)


# --- storyworld ---------------------------------------------------------------------------------------------------


def test_storyworld_needs_nothing_and_takes_its_seed():
    stories = list(load_stories("storyworld", limit=3, seed=5))
    assert len(stories) == 3
    assert stories == list(load_stories("storyworld", limit=3, seed=5))
    assert stories != list(load_stories("storyworld", limit=3, seed=6))


# --- the hub ------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path):
    """A folder laid out like a data set's repository on the hub."""
    rows = [f"Story number {number}. {TALES[number % 4]}" for number in range(250)]
    folder = tmp_path / "repository" / "data"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"text": rows[:100]}), folder / "train-00000-of-00002.parquet", row_group_size=30)
    pq.write_table(pa.table({"text": rows[100:200]}), folder / "train-00001-of-00002.parquet", row_group_size=30)
    pq.write_table(pa.table({"text": rows[200:]}), folder / "validation-00000-of-00001.parquet")
    return folder.parent, rows


def test_a_hub_corpus_is_streamed_by_split(repository, monkeypatch):
    folder, rows = repository
    monkeypatch.setitem(
        huggingface.HUB_CORPORA, "tinystories", HubCorpus(str(folder), {"train": 200, "validation": 50}, "")
    )
    assert texts("tinystories", split="validation", clean=False) == rows[200:]
    assert texts("tinystories", split="train", clean=False, limit=3) == rows[:3]


@pytest.mark.parametrize("read", [0, 1, 30, 99, 100, 101, 200])
def test_a_stream_goes_on_where_another_stopped(repository, read):
    folder, rows = repository
    first = HubStream(str(folder), split="train")
    stories = iter(first)
    before = [next(stories).text for _ in range(read)]
    state = json.loads(json.dumps(first.state_dict()))
    stories.close()
    second = HubStream(str(folder), split="train")
    second.load_state_dict(state)
    assert before + [story.text for story in second] == rows[:200]


def test_an_unknown_split_of_a_repository_is_one_sentence(repository):
    with pytest.raises(StorytellerError) as error:
        HubStream(str(repository[0]), split="test")
    one_sentence(error)


def test_without_network_the_embedded_corpus_is_named():
    # conftest.py sets HF_HUB_OFFLINE.
    with pytest.raises(StorytellerError) as error:
        load_stories("tinystories")
    message = one_sentence(error)
    assert "roneneldan/TinyStories" in message
    assert "storyworld" in message


@pytest.mark.slow
def test_a_refused_connection_is_said_soon_and_in_one_line():
    program = textwrap.dedent("""
        from storyteller.errors import StorytellerError
        from storyteller.corpus.load import load_stories
        try:
            load_stories("writingprompts")
        except StorytellerError as error:
            print(error)
    """)
    # Port 9 (discard) of this machine: nobody listens there.
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert len(run.stdout.splitlines()) == 1
    assert "storyworld" in run.stdout
    assert run.stderr == ""


def test_storyworld_can_be_limited_to_some_genres():
    stories = load_stories("storyworld:fable+everyday", limit=30)
    assert {story.genre for story in stories} == {"fable", "everyday"}
    with pytest.raises(StorytellerError, match="no genre 'opera'"):
        list(load_stories("storyworld:opera"))
