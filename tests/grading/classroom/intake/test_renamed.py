"""What a student handed in under another ending is taken if it is this lesson's notebook, and named if it is not."""

import json

import pytest
from toy_class import NAME, make_lesson
from toy_class import notebook as filled
from toy_collect import course_with_roster, folder_of, handed_in, notebook, posix, zip_of

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake.collect import collect, is_of_lesson
from storyteller_grading.classroom.intake.identify_student import split_attempt
from storyteller_grading.cli import main
from storyteller_grading.commands.course import print_collected
from storyteller_grading.judge.notebooks import read_notebook, read_release

RENAMED = [
    "toys.ipynb.txt",
    "toys.ipynb.json",
    "toys.json",
    "toys.txt",
    "toys",
    "toys.ipynb_",
    "toys.ipynb.download",
    "toys.ipynb.bak",
    "toys.ipynb (1)",
    "toys.html",
    f"{NAME}.ipynb.txt",
    "TOYS.IPYNB.TXT",
]


@pytest.fixture
def course(tmp_path) -> Course:
    return course_with_roster(tmp_path / "course")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    home = make_lesson(tmp_path_factory.mktemp("lesson"))
    return home, read_release(home / f"{NAME}.ipynb")


@pytest.mark.parametrize("name", RENAMED)
def test_a_notebook_under_any_name_is_taken(course, tmp_path, name):
    collected = collect(course, NAME, zip_of(tmp_path / "all.zip", {f"ada/{name}": "Ada's"}))
    assert handed_in(course) == {"ada": "Ada's"}
    assert not collected.needs_a_look


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_notebook_in_any_encoding_is_taken(course, tmp_path, encoding):
    content = notebook("Ada's").decode().encode(encoding)
    assert collect(course, NAME, zip_of(tmp_path / "all.zip", {"ada/toys.json": content})).new == ["ada"]


def test_the_forms_of_lmss_are_read_with_other_endings_too(course, tmp_path):
    files = {
        "lovelaceada_1001_7_toys.ipynb.txt": "Ada's",
        "Alan Turing_12_assignsubmission_file_/toys.json": "Alan's",
        f"zoe_{NAME}.ipynb.json": "Zoe's",
    }
    collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's", "zoe": "Zoe's"}


def test_only_this_lessons_notebook_counts_and_before_others_of_the_student(course, release, tmp_path):
    home, cells = release
    right, other = json.dumps(filled(home)).encode(), notebook("another lesson's")
    files = {
        "ada/a.json": right,
        "ada/z.json": other,
        "ada/package.json": b'{"name": "x"}',
        "alan/a.ipynb": right,
        f"alan/{NAME}.ipynb": b"",
        "zoe/z.json": other,
        "ana1/x.ipynb": other,  # it is called a notebook, so that the judge says what is wrong with it
    }
    collected = collect(course, NAME, folder_of(tmp_path / "all", files), release=cells)
    taken = {one.student: one.notebook.read_bytes() for one in course.submissions(NAME)}
    assert taken == {"ada": right, "alan": right, "ana1": other}
    assert collected.left == {"ada": ["ada/package.json", "ada/z.json"]}
    assert collected.refused == {"zoe/z.json": "is no notebook of this lesson"}
    assert collected.whose == {"zoe/z.json": "zoe"}


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_what_was_not_taken_is_named_with_its_student(course, tmp_path, form):
    files = {
        "Ada Lovelace_1_assignsubmission_file_/toys.pdf": b"%PDF",
        "Ada Lovelace_1_assignsubmission_file_/toys.py": b"x = 1",
        "Alan Turing_2_assignsubmission_file_/toys.zip": b"PK",
        "Zoe ONeill_3_assignsubmission_file_/toys.ipynb": "Zoe's",
        "Zoe ONeill_3_assignsubmission_file_/notes.txt": b"see my work",
        "Zoe ONeill_3_assignsubmission_file_/.ipynb_checkpoints/toys-checkpoint.ipynb": "older",
        "ana1/.ipynb_checkpoints/toys-checkpoint.ipynb": "all that there is",
    }
    source = zip_of(tmp_path / "all.zip", files) if form == "zip" else folder_of(tmp_path / "all", files)
    collected = collect(course, NAME, source)
    assert handed_in(course) == {"zoe": "Zoe's"}
    assert sorted(collected.whose.values()) == ["ada", "alan", "ana1"]
    assert any("toys.py" in path + why for path, why in collected.refused.items())
    assert collected.left == {"zoe": ["Zoe ONeill_3_assignsubmission_file_/notes.txt"]}


