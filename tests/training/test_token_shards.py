import itertools
import json
import os
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards import open_shards, training_text, write_shards

STORIES = [Story(f"Fox number {n} ran {'far and ' * (n % 7)}home.", prompt=f"A fox, {n}") for n in range(200)]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train((story.text for story in STORIES), vocab_size=300)


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def expected(stories, tokenizer):
    """The slow way: one list of ids a document."""
    return [[*tokenizer.encode(story.text), tokenizer.end_id] for story in stories]


def test_every_document_is_its_story_and_the_end_token(tokenizer, tmp_path):
    done = write_shards(STORIES, tokenizer, tmp_path, shard_tokens=500)
    documents = expected(STORIES, tokenizer)
    assert len(list(tmp_path.glob("*.bin"))) > 3
    with open_shards(tmp_path, tokenizer) as shards:
        assert [shards.document(i).tolist() for i in range(shards.n_documents)] == documents
        assert shards.tokens(0, len(shards)).tolist() == flat(documents)
        assert shards.boundaries.tolist() == [0, *np.cumsum([len(document) for document in documents])]
        assert (done.documents, done.tokens) == (shards.n_documents, len(shards)) == (200, len(flat(documents)))
        assert shards.tokens(0, 5).dtype == np.uint16


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1), size=st.integers(1, 60)
)
def test_any_text_and_shard_size_gives_the_same_tokens(texts, size, tmp_path_factory):
    tokenizer = Tokenizer.train(["abc abc abd"], vocab_size=258)
    stories = [Story(text) for text in texts]
    folder = tmp_path_factory.mktemp("shards")
    write_shards(stories, tokenizer, folder, shard_tokens=size)
    everything = flat([*tokenizer.encode(text, special="escape"), tokenizer.end_id] for text in texts)
    with open_shards(folder, tokenizer) as shards:
        rng = random.Random(size)
        for _ in range(5):
            start, stop = sorted(rng.choices(range(len(everything) + 1), k=2))
            assert shards.tokens(start, stop).tolist() == everything[start:stop]
        with pytest.raises(IndexError):
            shards.tokens(0, len(everything) + 1)
        with pytest.raises(IndexError):
            shards.document(len(texts))


def test_a_special_token_spelt_in_a_story_is_ordinary_text(tokenizer, tmp_path):
    write_shards([Story("A fox <|endoftext|> ran.")], tokenizer, tmp_path)
    with open_shards(tmp_path, tokenizer) as shards:
        assert shards.document(0).tolist().count(tokenizer.end_id) == 1


def test_a_large_vocabulary_takes_four_bytes_a_token(tmp_path):
    class Wide:  # a tokenizer of 100,000 ids
        vocab_size, end_id, fingerprint = 100_000, 99_999, "f" * 64

        def encode_batch(self, texts, *, special):
            return [[70_000 + len(text)] for text in texts]

    write_shards([Story("abc")], Wide(), tmp_path)
    with open_shards(tmp_path, Wide()) as shards:
        assert shards.tokens(0, 2).tolist() == [70_003, 99_999]


def test_a_prompt_stands_on_a_line_before_its_story(tokenizer, tmp_path):
    assert training_text(Story("He ran.", prompt="A fox\nruns"), prompts=True) == "A fox runs\n\nHe ran."
    assert training_text(Story("He ran."), prompts=True) == "He ran."
    write_shards(STORIES[:2], tokenizer, tmp_path, prompts=True)
    with open_shards(tmp_path, tokenizer) as shards:
        assert tokenizer.decode(shards.document(1)[:-1].tolist()) == "A fox, 1\n\n" + STORIES[1].text


def test_the_index_says_what_the_shards_are(tokenizer, tmp_path):
    write_shards(STORIES, tokenizer, tmp_path, source={"corpus": "foxes", "clean": None})
    index = json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))
    assert index["tokenizer"] == tokenizer.fingerprint
    assert index["source"] == {"corpus": "foxes", "clean": None}
    assert index["shards"][0]["documents"] == 200


def test_a_finished_folder_is_left_alone(tokenizer, tmp_path):
    write_shards(STORIES, tokenizer, tmp_path)

    def never():
        raise AssertionError("read again")
        yield

    assert write_shards(never(), tokenizer, tmp_path).resumed == 200


def interrupted(stories, after):
    yield from stories[:after]
    raise KeyboardInterrupt


@pytest.mark.parametrize("after", [0, 1, 65, 100, 199, 200])
def test_an_interrupted_run_goes_on_and_ends_the_same(tokenizer, tmp_path, after, monkeypatch):
    write_shards(STORIES, tokenizer, tmp_path / "whole", shard_tokens=500)
    with pytest.raises(KeyboardInterrupt):
        write_shards(interrupted(STORIES, after), tokenizer, tmp_path / "broken", shard_tokens=500)
    with pytest.raises(StorytellerError, match=r"unfinished|missing"):
        open_shards(tmp_path / "broken", tokenizer)
    encoded = []
    encode_batch = tokenizer.encode_batch
    monkeypatch.setattr(
        tokenizer, "encode_batch", lambda texts, **options: encoded.extend(texts) or encode_batch(texts, **options)
    )
    done = write_shards(STORIES, tokenizer, tmp_path / "broken", shard_tokens=500)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert len(encoded) == 200 - done.resumed  # what complete shards hold is not encoded again


