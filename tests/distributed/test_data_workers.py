"""The same shards whatever the number of workers, and what becomes of workers and schedulers that are gone."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from storyteller.corpus.clean import Cleaning, CleaningReport
from storyteller.corpus.load import load_stories
from storyteller.distributed import data_workers as places
from storyteller.errors import StorytellerError
from storyteller.tokenizer import Tokenizer
from storyteller.training.token_shards import ShardWriter, preparing, write_shards
from storyteller.training.token_shards.preparing import ChunkWork, InThisProcess, prepare_shards

N_STORIES = 400
SPLITS = ("train", "validation")


def story(number):
    """A story of its own; every seventh is nearly that of 100 before it."""
    number -= 100 * (number % 7 == 0 and number >= 100)
    thing = " and ".join(f"thing{number * 31 + i * i}" for i in range(40))
    return f"“Fox” number {number} went out ,  and found {thing} . He was glad, and ran home to the others."


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "CHUNK_STORIES", 16)
    monkeypatch.setattr(places, "ALONE", 2)
    path = tmp_path / "corpus.txt"
    path.write_text("".join(f"{story(n)}\n<|endoftext|>\n" for n in range(N_STORIES)), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train((story(n) for n in range(20)), vocab_size=400)


@pytest.fixture
def work(tokenizer):
    return ChunkWork(tokenizer, Cleaning())


def prepare(corpus, folder, workers, *, splits=SPLITS, shard_tokens=3000, **options):
    report = CleaningReport()
    tokenizer = workers.work.tokenizer if isinstance(workers, InThisProcess) else options.pop("tokenizer")
    writers = {split: ShardWriter(folder / split, tokenizer, shard_tokens=shard_tokens) for split in splits}
    try:
        done = prepare_shards([corpus], writers, workers, report=report, **options)
    except BaseException as error:
        for writer in writers.values():
            writer.__exit__(type(error), error, error.__traceback__)
        raise
    return done, report


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


class Counting(InThisProcess):
    """What it was given to do."""

    given: dict[str, int]

    def map(self, method, chunks):
        def counted():
            for chunk in chunks:
                self.given[method] = self.given.get(method, 0) + sum(one is not None for one in chunk)
                yield chunk

        return super().map(method, counted())


def counting(work):
    workers = Counting(work)
    object.__setattr__(workers, "given", {})
    return workers


def test_one_reading_gives_what_a_reading_for_each_split_gives(corpus, work, tmp_path):
    workers = counting(work)
    done, report = prepare(corpus, tmp_path / "once", workers)
    for split in SPLITS:
        write_shards(load_stories(corpus, split=split), work.tokenizer, tmp_path / "each" / split, shard_tokens=3000)
    assert contents(tmp_path / "once") == contents(tmp_path / "each")
    documents = sum(progress.documents for progress in done.values())
    assert workers.given == {"clean": N_STORIES, "encode": documents}
    test = sum(1 for _ in load_stories(corpus, split="test"))
    assert documents + test == report.kept < N_STORIES
    assert report.dropped["exact duplicate"] > 30  # found 100 stories later


def test_a_run_that_was_interrupted_goes_on_and_encodes_nothing_again(corpus, work, tmp_path):
    prepare(corpus, tmp_path / "whole", InThisProcess(work))

    class Interrupted(InThisProcess):
        def map(self, method, chunks):
            for number, result in enumerate(super().map(method, chunks)):
                if method == "encode" and number == 15:
                    raise KeyboardInterrupt
                yield result

    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, tmp_path / "broken", Interrupted(work))
    assert not list((tmp_path / "broken").rglob("*.part"))
    workers = counting(work)
    done, _ = prepare(corpus, tmp_path / "broken", workers)
    resumed = sum(progress.resumed for progress in done.values())
    assert resumed > 100
    assert workers.given["encode"] == sum(progress.documents for progress in done.values()) - resumed
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    again = counting(work)
    prepare(corpus, tmp_path / "broken", again)
    assert again.given.get("clean") is None  # a finished folder is left as it is


def test_a_limit_holds_for_each_split(corpus, work, tmp_path):
    done, _ = prepare(corpus, tmp_path, InThisProcess(work), limits=dict.fromkeys(SPLITS, 3))
    assert [progress.documents for progress in done.values()] == [3, 3]


def test_a_split_without_a_story_is_said_after_the_others_are_written(work, tmp_path, corpus):
    text = Path(corpus).read_text(encoding="utf-8")
    few = tmp_path / "few.txt"
    few.write_text("".join(part + "<|endoftext|>\n" for part in text.split("<|endoftext|>\n")[:2]), encoding="utf-8")
    with pytest.raises(StorytellerError, match="too few to hold any out for validation"):
        prepare(str(few), tmp_path / "out", InThisProcess(work))
    assert (tmp_path / "out" / "train" / "index.json").is_file()


def test_a_split_that_a_folder_has_not_is_said_before_anything_is_written(work, tmp_path, corpus):
    folder = tmp_path / "divided"
    folder.mkdir()
    (folder / "train-0.txt").write_bytes(Path(corpus).read_bytes())
    (folder / "test-0.txt").write_bytes(Path(corpus).read_bytes())
    with pytest.raises(StorytellerError, match="none of 'validation'"):
        prepare(str(folder), tmp_path / "out", InThisProcess(work))
    assert not (tmp_path / "out").exists()


PROGRAM = """
import sys
from storyteller.distributed import data_workers as places
from storyteller.training.token_shards import preparing
preparing.CHUNK_STORIES, places.ALONE = 16, 2
if __name__ == "__main__":
    from storyteller.training.token_shards import writing
    writing.ShardWriter.__init__.__kwdefaults__["shard_tokens"] = 3000
    from storyteller_course.cli import preprocess_main
    sys.argv = ["storyteller-preprocess", *sys.argv[1:]]
    preprocess_main()
