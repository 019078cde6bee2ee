"""The gradebook is nbgrader's own: what the judge found goes in, what a person entered stays."""

import csv
import dataclasses
import sqlite3
from datetime import UTC, datetime

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import CsvExportPlugin
from sqlalchemy import text
from test_formgrader_notebooks import HOSTILE, tags_of
from toy_class import NAME, POINTS, make_course, outcome, table
from traitlets.config import Config

from storyteller.errors import StorytellerError
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.nbgrader_release import configure
from storyteller_grading.classroom.autograde.autograde import Summary, reconcile
from storyteller_grading.classroom.autograde.gradebook import LessonBook, open_gradebook
from storyteller_grading.classroom.autograde.records import Records

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A gradebook that nbgrader has made, to copy: making one takes seconds."""
    course = make_course(tmp_path_factory.mktemp("empty") / "course")
    open_gradebook(course).close()
    return (course.folder / "gradebook.db").read_bytes()


@pytest.fixture
def course(tmp_path, empty):
    made = make_course(tmp_path / "course")
    (made.folder / "gradebook.db").write_bytes(empty)
    return made


@pytest.fixture
def enter(course, home):
    """Enter an outcome as autograde does."""

    def book(found, when=None):
        with Records(course.records_file) as records, LessonBook(course, NAME, home / f"{NAME}.ipynb") as lesson:
            before = [one for one in records.history(NAME, found.student) if one.booked]
            records.put(found, when)
            record = records.latest(NAME, found.student)
            lesson.book(record, before[-1] if before else None)
            records.book(record)
            assert lesson.has(records.latest(NAME, found.student))

    return book


def grade_by_hand(course, student, cell, score):
    with Gradebook(course.gradebook_url) as book:
        grade = book.find_grade(cell, NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = score, False
        book.db.commit()


def test_points_are_automatic_scores_and_a_written_answer_waits_for_a_person(course, enter):
    enter(outcome("ada", {"double": 50, "half": 5}))
    found = table(course)["ada"]
    assert found["double-check"] == (50.0, None, 50.0, False)
    assert found["Adder-check"] == (0.0, None, 30.0, False)
    assert found["half-check"] == (5.0, None, 20.0, False)
    assert found["why"] == (None, None, 10.0, True)
    assert found["double comment"] is None
    assert found["Adder comment"] == "Not yet: does it."


def test_nothing_written_is_worth_nothing_and_waits_for_nobody(course, enter):
    enter(outcome("ada", written=""))
    assert table(course)["ada"]["why"] == (0.0, None, 10.0, False)
    assert table(course)["ada"]["why comment"] == "No response."


def test_entering_the_same_twice_changes_nothing(course, enter):
    enter(outcome("ada"), WHEN)
    before = table(course)
    enter(outcome("ada"), WHEN)
    assert table(course) == before


def test_a_persons_grade_stays_while_the_written_answer_is_the_same(course, enter):
    enter(outcome("ada", {"double": 50}))
    grade_by_hand(course, "ada", "why", 8.0)
    enter(outcome("ada"))
    assert table(course)["ada"]["why"] == (None, 8.0, 10.0, False)
    assert table(course)["ada"]["Adder-check"][0] == 30.0
    enter(outcome("ada", written="Another reason."))
    assert table(course)["ada"]["why"] == (None, 8.0, 10.0, True)


def test_a_persons_correction_of_an_automatic_score_is_looked_at_again_when_that_changes(course, enter):
    enter(outcome("ada", {"double": 50}))
    grade_by_hand(course, "ada", "half-check", 12.0)
    enter(outcome("ada", {"double": 50}))
    assert table(course)["ada"]["half-check"] == (0.0, 12.0, 20.0, False)
    enter(outcome("ada"))
    assert table(course)["ada"]["half-check"] == (20.0, 12.0, 20.0, True)


def test_what_could_not_be_read_has_no_points_and_says_so(course, enter):
    enter(outcome("ada", {}, written="", status="unreadable"))
    found = table(course)["ada"]
    assert [found[f"{name}-check"][0] for name in POINTS] == [0.0, 0.0, 0.0]
    assert found["double comment"] == "The notebook could not be read."


def test_late_penalties_are_nbgraders_own(tmp_path, empty, home, enter, course):
    config = "c.AssignLatePenalties.plugin_class = 'nbgrader.plugins.LateSubmissionPlugin'\n"
    config += "c.LateSubmissionPlugin.penalty_method = 'zero'"
    (course.folder / "nbgrader_config.py").write_text(f"c = get_config()\n{config}\n", encoding="utf-8")
    with Gradebook(course.gradebook_url) as book:
        book.update_or_create_assignment(NAME, duedate=datetime(2026, 3, 1, 11))
    enter(outcome("ada"), WHEN)
    enter(outcome("bob"), datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert (table(course)["ada"]["when"], table(course)["ada"]["penalty"]) == (datetime(2026, 3, 1, 12), 100.0)
    assert not table(course)["bob"]["penalty"]
    enter(outcome("ada"), datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert not table(course)["ada"]["penalty"]


def test_the_roster_names_students(course, enter):
    course.roster_file.write_text("id,first_name,last_name,email\nada,Ada,Lovelace,ada@x.org\n", encoding="utf-8")
    enter(outcome("ada"))
    with Gradebook(course.gradebook_url) as book:
        student = book.find_student("ada")
        assert (student.first_name, student.last_name, student.email) == ("Ada", "Lovelace", "ada@x.org")


def test_a_roster_that_is_mended_later_names_those_who_are_graded_already(course, enter, home):
    enter(outcome("ada"))
    course.roster_file.write_text("id,first_name,lms_user_id\nada,Ada,1001\nbob,Bob,1002\n", encoding="utf-8")
    with LessonBook(course, NAME, home / f"{NAME}.ipynb") as book:
        book.settle_names()
    with Gradebook(course.gradebook_url) as gradebook:
        named = [(one.id, one.first_name, one.lms_user_id) for one in gradebook.students]
    assert named == [("ada", "Ada", "1001")]


def test_nbgrader_exports_the_same_points(course, enter, tmp_path):
    enter(outcome("ada"))
    enter(outcome("bob", {"double": 50}))
    grade_by_hand(course, "ada", "why", 7.0)
    plugin = CsvExportPlugin(to=str(tmp_path / "grades.csv"))
    with Gradebook(course.gradebook_url) as book:
        plugin.export(book)
    with open(tmp_path / "grades.csv", encoding="utf-8", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == {"ada": 107.0, "bob": 50.0}
    assert {float(row["max_score"]) for row in rows.values()} == {110.0}


def test_nbgraders_own_feedback_pages_show_a_hostile_student_as_text(course, home, enter):
    """`nbgrader generate_feedback` on what was rebuilt: the same tags as for anybody else, but for a highlighter's."""
    tags = []
    for said in ("Because.", "\n\n".join(HOSTILE)):
        with Records(course.records_file) as records, LessonBook(course, NAME, home / f"{NAME}.ipynb") as lesson:
            records.put(outcome("eve", {"double": 50}, written=said), None)
            reconcile(course, NAME, records, lesson, Summary(NAME))
        config = Config()
        config.CourseDirectory.root, config.CourseDirectory.assignment_id = str(course.folder), NAME
        GenerateFeedback(coursedir=CourseDirectory(config=config), config=config, force=True).start()
        page = (course.feedback / "eve" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
        assert "Not yet: does it." in page
        tags.append([tag for tag in tags_of(page).tags if tag[0] != "span"])
    assert tags[0] == tags[1]


def test_the_assignment_is_known_as_nbgrader_itself_would_have_it(course, home, enter, tmp_path, empty):
    """The same cells, scores and checksums as after `nbgrader generate_assignment`."""
    enter(outcome("ada"))
    theirs = make_course(tmp_path / "theirs")
    (theirs.folder / "gradebook.db").write_bytes(empty)
    source = theirs.folder / "source" / NAME / f"{NAME}.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(nbformat.writes(draft_lesson(home).notebook()), encoding="utf-8")
    config = Config()
    configure(config)
    config.CourseDirectory.root, config.CourseDirectory.assignment_id = str(theirs.folder), NAME
    GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    cells = "select name, cell_type, locked, source, checksum from source_cell order by name"
    scores = "select b.name, g.max_score, g.cell_type from grade_cells g join base_cell b using (id) order by b.name"
    for query in (cells, scores):
        found = []
        for one in (course, theirs):
            with Gradebook(one.gradebook_url) as book:
                found.append([tuple(row) for row in book.db.execute(text(query))])
        assert found[0] == found[1]
        assert found[0]


def test_a_release_with_other_cells_is_refused_once_something_was_graded(course, home, enter, tmp_path):
    enter(outcome("ada"))
    changed = tmp_path / f"{NAME}.ipynb"
    changed.write_text(
        (home / f"{NAME}.ipynb").read_text(encoding="utf-8").replace('"half-check"', '"third-check"'), encoding="utf-8"
    )
    with pytest.raises(StorytellerError, match="cells of 09_toys have changed"):
        LessonBook(course, NAME, changed)


def test_a_locked_gradebook_is_a_sentence_and_the_record_is_kept(course, home, enter):
    enter(outcome("ada"))
    with Records(course.records_file) as records, LessonBook(course, NAME, home / f"{NAME}.ipynb") as lesson:
        records.put(outcome("bob"), None)
        other = sqlite3.connect(course.folder / "gradebook.db")
        other.execute("begin exclusive")
        with pytest.raises(StorytellerError, match=r"gradebook.db cannot be used .*locked"):
            lesson.book(records.latest(NAME, "bob"), None)
        other.close()
        assert not records.latest(NAME, "bob").booked
        lesson.book(records.latest(NAME, "bob"), None)
    assert table(course)["bob"]["double-check"][0] == 50.0


# --- records.db


def test_records_are_never_overwritten_and_only_for_the_instructor(course):
    with Records(course.records_file) as records:
        first = records.put(outcome("ada", {"double": 50}), WHEN)
        second = records.put(outcome("ada"), WHEN)
        assert [one.id for one in records.history(NAME, "ada")] == [first, second]
        assert records.latest(NAME, "ada").data["earned"] == 100
        assert records.latest(NAME, "ada").submitted_at == WHEN
        assert dataclasses.asdict(outcome("ada")).items() <= dataclasses.asdict(records.latest(NAME, "ada")).items()
    assert course.records_file.stat().st_mode & 0o777 == 0o600
    course.records_file.chmod(0o644)
    with pytest.raises(StorytellerError, match="chmod 600"):
        Records(course.records_file)


def test_a_failure_of_the_grader_does_not_hide_what_was_there(course):
    with Records(course.records_file) as records:
        records.put(outcome("ada", status="failed", data={}, key="k"), None)
        assert records.latest(NAME, "ada").status == "failed"
        assert not records.done(NAME, "ada", "0" * 64)
        records.put(outcome("ada", key="k"), None)
        records.put(outcome("ada", status="failed", data={}), None)
        assert records.latest(NAME, "ada").status == "graded"
        assert records.done(NAME, "ada", "0" * 64, "k")
        assert not records.done(NAME, "ada", "0" * 64, "another lesson")
        assert not records.done(NAME, "ada", "1" * 64)
        assert [one.student for one in records.all_latest(NAME)] == ["ada"]