def test_other_stories_settings_or_tokenizer_are_not_mixed_in(tokenizer, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_shards(interrupted(STORIES, 150), tokenizer, tmp_path, shard_tokens=500)
    other = Tokenizer.train(["quite another text"], vocab_size=260)
    with pytest.raises(StorytellerError, match="made with another tokenizer"):
        write_shards(STORIES, other, tmp_path, shard_tokens=500)
    with pytest.raises(StorytellerError, match="another run: shard_tokens 500"):
        write_shards(STORIES, tokenizer, tmp_path, shard_tokens=501)
    with pytest.raises(StorytellerError, match="are not those that"):
        write_shards(STORIES[1:], tokenizer, tmp_path, shard_tokens=500)


def test_no_story_is_an_error(tokenizer, tmp_path):
    with pytest.raises(StorytellerError, match="no story"):
        write_shards([], tokenizer, tmp_path)


@pytest.fixture
def folder(tokenizer, tmp_path):
    write_shards(STORIES, tokenizer, tmp_path, shard_tokens=500)
    return tmp_path


def test_another_tokenizer_is_refused(folder):
    other = Tokenizer.train(["quite another text"], vocab_size=260)
    with pytest.raises(StorytellerError, match="made with another tokenizer"):
        open_shards(folder, other)


@pytest.mark.parametrize("name", ["shard-00001.bin", "shard-00000.ends", "index.json"])
@pytest.mark.parametrize("harm", ["truncate", "flip", "remove", "empty"])
def test_a_damaged_file_is_refused(folder, tokenizer, name, harm):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 128
    match harm:
        case "truncate":
            path.write_bytes(path.read_bytes()[:-3])
        case "flip":
            path.write_bytes(data)
        case "empty":
            path.write_bytes(b"")
        case "remove":
            path.unlink()
    with pytest.raises(StorytellerError, match=r"damaged|missing|another tokenizer") as error:
        open_shards(folder, tokenizer)
    assert "\n" not in str(error.value)


def test_a_damaged_shard_is_noticed_when_a_run_goes_on(tokenizer, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_shards(interrupted(STORIES, 150), tokenizer, tmp_path, shard_tokens=500)
    (tmp_path / "shard-00000.bin").write_bytes(b"xx")
    with pytest.raises(StorytellerError, match="is damaged"):
        write_shards(STORIES, tokenizer, tmp_path, shard_tokens=500)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tokenizer, tmp_path):
    resource = pytest.importorskip("resource")
    program = textwrap.dedent("""
        import resource, sys
        from storyteller.tokenizer import Tokenizer
        from storyteller.errors import StorytellerError
        from storyteller.training.token_shards import write_shards
        from tests_of_shards import STORIES
        tokenizer = Tokenizer.load(sys.argv[1])
        if sys.argv[3] != "0":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
        try:
            write_shards(STORIES, tokenizer, sys.argv[2], shard_tokens=3000)
        except StorytellerError as error:
            print(error)
    """)
    assert resource
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "tests_of_shards.py").write_text(
        "from storyteller.corpus.story import Story\n"
        "STORIES = [Story(f'Fox number {n} ran home.') for n in range(1000)]\n",
        encoding="utf-8",
    )
    tokenizer.save(tmp_path / "tokenizer.json")

    def run(folder, limit):
        command = [sys.executable, "-c", program, str(tmp_path / "tokenizer.json"), str(folder), str(limit)]
        environment = os.environ | {"PYTHONPATH": str(modules)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600)

    said = run(tmp_path / "full", 2000).stdout
    assert said.startswith("The disk is full")
    assert len(said.splitlines()) == 1
    assert list((tmp_path / "full").iterdir()) == []  # nothing half done is left
    run(tmp_path / "full", 0)
    run(tmp_path / "whole", 0)
    assert contents(tmp_path / "full") == contents(tmp_path / "whole")


KILLED = """
import sys
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards import write_shards
from storyteller.corpus.story import Story
stories = (Story(f"Fox number {n} ran {'far and ' * (n % 50)}home.") for n in range(20_000))
print("begin", flush=True)
write_shards(stories, Tokenizer.load(sys.argv[1]), sys.argv[2], shard_tokens=20_000)
"""


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_and_ends_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")

    def start(folder):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "tokenizer.json"), str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"begin\n"
        process.stdout.close()
        return process

    begun = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - begun
    rng = random.Random(7)
    for run in range(5):
        kills = 0
        while True:
            process = start(tmp_path / f"broken{run}")
            try:
                process.wait(timeout=rng.uniform(0, seconds * 0.6))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
            else:
                break
            if kills == 4:
                assert start(tmp_path / f"broken{run}").wait() == 0
                break
        assert contents(tmp_path / f"broken{run}") == contents(tmp_path / "whole")


MEMORY = """
import sys
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards import open_shards, write_shards
from storyteller.corpus.clean import clean
from storyteller.corpus.story import Story

def stories():
    letters = str.maketrans("0123456789", "abcdefghij")
    for n in range(int(sys.argv[3])):
        yield Story(" ".join(f"fox{n} {n * word}" for word in range(60)).translate(letters) + ".")

tokenizer = Tokenizer.load(sys.argv[1])
write_shards(clean(stories()) if sys.argv[4] == "clean" else stories(), tokenizer, sys.argv[2])
open_shards(sys.argv[2], tokenizer)
if sys.platform == "linux":  # not getrusage, which counts the process of the tests as well, from before the exec
    print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
else:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 // (1024 if sys.platform == "darwin" else 1))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("count", "how"), [(30_000, "raw"), (55_000, "clean")])
def test_memory_stays_below_a_gigabyte(tokenizer, tmp_path, count, how):
    pytest.importorskip("resource")
    tokenizer.save(tmp_path / "tokenizer.json")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "tokenizer.json"), str(tmp_path / "out"), str(count), how]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"{count:,} stories, {how}: {run.stdout.strip()} MB")
    assert int(run.stdout) < 1000
