"""Where an export goes: complete or not there, and never over anything but an earlier export."""

import errno
import json
import os
from dataclasses import replace

import pytest

from exported import CONFIG, make_run
from storyteller.errors import StorytellerError
from storyteller.export import export_run, hf
from storyteller.export.folder import RECORD
from storyteller.training.checkpoint import save_checkpoint

FILES = {
    "README.md", "config.json", "export.json", "generation_config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "fox", plan={})


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_is_made_with_its_parents_and_holds_nothing_else(run, tmp_path):
    export_run(run, tmp_path / "new" / "out")
    assert names(tmp_path / "new") == {"out"}
    assert names(tmp_path / "new" / "out") == FILES
    record = json.loads((tmp_path / "new" / "out" / RECORD).read_text(encoding="utf-8"))
    assert set(record.pop("files")) == FILES - {RECORD}
    assert record == {"format": "hf", "run": "fox", "step": 7}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_weights_may_be_read_by_whoever_may_read_the_rest(run, tmp_path):
    export_run(run, tmp_path / "out")
    assert len({path.stat().st_mode for path in (tmp_path / "out").iterdir()}) == 1


def test_an_earlier_export_is_replaced(run, tmp_path):
    export_run(run, tmp_path / "out")
    (tmp_path / "out" / "config.json").write_text("old", encoding="utf-8")
    export_run(run, tmp_path / "out")
    assert (tmp_path / "out" / "config.json").read_text(encoding="utf-8") != "old"
    assert names(tmp_path) == {"out"}


def test_a_single_checkpoint_can_be_exported(run, tmp_path):
    export_run(run / "step-000007", tmp_path / "out")
    assert json.loads((tmp_path / "out" / RECORD).read_text(encoding="utf-8"))["run"] == "fox"


@pytest.mark.parametrize("found", ["notes.txt", "config.json"])
def test_a_folder_with_other_things_is_left_alone(run, tmp_path, found):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / found).write_text("mine", encoding="utf-8")
    with pytest.raises(StorytellerError, match=rf"{found}.*another --out"):
        export_run(run, tmp_path / "out")
    assert names(tmp_path / "out") == {found}
    assert names(tmp_path) == {"out"}


def test_what_was_added_to_an_export_is_not_lost(run, tmp_path):
    export_run(run, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"notes.txt"):
        export_run(run, tmp_path / "out")
    assert names(tmp_path / "out") == FILES | {"notes.txt"}


def test_the_run_itself_is_no_place(run):
    before = names(run)
    with pytest.raises(StorytellerError, match="another --out"):
        export_run(run, run)
    assert names(run) == before


def test_a_file_in_the_way_is_named(run, tmp_path):
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(StorytellerError, match="is a file"):
        export_run(run, tmp_path / "out")


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["save_file", "write_tokenizer", "force_to_disk"])
def test_a_full_disk_is_one_clear_sentence_and_the_earlier_export_stays(run, tmp_path, monkeypatch, place):
    export_run(run, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    module = hf if hasattr(hf, place) else __import__("storyteller.export.folder", fromlist=["folder"])
    monkeypatch.setattr(module, place, full)
    with pytest.raises(StorytellerError, match="disk is full"):
        export_run(run, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert names(tmp_path) == {"out"}


def test_what_safetensors_says_of_a_full_disk_is_understood_too(run, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def fails(*_, **__):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(hf, "save_file", fails)
    with pytest.raises(StorytellerError, match="make room"):
        export_run(run, tmp_path / "out")
    assert not names(tmp_path)


def test_an_export_that_is_killed_at_the_last_rename_leaves_the_earlier_one(run, tmp_path, monkeypatch):
    export_run(run, tmp_path / "out")
    rename, calls = os.replace, []

    def fails_the_second_time(source, target):
        if str(source).endswith(".partial"):
            calls.append(source)
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "replace", fails_the_second_time)
    with pytest.raises(KeyboardInterrupt):
        export_run(run, tmp_path / "out")
    assert calls
    assert names(tmp_path) == {"out"}
    assert names(tmp_path / "out") == FILES


def test_what_a_kill_left_is_cleared_away(run, tmp_path):
    """Killed between the two renames: the earlier export is still there under another name."""
    export_run(run, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.before")
    (tmp_path / ".out.partial").mkdir()
    with pytest.raises(StorytellerError, match="no checkpoint"):
        export_run(tmp_path / "nowhere", tmp_path / "out")
    export_run(run, tmp_path / "out")
    assert names(tmp_path) == {"out"}
    assert names(tmp_path / "out") == FILES


@pytest.mark.parametrize("format", ["hf", "gguf"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions": "learned"}, "learned positions"),
        ({"router": "sigmoid"}, "a sigmoid router"),
        ({"balance": "bias"}, "a bias that balances"),
        ({"n_shared_experts": 1}, "shared experts"),
    ],
)
def test_what_mixtral_has_not_is_refused_before_anything_is_written(tmp_path, format, change, words):
    if format == "gguf":
        pytest.importorskip("gguf")
    run = make_run(tmp_path / "run", replace(CONFIG, **change))
    with pytest.raises(StorytellerError, match=words):
        export_run(run, tmp_path / "out", format=format)
    assert names(tmp_path) == {"run"}


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(StorytellerError, match=r"no format 'pickle'; choose one of hf"):
        export_run(tmp_path / "nowhere", tmp_path / "out", format="pickle")


def test_a_run_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(StorytellerError, match="no checkpoint"):
        export_run(tmp_path, tmp_path / "out")


def test_a_model_that_fills_its_vocabulary_only_in_part_is_refused(run, tmp_path):
    from storyteller.tokenizer import Tokenizer
    from storyteller.training.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(run / "step-000007")
    values = checkpoint.values | {"tokenizer": None}
    save_checkpoint(tmp_path / "run", replace(checkpoint, values=values))
    Tokenizer.train(["ab"], vocab_size=258).save(tmp_path / "run" / "tokenizer.json")
    with pytest.raises(StorytellerError, match=r"258 tokens and the model 320"):
        export_run(tmp_path / "run", tmp_path / "out")
