"""What is broken, meant badly or out of reach ends in a sentence, or as a line in the summary; nothing is followed."""

import errno
import os
import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from toy_class import NAME
from toy_collect import aside, course_with_roster, everything, folder_of, handed_in, notebook, posix, zip_of

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake import collect as collecting
from storyteller_grading.classroom.intake import sources
from storyteller_grading.classroom.intake.collect import collect
from storyteller_grading.classroom.roster import roster_text

CONTENT = notebook("the same")


@pytest.fixture
def course(tmp_path) -> Course:
    return course_with_roster(tmp_path / "course")


# --- Zips that are meant badly, or broken


def strange_zip(path: Path, name: str, content: bytes = b"{}", **about: int) -> Path:
    """A zip with a good file, and one that has this name and these attributes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ada.ipynb", notebook("Ada's"))
        info = zipfile.ZipInfo("x" * len(name.encode()))
        info.compress_type = zipfile.ZIP_DEFLATED
        for key, value in about.items():
            setattr(info, key, value)
        archive.writestr(info, content)
    raw = path.read_bytes().replace(b"x" * len(name.encode()), name.encode())
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../alan/evil.ipynb", "leads out of the zip"),
        ("alan/../../evil.ipynb", "leads out of the zip"),
        ("/alan/evil.ipynb", "absolute path"),
        ("C:/alan/evil.ipynb", "absolute path"),
        ("alan\\evil.ipynb", "backslash"),
        ("alan\0/evil.ipynb", "control characters"),
        ("alan/e\x1bvil.ipynb", "control characters"),
        ("alan/e\nvil.ipynb", "control characters"),
    ],
)
def test_a_name_that_is_not_safe_is_nobodys(course, tmp_path, name, why):
    outside = everything(course)
    collected = collect(course, NAME, strange_zip(tmp_path / "all.zip", name, notebook("evil")))
    assert handed_in(course) == {"ada": "Ada's"}
    assert aside(course) == ["evil"]
    [said] = collected.unmatched.values()
    assert why in said
    changed = {path for path in everything(course) if path not in outside}
    assert all(path.startswith(("submitted/ada/", "submitted/_unmatched/")) for path in changed)
    assert not list(tmp_path.rglob("evil.ipynb"))


def test_a_name_that_stands_in_a_zip_twice_is_nobodys(course, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("ada.ipynb", notebook("one"))
        archive.writestr("ADA.ipynb", notebook("two"))
        archive.writestr("alan.ipynb", notebook("Alan's"))
    collect(course, NAME, tmp_path / "all.zip")
    assert handed_in(course) == {"alan": "Alan's"}
    assert aside(course) == ["one", "two"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [("link", "is a link"), ("pipe", "no regular file"), ("zip", "a zip in the zip"), ("bomb", "times its size")],
)
def test_what_must_not_be_unpacked_is_named(course, tmp_path, kind, why, monkeypatch):
    monkeypatch.setattr(sources, "ALWAYS_UNPACKED_BYTES", 1 << 10)
    name, content, about = {
        "link": ("alan.ipynb", b"/etc/passwd", {"external_attr": (stat.S_IFLNK | 0o777) << 16}),
        "pipe": ("alan.ipynb", b"", {"external_attr": (stat.S_IFIFO | 0o666) << 16}),
        "zip": ("alan.zip", b"PK", {}),
        "bomb": ("alan.ipynb", b" " * (1 << 20), {}),
    }[kind]
    collected = collect(course, NAME, strange_zip(tmp_path / "all.zip", name, content, **about))
    assert handed_in(course) == {"ada": "Ada's"}
    [said] = collected.refused.values()
    assert why in said
    assert collected.needs_a_look


def test_packings_that_can_grow_without_bound_are_not_unpacked(course, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("ada.ipynb", notebook("Ada's"))
    collected = collect(course, NAME, tmp_path / "all.zip")
    assert "packed in a way" in collected.refused["ada.ipynb"]
    assert handed_in(course) == {}


def test_a_notebook_too_large_is_named_and_too_much_altogether_is_refused(course, tmp_path, monkeypatch):
    source = zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's", "alan.ipynb": os.urandom(5000)})
    monkeypatch.setattr(sources, "MAX_NOTEBOOK_BYTES", 4000)
    assert "at most" in collect(course, NAME, source).refused["alan.ipynb"]
    monkeypatch.setattr(sources, "MAX_UNPACKED_BYTES", 1)
    with pytest.raises(StorytellerError, match="would unpack to"):
        collect(course, NAME, source)


def test_an_encrypted_zip_is_refused(course, tmp_path):
    path = zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's"})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(StorytellerError, match="is encrypted"):
        collect(course, NAME, path)


def test_a_damaged_zip_leaves_all_as_it_was(course, tmp_path):
    path = zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's", "alan.ipynb": os.urandom(500)})
    before, raw = everything(course), bytearray(path.read_bytes())
    for damage in ("inside", "cut off", "text", "lying"):
        broken = bytearray(raw)
        if damage == "inside":
            at = raw.index(b"alan.ipynb") + 100
            broken[at : at + 8] = bytes(8)
        elif damage == "lying":  # the zip says that the file is smaller than it is
            struct.pack_into("<I", broken, raw.rindex(b"PK\x01\x02") + 24, 10)
        path.write_bytes({"cut off": broken[: len(raw) // 2], "text": b"Sorry, log in first"}.get(damage, broken))
        with pytest.raises(StorytellerError, match=r"damaged.*Nothing was written"):
            collect(course, NAME, path)
        assert everything(course) == before
        assert not list(course.submitted.iterdir())


# --- Folders that are meant badly


@posix
def test_links_pipes_and_zips_in_a_folder_are_named(course, tmp_path):
    source = folder_of(tmp_path / "all", {"ada.ipynb": "Ada's", "zoe.zip": b"PK"})
    (source / "alan.ipynb").symlink_to(source / "ada.ipynb")
    os.mkfifo(source / "ana1.ipynb")
    (source / "ana2").symlink_to(source)
    collected = collect(course, NAME, source)
    assert handed_in(course) == {"ada": "Ada's"}
    assert "is a link" in collected.refused["alan.ipynb"]
    assert "is a link" in collected.refused["ana2"]
    assert "no regular file" in collected.refused["ana1.ipynb"]
    assert "is a zip" in collected.refused["zoe.zip"]


@posix
def test_a_students_place_that_is_a_link_is_not_written_through(course, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    course.submitted.mkdir()
    (course.submitted / "ada").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorytellerError, match="is a link or no folder"):
        collect(course, NAME, zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's"}))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_what_lies_too_deep_in_folders_is_named(course, tmp_path):
    source = folder_of(tmp_path / "all", {"ada.ipynb": "Ada's", f"{'d/' * 9}alan.ipynb": "Alan's"})
    collected = collect(course, NAME, source)
    assert any("too deep" in why for why in collected.refused.values())


@pytest.mark.parametrize("pack", [folder_of, zip_of])
@pytest.mark.parametrize("places", ["{student}/{name}", "{student}/{lesson}/{name}", "class/{student}/{name}"])
@pytest.mark.parametrize("within", ["", "node_modules/"])
def test_very_many_files_of_one_student_stop_nobody(course, tmp_path, monkeypatch, pack, places, within):
    monkeypatch.setattr(sources, "MAX_FILES", 50)
    monkeypatch.setattr(sources, "MAX_INNER_FILES", 20)

    def path(student: str, name: str) -> str:
        return places.format(student=student, lesson=NAME, name=name)

    files = {path("ada", f"{NAME}.ipynb"): "Ada's", path("zoe", f"{NAME}.ipynb"): "Zoe's"}
    files |= {path("ada", f"{within}{number:05}.txt"): b"" for number in range(60)}
    collected = collect(course, NAME, pack(tmp_path / "all.zip", files))
    assert handed_in(course) == {"ada": "Ada's", "zoe": "Zoe's"}
    (said,) = collected.refused.values()
    assert "no more are read" in said
    assert set(collected.whose.values()) == {"ada"}
    assert collected.needs_a_look


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such a name")
def test_a_name_that_is_no_text_is_nobodys(course, tmp_path):
    source = folder_of(tmp_path / "all", {"ada.ipynb": "Ada's"})
    (source / os.fsdecode(b"alan\xff.ipynb")).write_bytes(notebook("X"))
    assert "broken letters" in "".join(collect(course, NAME, source).unmatched.values())
    assert aside(course) == ["X"]


def test_what_is_nothing_to_collect_is_a_sentence(course, tmp_path):
    for source in (folder_of(tmp_path / "empty", {"notes.txt": b""}), tmp_path / "missing"):
        with pytest.raises(StorytellerError, match=r"has no notebook of 09_toys|There is no"):
            collect(course, NAME, source)
    course.roster_file.write_text(roster_text([]), encoding="utf-8")
    with pytest.raises(StorytellerError, match="names no student"):
        collect(course, NAME, zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's"}))


# --- Any byte, any name, any place


def test_any_byte_may_be_wrong(course, tmp_path):
    source = zip_of(tmp_path / "all.zip", {"lovelaceada_LATE_1001_7_toys-1.ipynb": CONTENT})
    whole = source.read_bytes()
    collected = 0
    for at in range(len(whole)):
        source.write_bytes(whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :])
        try:
            collect(course, NAME, source)
        except StorytellerError:
            continue
        collected += 1
    assert 0 < collected < len(whole)
    assert {path.read_bytes() for path in course.submitted.rglob("*.ipynb")} == {CONTENT}


@pytest.mark.parametrize("name", ["", "\0", "\0.ipynb"])
def test_a_file_without_a_name_stops_nobody(course, tmp_path, name):
    source = zip_of(tmp_path / "all.zip", {"ada.ipynb": CONTENT, "~" * len(name) or "~": CONTENT})
    raw = source.read_bytes()
    if name:
        raw = raw.replace(b"~" * len(name), name.encode())
    else:  # its entry in the zip's table says that the name has no letter, and the letter is a comment's
        at = raw.rindex(b"PK\x01\x02")
        raw = raw[: at + 28] + bytes(4) + b"\1\0" + raw[at + 34 :]
    source.write_bytes(raw)
    collected = collect(course, NAME, source)
    assert collected.new == ["ada"]


def test_the_same_notebook_under_two_names_that_become_one_lies_aside_once(course, tmp_path):
    collected = collect(
        course, NAME, zip_of(tmp_path / "all.zip", {"no body.ipynb": CONTENT, "no+body.ipynb": CONTENT})
    )
    assert list(collected.unmatched) == ["no body.ipynb", "no+body.ipynb"]
    [kept] = (course.submitted / "_unmatched").iterdir()
    assert kept.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        (sources.zipfile, "ZipFile", r"all.zip cannot be read \(.*\): see"),
        (collecting.tempfile, "TemporaryDirectory", r"course cannot be written \(.*\); see"),
    ],
)
def test_what_may_not_be_read_or_written_is_named(course, tmp_path, monkeypatch, module, name, said):
    source = zip_of(tmp_path / "all.zip", {"ada.ipynb": CONTENT})

    def denied(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(module, name, denied)
    with pytest.raises(StorytellerError, match=said):
        collect(course, NAME, source)


def test_what_a_killed_run_left_behind_goes_with_the_next(course, tmp_path):
    left = course.submitted / ".collect-killed"
    (left / "students" / "ada").mkdir(parents=True)
    collect(course, NAME, zip_of(tmp_path / "all.zip", {"ada.ipynb": CONTENT}))
    assert [path.name for path in course.submitted.iterdir()] == ["ada"]
