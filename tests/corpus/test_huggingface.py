"""The hub: a stream by split that can be resumed, and clear errors without a network."""

import json
import os
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tales import TALES, one_sentence, texts

from storyteller.corpus import huggingface
from storyteller.corpus.huggingface import HubCorpus, HubStream
from storyteller.corpus.load import load_stories
from storyteller.errors import StorytellerError


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
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=600, check=True
    )
    assert len(run.stdout.splitlines()) == 1
    assert "storyworld" in run.stdout
    assert run.stderr == ""