def test_the_courses_own_files_are_not_named(course, tmp_path):
    course.bundles.mkdir()
    zip_of(
        course.bundles / f"{NAME}.zip",
        {f"{NAME}/checks/double.py": b"", f"{NAME}/README.md": b"", f"{NAME}/x.whl": b""},
    )
    files = {f"ada/{NAME}.ipynb": "Ada's", "ada/checks/double.py": b"1", "ada/README.md": b"2", "ada/mine.md": b"3",
             "ada/stand_ins.zip": b"PK", "ada/mistakes.zip": b"PK"}  # fmt: skip
    collected = collect(course, NAME, folder_of(tmp_path / "all", files))
    assert collected.left["ada"][0] == "ada/mine.md"
    assert not collected.needs_a_look
    assert not any("checks" in path or "README" in path for path in collected.left["ada"])


@posix
def test_the_exchange_gives_renamed_notebooks_and_names_who_handed_in_none(course, tmp_path):
    root = tmp_path / "exchange"
    config = f'c = get_config()\nc.Exchange.root = {str(root)!r}\nc.CourseDirectory.course_id = "toys"\n'
    (course.folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    place, when = root / "toys" / "inbound", "2026-10-01 09:00:00 UTC"
    folder_of(place / f"ada+{NAME}+{when}", {"toys.ipynb.txt": "Ada's", "timestamp.txt": when.encode()})
    folder_of(place / f"alan+{NAME}+{when}", {"toys.pdf": b"%PDF", "timestamp.txt": when.encode()})
    (place / f"zoe+{NAME}+{when}").mkdir()
    collected = collect(course, NAME)
    assert handed_in(course) == {"ada": "Ada's"}
    assert sorted(collected.whose.values()) == ["alan", "zoe"]


def test_autograde_does_not_say_that_who_was_refused_handed_in_nothing(course, release, tmp_path, capsys):
    home, _ = release
    bad = {"alan/toys.zip": b"PK", "zoe/toys.pdf": b"%PDF", "who.ipynb": "whose?"}
    collect(course, NAME, folder_of(tmp_path / "bad", bad))
    with pytest.raises(SystemExit) as stopped:
        main(["autograde", str(home), "--course", str(course.folder), "--unsafe"])
    assert stopped.value.code == 2
    assert "collect took nothing of alan, zoe" in capsys.readouterr().err
    collect(course, NAME, folder_of(tmp_path / "one", {"ada/toys.ipynb": b"{}"}))
    summary = autograde(course, home, GradingOptions(unsafe=True))
    assert summary.missing == ["ana1", "ana2"]
    assert [one.partition(" ")[0] for one in sorted(summary.not_taken)] == ["alan", "zoe"]
    assert "is a zip" in sorted(summary.not_taken)[0]
    assert summary.nobodys == 1
    collect(course, NAME, folder_of(tmp_path / "good", {"alan/toys.ipynb": "now a notebook"}))
    assert course.not_taken(NAME).keys() == {"zoe"}


def test_a_source_of_another_lesson_is_refused_and_the_work_of_this_one_stays(course, release, tmp_path):
    home, cells = release
    right, other = json.dumps(filled(home)).encode(), notebook("another lesson's")
    collect(course, NAME, folder_of(tmp_path / "all", {"ada/toys.ipynb": right}), release=cells)
    files = {"ada/toys.ipynb": other, "alan/toys.ipynb": other}
    with pytest.raises(StorytellerError, match=f"No notebook there has a cell of {NAME}, such as that of ada: name"):
        collect(course, NAME, zip_of(tmp_path / "other.zip", files), release=cells)
    assert [(one.student, one.notebook.read_bytes()) for one in course.submissions(NAME)] == [("ada", right)]


def test_who_alone_handed_in_another_lesson_is_named(course, release, tmp_path, capsys):
    home, cells = release
    right, other = json.dumps(filled(home)).encode(), notebook("another lesson's")
    source = folder_of(tmp_path / "all", {"ada/toys.ipynb": right, "alan/toys.ipynb": other, "zoe/toys.ipynb": b""})
    collected = collect(course, NAME, source, release=cells)
    assert (collected.of_others, collected.needs_a_look) == (["alan"], True)
    print_collected(collected, course.submitted)
    assert "1 handed in a notebook without a cell of this lesson, and gets 0 points: alan" in capsys.readouterr().out


@pytest.mark.parametrize("other", ["02_understanding_transformers", "05_full_training_and_inference"])
def test_the_cells_that_every_lesson_has_do_not_make_a_notebook_this_lessons(other):
    lesson = ROOT / "lessons" / "01_data_preparation" / "01_data_preparation.ipynb"
    solved = [ROOT / "solutions" / f"{name}.ipynb" for name in ("01_data_preparation", other)]
    assert [is_of_lesson(read_notebook(path), read_release(lesson)) for path in solved] == [True, False]


LESSONS = sorted(path.stem for path in (ROOT / "solutions").glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_notebook_of_another_lesson_is_that_ones_though_both_have_a_function_of_the_same_name(lesson):
    release = read_release(ROOT / "lessons" / lesson / f"{lesson}.ipynb")
    taken = [name for name in LESSONS if is_of_lesson(read_notebook(ROOT / "solutions" / f"{name}.ipynb"), release)]
    assert taken == [lesson]


def test_a_function_of_the_lesson_counts_where_the_metadata_are_lost_and_all_its_cells_in_any_notebook(release):
    home, cells = release
    copied = filled(home)
    copied["metadata"]["storyteller"] = {"lesson": "01_other"}
    assert is_of_lesson(read_notebook(home, json.dumps(copied).encode()), cells)
    for lesson, counts in ((None, True), ({"lesson": NAME}, True), ({"lesson": "01_other"}, False), (7, True)):
        metadata = {"storyteller": lesson} if lesson else {}
        code = {"cell_type": "code", "metadata": {}, "source": "def double(number):\n    return 0"}
        one = {"cells": [code], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        assert is_of_lesson(read_notebook(home, json.dumps(one).encode()), cells) == counts


@pytest.mark.parametrize("place", [".", "submitted", "source"])
def test_the_courses_own_folders_are_not_collected(course, release, place):
    (course.folder / place).mkdir(exist_ok=True)
    with pytest.raises(StorytellerError, match="is the course's own: name a folder with what students handed in"):
        collect(course, NAME, course.folder / place, release=release[1])
    assert handed_in(course) == {}


def test_the_summary_names_them(course, release, tmp_path, capsys):
    home, _ = release
    files = {"ada/toys.ipynb": "x", "ada/notes.txt": b"", "alan/toys.pdf": b"", "alan/toys.docx": b"", "me.md": b""}
    with pytest.raises(SystemExit) as stopped:
        main(["collect", str(home), str(folder_of(tmp_path / "all", files)), "--course", str(course.folder)])
    said = capsys.readouterr().out
    assert stopped.value.code == 1
    assert "Left of ada: ada/notes.txt" in said
    assert "Left of nobody on the roster: me.md" in said
    assert "NOT TAKEN: alan, alan/toys.docx: is no notebook of this lesson, and neither are alan/toys.pdf." in said


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("01_toys.ipynb", ("01_toys", 0)),
        ("01_toys(3).ipynb", ("01_toys", 3)),
        ("01_toys-Copy2.ipynb", ("01_toys", 2)),
        ("01_toys (1).ipynb.txt", ("01_toys", 1)),
        ("01_toys.ipynb (4).json", ("01_toys", 4)),
        ("01_toys", ("01_toys", 0)),
        (".ipynb", (".ipynb", 0)),
        ("", ("", 0)),
    ],
)
def test_which_time_it_was_handed_in(file, read):
    assert split_attempt(file) == read
