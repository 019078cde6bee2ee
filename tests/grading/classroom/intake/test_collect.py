"""Whatever a class hands in, and however, ends at its student, or aside with a reason; nothing is lost or followed."""

import json
import os
from pathlib import Path

import pytest
from toy_class import NAME
from toy_class import notebook as filled
from toy_collect import aside, course_with_roster, everything, folder_of, handed_in, notebook, posix, zip_of

from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import load_lesson
from storyteller_grading.builder.lesson_folders import lesson_folder
from storyteller_grading.classroom.autograde.gradebook import nbgrader_config
from storyteller_grading.classroom.course import Course, nbgrader_time
from storyteller_grading.classroom.intake import sources
from storyteller_grading.classroom.intake.collect import collect
from storyteller_grading.cli import main


@pytest.fixture
def course(tmp_path) -> Course:
    return course_with_roster(tmp_path / "course")


# --- Where it comes from


def test_canvas(course, tmp_path):
    source = zip_of(
        tmp_path / "submissions.zip",
        {
            f"lovelaceada_1001_501_{NAME}.ipynb": "Ada's first",
            f"lovelaceada_1001_502_{NAME}-1.ipynb": "Ada's second",
            "lovelaceada_1001_503_notes.pdf": b"%PDF",
            f"turingalan_LATE_1002_504_{NAME}.ipynb": "Alan's",
            "oneillzoë_1003_505_my_12_34_work (2).ipynb": "Zoe's",
            "garcíaana_1004_506_x.ipynb": "one of two Anas'",
            f"turingalan_1099_507_{NAME}.ipynb": "of somebody who calls himself Alan Turing",
            f"anon_xY3a_508_{NAME}.ipynb": "of nobody",
        },
    )
    collected = collect(course, NAME, source)
    assert handed_in(course) == {"ada": "Ada's second", "alan": "Alan's", "zoe": "Zoe's"}
    assert collected.new == ["ada", "alan", "zoe"]
    assert collected.late == ["alan"]
    assert collected.others == 1
    assert aside(course) == ["of nobody", "of somebody who calls himself Alan Turing", "one of two Anas'"]
    reasons = "\n".join(collected.unmatched.values())
    assert "may be ana1 or ana2" in reasons
    assert "alan has the LMS's id 1002, not 1099" in reasons
    assert "the roster has nobody of this name" in reasons
    assert any("ada handed in 2 notebooks" in note and "-1.ipynb was taken" in note for note in collected.notes)
    assert not (course.submitted / "alan" / NAME / "timestamp.txt").exists()


@pytest.mark.parametrize("wrapper", ["", "toys-4711/"])
@pytest.mark.parametrize("folders", [True, False])
def test_moodle(course, tmp_path, folders, wrapper):
    between = "/" if folders else "_"
    people = {"Ada Lovelace_71": "Ada's", "TURING Alan_72": "Alan's", "Zoe ONeill_73": "Zoe's", "Participant_74": "X"}
    files = {f"{wrapper}{one}_assignsubmission_file{between}toys.ipynb": text for one, text in people.items()}
    files |= {f"{wrapper}Ada Lovelace_71_assignsubmission_onlinetext{between}onlinetext.html": b"<p>"}
    collect(course, NAME, zip_of(tmp_path / "moodle.zip", files))
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's", "zoe": "Zoe's"}
    assert aside(course) == ["X"]


def test_what_a_student_writes_into_a_name_does_not_make_it_anothers(course, tmp_path):
    files = {
        "Alan Turing_72_assignsubmission_file/Ada Lovelace_71_assignsubmission_file.ipynb": "Alan's",
        "Alan Turing_72_assignsubmission_file/ada/lovelaceada_1001_5_x.ipynb": "Alan's",
        "oneillzoe_1003_505_lovelaceada_1001_5_x.ipynb": "Zoe's or Ada's",
        "stranger/ada.ipynb": "a stranger's",
        "stranger/timestamp.txt": b"2020-01-01 00:00:00 UTC",
    }
    collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert handed_in(course) == {"alan": "Alan's"}
    assert aside(course) == ["Zoe's or Ada's", "a stranger's"]