"""


def start(tmp_path, corpus, tokenizer, out, *options):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    tokenizer.save(tmp_path / "tokenizer.json")
    arguments = ["--corpus", corpus, "--tokenizer", tmp_path / "tokenizer.json", "--out", out, *options]
    command = [sys.executable, tmp_path / "program.py", *arguments]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children_of(process):
    """Its workers: not the process that keeps account of what is shared."""
    import psutil

    return [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def ends(condition, *, within=300.0):
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_two_processes_write_the_same_and_a_killed_one_is_one_sentence(corpus, tokenizer, work, tmp_path):
    prepare(corpus, tmp_path / "one", InThisProcess(work), splits=("train",))
    wanted = contents(tmp_path / "one" / "train")
    options = ["--split", "train", "--workers", "2"]

    killed = start(tmp_path, corpus, tokenizer, tmp_path / "two", *options)
    ends(lambda: children_of(killed))
    os.kill(children_of(killed)[0].pid, signal.SIGKILL)
    said = killed.communicate()[1]
    assert killed.returncode == 2
    assert len(said.splitlines()) == 1
    assert "was killed" in said
    assert "the same command goes on from there" in said

    gone = start(tmp_path, corpus, tokenizer, tmp_path / "two", *options)
    ends(lambda: len(children_of(gone)) == 2)
    workers = children_of(gone)
    gone.kill()
    gone.communicate()
    ends(lambda: not any(worker.is_running() for worker in workers))  # they do not outlive it

    whole = start(tmp_path, corpus, tokenizer, tmp_path / "two", *options)
    output = whole.communicate()
    assert whole.returncode == 0, output
    written = contents(tmp_path / "two" / "train")
    assert {name: written[name] for name in written if name != "index.json"} == {
        name: wanted[name]
        for name in wanted
        if name != "index.json"  # whose source is said there
    }


def test_a_scheduler_that_is_not_there_is_one_sentence(work, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(places, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        pytest.raises(StorytellerError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1") as error,
        places.data_workers(work, scheduler=f"tcp://127.0.0.1:{port}"),
    ):
        pass
    assert "\n" not in str(error.value)


def test_an_address_that_is_none_is_one_sentence_and_leaves_no_client_behind(work):
    distributed = pytest.importorskip("distributed")
    clients = len(list(distributed.Client._instances))
    with pytest.raises(StorytellerError, match=r"No Dask scheduler answers at nonsense \(missing port number"):
        places.data_workers(work, scheduler="nonsense").__enter__()
    assert len(list(distributed.Client._instances)) == clients


def test_without_dask_the_extra_is_named(work, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(StorytellerError, match=r'pip install -c constraints.txt -e "\.\[cluster\]"'),
        places.data_workers(work, scheduler="tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.slow
def test_a_dask_cluster_writes_the_same_and_one_that_dies_is_one_sentence(corpus, work, tmp_path):
    distributed = pytest.importorskip("distributed")
    prepare(corpus, tmp_path / "one", InThisProcess(work))
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        address = cluster.scheduler_address
        with places.data_workers(work, scheduler=address) as workers:
            prepare(corpus, tmp_path / "dask", workers, tokenizer=work.tokenizer)
        assert contents(tmp_path / "dask") == contents(tmp_path / "one")

        def lose_it():
            with places.data_workers(work, scheduler=address) as workers:
                for number, _ in enumerate(workers.map("encode", [["a fox"]] * 200)):
                    if number == 5:
                        cluster.close()

        with pytest.raises(StorytellerError, match="could not finish its part") as error:
            lose_it()
        assert "\n" not in str(error.value)
