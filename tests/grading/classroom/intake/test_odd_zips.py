"""Zips as macOS, Windows and PowerShell really make them are read; so is what they are unpacked to."""

import zipfile
from pathlib import Path

import pytest
from toy_class import NAME
from toy_collect import aside, course_with_roster, folder_of, handed_in, notebook

from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake.collect import collect


@pytest.fixture
def course(tmp_path) -> Course:
    return course_with_roster(tmp_path / "course")


def raw_zip(path: Path, names: dict[str, bytes], *, system: int = 3) -> Path:
    """A zip whose names have these bytes and no flag that tells their encoding; the texts are what is in the files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(names):
            info = zipfile.ZipInfo(f"{number:04}" + "~" * (len(names[text]) - 4))
            info.create_system = system
            archive.writestr(info, notebook(text))
    content = path.read_bytes()
    for number, text in enumerate(names):
        content = content.replace(f"{number:04}".encode() + b"~" * (len(names[text]) - 4), names[text])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["Zoë O'Neill", "Zoe\u0308 O'Neill"])
def test_macos_writes_utf_8_without_saying_so(course, tmp_path, name):
    names = {"Zoe's": f"{name}_12_assignsubmission_file_/toys.ipynb".encode(), "Ada's": b"ada/toys.ipynb"}
    collect(course, NAME, raw_zip(tmp_path / "all.zip", names))
    assert handed_in(course) == {"ada": "Ada's", "zoe": "Zoe's"}


def test_names_in_the_code_page_of_dos_are_read_as_zip_has_it(course, tmp_path):
    collect(course, NAME, raw_zip(tmp_path / "all.zip", {"Zoe's": "Zoë O'Neill/toys.ipynb".encode("cp437")}))
    assert handed_in(course) == {"zoe": "Zoe's"}


def test_an_encoding_that_nobody_knows_is_nobodys_unless_an_id_tells(course, tmp_path):
    names = {"X": "Zoë O'Neill/toys.ipynb".encode("cp1252"), "Alan's": "türing_1002_7_toys.ipynb".encode("cp1252")}
    collect(course, NAME, raw_zip(tmp_path / "all.zip", names))
    assert handed_in(course) == {"alan": "Alan's"}
    assert aside(course) == ["X"]


@pytest.mark.parametrize("wrapper", [b"", b"handed in\\"])
@pytest.mark.parametrize("system", [0, 3])
def test_powershell_5_writes_backslashes(course, tmp_path, wrapper, system):
    names = {
        "Ada's": wrapper + b"Ada Lovelace_12_assignsubmission_file_\\toys.ipynb",
        "Alan's": wrapper + b"Alan Turing_13_assignsubmission_file_\\my work\\toys.ipynb",
    }
    collect(course, NAME, raw_zip(tmp_path / "all.zip", names, system=system))
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's"}


def test_powershell_5_may_have_files_beside_the_folders(course, tmp_path):
    names = {"Ada's": b"ada\\toys.ipynb", "Alan's": b"alan.ipynb"}
    collect(course, NAME, raw_zip(tmp_path / "all.zip", names, system=0))
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's"}


@pytest.mark.parametrize("name", [b"..\\..\\alan\\x.ipynb", b"\\alan\\x.ipynb", b"C:\\alan\\x.ipynb"])
def test_backslashes_lead_out_of_no_folder(course, tmp_path, name):
    collected = collect(course, NAME, raw_zip(tmp_path / "all.zip", {"X": name}, system=0))
    assert handed_in(course) == {}
    assert "leads out" in str(collected.unmatched) or "absolute path" in str(collected.unmatched)


def test_a_backslash_in_a_single_name_is_nobodys_with_a_way_out(course, tmp_path):
    names = {"X": b"alan\\toys.ipynb", "Ada's": b"ada/toys.ipynb"}
    collected = collect(course, NAME, raw_zip(tmp_path / "all.zip", names))
    assert handed_in(course) == {"ada": "Ada's"}
    assert "unpack the zip, and collect the folder" in collected.unmatched["alan\\toys.ipynb"]


@pytest.mark.parametrize("litter", ["._toys.ipynb", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/x.ipynb"])
def test_what_programs_leave_is_no_work_of_anybodys(course, tmp_path, litter):
    source = folder_of(tmp_path / "all", {"ada/toys.ipynb": "Ada's", f"ada/{litter}": b"\0\5\26\7"})
    collected = collect(course, NAME, source)
    assert handed_in(course) == {"ada": "Ada's"}
    assert (collected.notes, collected.left, collected.others) == ([], {}, 0)


@pytest.mark.parametrize("name", ["山田\u3000太郎", "Ada\u00a0Lovelace", "می‌خواهم", "👩\u200d💻"])
def test_spaces_and_joiners_of_all_scripts_are_no_broken_letters(course, tmp_path, name):
    source = folder_of(tmp_path / "all", {f"{name}/toys.ipynb": "X"})
    assert "broken" not in str(collect(course, NAME, source).unmatched)