def test_a_folder_of_files_and_folders_named_by_student(course, tmp_path):
    source = folder_of(
        tmp_path / "all",
        {
            "ADA.ipynb": "Ada's",
            f"alan_{NAME}.ipynb": "Alan's",
            "zoe@example.org/work.ipynb": "Zoe's",
            "Garcia, Ana.ipynb": "one of two Anas'",
            "ana1/.ipynb_checkpoints/old.ipynb": "old",
            "ana1/new.ipynb": "Ana's",
        },
    )
    collect(course, NAME, source)
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's", "zoe": "Zoe's", "ana1": "Ana's"}
    assert aside(course) == ["one of two Anas'"]


def test_nbgraders_own_folder_keeps_its_times_and_other_lessons_apart(course, tmp_path):
    source = folder_of(
        tmp_path / "submitted",
        {
            f"ada/{NAME}/{NAME}.ipynb": "Ada's",
            f"ada/{NAME}/timestamp.txt": b"2026-10-02 10:00:00 UTC\n",
            "ada/01_other/01_other.ipynb": "another lesson",
            f"alan/{NAME}/{NAME}.ipynb": "Alan's",
            f"alan/{NAME}/timestamp.txt": b"soon",
        },
    )
    collected = collect(course, NAME, source)
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's"}
    [ada, alan] = course.submissions(NAME)
    assert nbgrader_time(ada.submitted_at).startswith("2026-10-02 10:00:00")
    assert alan.submitted_at is None
    assert collected.others == 1  # the other lesson's


# --- nbgrader's exchange


