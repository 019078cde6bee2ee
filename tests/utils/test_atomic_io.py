"""Files that are written whole or not at all: exceptions, kills, a full disk, places that may not be written to."""

import errno
import json
import os
import signal
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from storyteller.errors import StorytellerError
from storyteller.utils import atomic_io
from storyteller.utils.atomic_io import force_to_disk, replacing, write_json, write_whole, zipped

no_permissions = pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="every place may be written to here"
)

# Killed by itself when all is written and the file has yet to get its name: nothing in it can clean up.
KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
from storyteller.utils.atomic_io import write_whole

os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), "new" * 100_000)
"""


@pytest.fixture
def old(tmp_path):
    """A file that is there already, alone in its folder."""
    path = tmp_path / "run.json"
    path.write_text("old", encoding="utf-8")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_content_is_complete_and_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "story.txt"
    write_whole(path, "Zoë’s kite\n")
    assert path.read_bytes() == "Zoë’s kite\n".encode()
    write_whole(path, b"\x00\r\n")
    assert path.read_bytes() == b"\x00\r\n"
    assert names(path.parent) == ["story.txt"]


def test_json_comes_back_as_it_was(tmp_path):
    value = {"name": "Zoë", "steps": [1, 2.5, None]}
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "Zoë" in text


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_an_exception_while_writing_leaves_the_old_file_and_nothing_else(old, fault):
    def half_of_it():
        with replacing(old) as file:
            file.write(b"half of")
            raise fault

    with pytest.raises(fault):
        half_of_it()
    assert (old.read_text(encoding="utf-8"), names(old.parent)) == ("old", ["run.json"])


def test_an_exception_between_write_and_rename_leaves_the_old_file_and_nothing_else(old, monkeypatch):
    written = []

    def interrupted(source, target):
        written.append(source.read_bytes())
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic_io.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(old, "new")
    assert written == [b"new"]  # all of it was there
    assert (old.read_text(encoding="utf-8"), names(old.parent)) == ("old", ["run.json"])


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_between_write_and_rename_leaves_the_old_file_and_the_next_run_clears_up(old):
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_RENAME, str(old)], timeout=600)
    assert killed.returncode == -signal.SIGKILL
    assert (old.read_text(encoding="utf-8"), names(old.parent)) == ("old", ["run.json", "run.json.part"])
    write_whole(old, "newer")  # shorter than what the killed one left
    assert (old.read_text(encoding="utf-8"), names(old.parent)) == ("newer", ["run.json"])


def test_the_unfinished_file_lies_beside_the_finished_one(old, monkeypatch):
    """A rename from another file system would be a copy, and a copy can be cut in half."""
    moves, replace = [], os.replace
    monkeypatch.setattr(atomic_io.os, "replace", lambda *move: moves.append(move) or replace(*move))
    with replacing(old) as file:
        assert names(old.parent) == ["run.json", "run.json.part"]
        file.write(b"new")
        assert old.read_text(encoding="utf-8") == "old"  # whoever reads meanwhile finds it as it was
    assert [(source.parent, target) for source, target in moves] == [(old.parent, old)]
    assert old.read_text(encoding="utf-8") == "new"


def test_the_content_is_on_the_disk_before_it_gets_its_name(old, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(atomic_io.os, "fsync", lambda handle: order.append("to disk") or fsync(handle))
    monkeypatch.setattr(atomic_io.os, "replace", lambda *move: order.append("rename") or replace(*move))
    write_whole(old, "new")
    assert order == ["to disk", "rename"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "whole", "x")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode  # not a temporary file's 0600


@no_permissions
def test_a_folder_that_may_not_be_written_to_is_one_sentence_with_the_way_out(old):
    old.parent.chmod(0o500)
    try:
        with pytest.raises(StorytellerError, match=r"run\.json cannot be written .*; name another place with --out\."):
            write_whole(old, "new")
    finally:
        old.parent.chmod(0o700)
    assert old.read_text(encoding="utf-8") == "old"


def test_a_file_in_the_place_of_a_folder_is_one_sentence(old):
    with pytest.raises(StorytellerError, match="cannot be written"):
        write_whole(old / "story.txt", "x")


def test_a_folder_in_the_place_of_the_file_is_one_sentence_and_nothing_is_left(tmp_path):
    (tmp_path / "run.json" / "inside").mkdir(parents=True)
    with pytest.raises(StorytellerError, match="cannot be written"):
        write_whole(tmp_path / "run.json", "x")
    assert (names(tmp_path), names(tmp_path / "run.json")) == (["run.json"], ["inside"])


def test_the_working_folder_in_the_place_of_the_file_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorytellerError, match=r"\. cannot be written \(Is a directory\); name another place"):
        write_whole(Path(), "x")
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", sorted(atomic_io.NO_ROOM))
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(old, monkeypatch, code):
    def full(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(atomic_io.os, "fsync", full)
    with pytest.raises(StorytellerError, match="The disk is full"):
        write_whole(old, "new")
    assert (old.read_text(encoding="utf-8"), names(old.parent)) == ("old", ["run.json"])


def test_another_fault_of_the_disk_is_not_explained_away(old, monkeypatch):
    def broken(handle):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(atomic_io.os, "fsync", broken)
    with pytest.raises(OSError, match="input/output error"):
        write_whole(old, "new")
    assert names(old.parent) == ["run.json"]


def test_a_zip_is_the_same_bytes_whatever_the_order_and_the_time(monkeypatch):
    first = zipped({"b.txt": b"two", "a/c.txt": b"one"})
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert zipped({"a/c.txt": b"one", "b.txt": b"two"}) == first
    with zipfile.ZipFile(BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {"a/c.txt": b"one", "b.txt": b"two"}


def test_files_and_folders_are_forced_to_the_disk(tmp_path, monkeypatch):
    forced, fsync = [], os.fsync
    monkeypatch.setattr(atomic_io.os, "fsync", lambda handle: forced.append(os.fstat(handle).st_ino) or fsync(handle))
    (tmp_path / "x").write_bytes(b"x")
    force_to_disk(tmp_path / "x")
    force_to_disk(tmp_path)
    wanted = [tmp_path / "x"] if os.name == "nt" else [tmp_path / "x", tmp_path]
    assert forced == [path.stat().st_ino for path in wanted]