@pytest.fixture
def exchange(course, tmp_path) -> Path:
    """The folder into which students hand in."""
    root = tmp_path / "exchange"
    config = f'c = get_config()\nc.Exchange.root = {str(root)!r}\nc.CourseDirectory.course_id = "toys"\n'
    (course.folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    assert nbgrader_config(course).CourseDirectory.course_id == "toys"
    place = root / "toys" / "inbound"
    place.mkdir(parents=True)
    return place


@posix
def test_the_exchange_gives_the_latest_with_its_time_and_ticket(course, exchange):
    early, late = "2026-10-01 09:00:00.000001 UTC", "2026-10-02 09:00:00.000001 UTC"
    folder_of(exchange / f"ada+{NAME}+{early}+xyz", {f"{NAME}.ipynb": "early"})
    folder_of(
        exchange / f"ada+{NAME}+{late}+abc",
        {f"{NAME}.ipynb": "late", "submission_secret.txt": b"ticket", "more.ipynb": "more", "data.csv": b"1"},
    )
    folder_of(exchange / f"ada+another+{late}", {"another.ipynb": "another"})
    folder_of(exchange / f"mallory+{NAME}+{late}", {f"{NAME}.ipynb": "whose?"})
    collected = collect(course, NAME)
    place = course.submitted / "ada" / NAME
    assert handed_in(course) == {"ada": "late"}
    assert (place / "timestamp.txt").read_text(encoding="utf-8") == late
    assert (place / "submission_secret.txt").read_bytes() == b"ticket"
    assert sorted(path.name for path in place.iterdir()) == [f"{NAME}.ipynb", "submission_secret.txt", "timestamp.txt"]
    assert aside(course) == ["whose?"]
    assert any("ada's, and another user owns it" in note for note in collected.notes)  # who runs this is not ada
    before = everything(course)
    assert collect(course, NAME).same == ["ada"]
    assert everything(course) == before


@posix
def test_what_nbgrader_itself_submits_is_collected(course, exchange, home, monkeypatch, tmp_path):
    from nbgrader.auth import Authenticator
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange.default import ExchangeSubmit

    exchange.chmod(0o777)
    released = exchange.parent / "outbound" / NAME
    for place in (released, tmp_path / "work" / NAME):
        folder_of(
            place, {f"{NAME}.ipynb": "Ada's", "checks/double.py": b"", "mistakes.zip": b"PK"}
        )  # as it was released
    monkeypatch.chdir(tmp_path / "work")
    config = nbgrader_config(course)
    config.Exchange.cache = str(tmp_path / "cache")
    config.CourseDirectory.update(student_id="ada", assignment_id=NAME)
    directory = CourseDirectory(config=config, root=str(tmp_path / "work"))
    ExchangeSubmit(coursedir=directory, authenticator=Authenticator(config=config), config=config).start()
    monkeypatch.chdir(course.folder)
    assert not collect(course, NAME).needs_a_look
    [handed] = course.submissions(NAME)
    [folder] = exchange.iterdir()
    assert handed_in(course) == {"ada": "Ada's"}
    for file in ("timestamp.txt", "submission_secret.txt"):
        assert (handed.notebook.parent / file).read_text() == (folder / file).read_text()


@posix
def test_links_in_the_exchange_lead_nowhere(course, exchange, tmp_path):
    secret = tmp_path / "solution.ipynb"
    secret.write_bytes(notebook("the answers"))
    folder = exchange / f"ada+{NAME}+2026-10-01 09:00:00 UTC"
    folder.mkdir()
    (folder / f"{NAME}.ipynb").symlink_to(secret)
    (folder / "submission_secret.txt").symlink_to(course.secret_file)
    (exchange / f"alan+{NAME}+2026-10-01 09:00:00 UTC").symlink_to(tmp_path)
    zoe = exchange / f"zoe+{NAME}+2026-10-01 09:00:00 UTC"
    folder_of(zoe, {f"{NAME}.ipynb": "Zoe's"})
    (zoe / "submission_secret.txt").symlink_to(course.secret_file)
    collected = collect(course, NAME)
    assert handed_in(course) == {"zoe": "Zoe's"}
    assert not (course.submitted / "zoe" / NAME / "submission_secret.txt").exists()
    assert any("is a link" in why for why in collected.refused.values())
    assert not any(b"the answers" in path.read_bytes() for path in course.submitted.rglob("*.ipynb"))


@posix
@pytest.mark.parametrize("name", ["ada", "Ada Lovelace"])
def test_a_classmate_cannot_hand_in_for_another(course, exchange, monkeypatch, name):
    folder_of(exchange / f"ada+{NAME}+2026-10-01 09:00:00 UTC", {f"{NAME}.ipynb": "Ada's"})
    folder_of(exchange / f"{name}+{NAME}+2026-10-02 09:00:00 UTC", {f"{NAME}.ipynb": "Mallory's"})
    monkeypatch.setattr(sources, "owner_of", lambda path: "ada" if "10-01" in path.name else "mallory")
    collected = collect(course, NAME)
    assert handed_in(course) == {"ada": "Ada's"}
    [why] = collected.refused.values()
    assert "another user owns it" in why


@posix
def test_a_folder_that_becomes_a_link_while_it_is_read_is_not_followed(tmp_path):
    folder_of(tmp_path / "in" / "ada", {"x.ipynb": "Ada's"})
    folder_of(tmp_path / "private", {"x.ipynb": "the answers"})
    [found] = sources.files_below(tmp_path / "in")
    (tmp_path / "in" / "ada").rename(tmp_path / "gone")
    (tmp_path / "in" / "ada").symlink_to(tmp_path / "private")
    with pytest.raises(StorytellerError, match="cannot be opened"):
        found.read()


def test_without_an_exchange_and_without_anything_in_it_there_is_a_way_out(course, tmp_path):
    (course.folder / "nbgrader_config.py").write_text(
        f'c = get_config()\nc.Exchange.root = {str(tmp_path)!r}\nc.CourseDirectory.course_id = "toys"\n'
    )
    with pytest.raises(StorytellerError, match="There is no exchange at"):
        collect(course, NAME)
    (tmp_path / "toys" / "inbound").mkdir(parents=True)
    with pytest.raises(StorytellerError, match="has nothing of 09_toys"):
        collect(course, NAME)


# --- Again


def test_collecting_twice_changes_nothing(course, tmp_path):
    source = zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's", "who.ipynb": "X"})
    collect(course, NAME, source)
    before = everything(course)
    collected = collect(course, NAME, source)
    assert (collected.new, collected.newer, collected.same) == ([], [], ["ada"])
    assert everything(course) == before


def test_a_newer_one_replaces_an_older_one_which_is_kept(course, tmp_path):
    for text in ("first", "second", "third", "second"):
        collect(course, NAME, zip_of(tmp_path / "all.zip", {"ada.ipynb": text}))
        assert handed_in(course) == {"ada": text}
    kept = [path.read_bytes() for path in (course.submitted / "_before" / "ada").rglob("*.ipynb")]
    assert sorted(kept) == sorted(notebook(text) for text in ("first", "second", "third"))
    assert course.passed_over() == []


def test_an_older_one_does_not_replace_a_newer_one(course, tmp_path):
    layout = f"ada/{NAME}/{NAME}.ipynb", f"ada/{NAME}/timestamp.txt"
    for when, text in (("2026-10-02 00:00:00 UTC", "newer"), ("2026-10-01 00:00:00 UTC", "older")):
        source = folder_of(tmp_path / text, dict(zip(layout, (notebook(text), when.encode()), strict=True)))
        collected = collect(course, NAME, source)
    assert handed_in(course) == {"ada": "newer"}
    assert collected.older == ["ada"]


def test_what_goes_wrong_while_moving_is_undone(course, tmp_path, monkeypatch):
    collect(course, NAME, zip_of(tmp_path / "one.zip", {"ada.ipynb": "old", "alan.ipynb": "old"}))
    before = everything(course)
    rename, calls = os.rename, []

    def fails(source, target):
        calls.append(target)
        if ".collect-" not in str(target) and "zoe" in str(target):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(StorytellerError, match="The disk is full"):
        collect(course, NAME, zip_of(tmp_path / "two.zip", {f"{one}.ipynb": "new" for one in ("ada", "alan", "zoe")}))
    monkeypatch.undo()
    assert everything(course) == before
    assert not list(course.submitted.glob(".collect-*"))


def test_two_at_once_are_refused(course, tmp_path):
    from storyteller_grading.classroom.course import course_lock

    source = zip_of(tmp_path / "all.zip", {"ada.ipynb": "Ada's"})
    with course_lock(course), pytest.raises(StorytellerError, match="Another storyteller-grade"):
        collect(course, NAME, source)
    collect(course, NAME, source)


# --- The command


def test_the_command_says_what_came_of_it_and_whether_to_look(course, home, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(home.parent)
    lesson = load_lesson(lesson_folder(str(home)))
    right = json.dumps(filled(home)).encode()
    good = zip_of(tmp_path / "good.zip", {"ada.ipynb": right, "alan.ipynb": right})
    bad = zip_of(tmp_path / "bad.zip", {"ada.ipynb": "newer", "<script>.ipynb": "X", "\x1b[31mred.ipynb": "Y"})
    for source, code in ((good, 0), (good, 0), (bad, 1), (tmp_path / "none.zip", 2)):
        with pytest.raises(SystemExit) as stopped:
            main(["collect", str(home), str(source), "--course", str(course.folder)])
        assert stopped.value.code == code
    said = capsys.readouterr()
    assert f"{lesson.name}: 2 students (2 new)." in said.out
    assert "2 students (2 unchanged)." in said.out
    assert "1 student (1 newer)." in said.out
    assert said.out.count("NOBODY'S: ") == 2
    assert "\x1b" not in said.out
    assert "_unmatched: move each to STUDENT/" in said.out.replace("\n", " ")
    assert "There is no" in said.err
