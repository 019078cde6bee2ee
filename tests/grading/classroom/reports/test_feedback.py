"""Feedback pages: where nbgrader has them, with what a person graded, safe to open, and nothing hidden in them."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from class_course import SECRET, GradedClass, read_class
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde.gradebook import ManualEntry, ManualGrades, read_manual_grades
from storyteller_grading.classroom.rehearsal.mishaps import SCRIPT
from storyteller_grading.classroom.reports.feedback import index_page, student_page, write_feedback
from storyteller_grading.cli import app
from storyteller_grading.judge.hidden_seeds import hidden_seeds

COMMENT = 'Well argued.\n<script>alert("a teacher types anything")</script>'


@pytest.fixture(scope="module")
def graded(rehearsed, tmp_path_factory) -> GradedClass:
    """A graded class, in which one written answer was graded by hand and one late submission lost a point."""
    lesson, folder = rehearsed.lesson, tmp_path_factory.mktemp("feedback") / "course"
    shutil.copytree(rehearsed.course.folder, folder)
    found = read_class(folder, lesson)
    with Gradebook(found.course.gradebook_url) as gradebook:
        notebook = gradebook.find_submission_notebook(lesson.name, lesson.name, person(found, written=True))
        [grade] = [one for one in notebook.grades if one.name == written_of(found)]
        grade.manual_score, grade.needs_manual_grade = 7.5, False
        [comment] = [one for one in notebook.comments if one.name == grade.name]
        comment.manual_comment = COMMENT
        gradebook.find_submission_notebook(lesson.name, lesson.name, late(found)).late_submission_penalty = 1.0
        gradebook.db.commit()
    write_feedback(found.course, lesson.name)
    return found


def written_of(graded):
    [name] = {name for record in graded.records for name in record.written}
    return name


def person(graded, *, written):
    """The first student whose written answer is there, or is not."""
    return next(
        one.student for one in graded.records if one.status == "graded" and any(one.written.values()) == written
    )


def late(graded):
    return next(one["id"] for one in graded.plan["students"] if one["late_seconds"])


def page_of(graded, student):
    name = graded.lesson.name
    return (graded.course.feedback / student / name / f"{name}.html").read_text(encoding="utf-8")


def record_of(graded, student):
    return next(one for one in graded.records if one.student == student)


def test_every_student_has_a_page_with_the_points_of_every_exercise(graded):
    for one in graded.plan["students"]:
        page = page_of(graded, one["id"])
        assert f"{one['earned']} of 100 points" in page
        if one["mishap"] == "empty_file":
            continue
        for name, each in one["exercises"].items():
            points = graded.lesson.exercises[name].points
            row = page[page.index(f'<a href="#{name}">') :]
            assert f">{each['earned']} of {points}</td>" in row[: row.index("</tr>")]
            assert f'<section id="{name}">' in page
            for wrong in graded.lesson.mistakes(name):
                if wrong.name == each["mistake"]:
                    assert wrong.explanation[:20] in page


def test_what_a_person_graded_stands_on_the_page_and_is_escaped(graded):
    page = page_of(graded, person(graded, written=True))
    assert "7.5 of 10 points" in page
    assert "Well argued.<br>&lt;script&gt;" in page
    assert "All together: <b>" in page
    answer = record_of(graded, person(graded, written=True)).written[written_of(graded)]
    assert answer.split("\n")[0] in page


def test_extra_credit_stands_beside_the_points_and_not_in_them_too(graded):
    entry = ManualEntry("double", 7.0, 9.5, extra=2.5)  # nbgrader's score is with it
    page = student_page(graded.records[0], ManualGrades(score=9.5, points=7, entries=(entry,)))
    assert "<b>double</b>: 7 of 7 points, and 2.5 of extra credit" in page


def test_the_page_agrees_with_the_gradebook(graded):
    with Gradebook(graded.course.gradebook_url) as book:
        for record in graded.records:
            submission = book.find_submission(graded.lesson.name, record.student)
            score = submission.score - submission.late_submission_penalty
            said = re.search(
                r"All together(?: so far)?: <b>([\d.]+) of ([\d.]+) points(?: \+([\d.]+) bonus)?",
                page_of(graded, record.student),
            )
            assert said is not None
            assert float(said[1]) + float(said[3] or 0) == pytest.approx(score)
            assert float(said[2]) == submission.max_score
            assert float(said[1]) <= submission.max_score
            assert float(said[3] or 0) == record.data["extra"]


def test_late_work_is_said_with_its_penalty(graded):
    page = page_of(graded, late(graded))
    assert re.search(r"Handed in [\w ]+ late: 1 point less\.", page)
    on_time = next(one["id"] for one in graded.plan["students"] if not one["late_seconds"])
    assert "Handed in" not in page_of(graded, on_time)


def test_an_answer_that_nobody_graded_yet_is_said_to_wait(graded):
    waiting = [one.student for one in graded.records if any(one.written.values())][1]
    page = page_of(graded, waiting)
    assert "not graded yet, up to 10 points" in page
    assert "so far" in page


def test_pages_run_nothing_and_ask_nothing_of_a_network(graded):
    pages = [path.read_text(encoding="utf-8") for path in graded.course.feedback.rglob("*.html")]
    assert len(pages) == len(graded.records) + 1
    for page in pages:
        assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
        assert not re.search(r"<(script|iframe|object|embed|form|link|base|img)\b", page, re.IGNORECASE)
        assert not re.search(r"""(href|src)\s*=\s*["']?\s*(javascript|https?|//|data:text)""", page, re.IGNORECASE)
        assert not re.search(r"<[^>]*\son\w+\s*=", page)


def test_a_hostile_written_answer_and_hostile_names_are_text(graded):
    record = record_of(graded, person(graded, written=True))
    hostile = replace(record, student="<b>x</b>", written={written_of(graded): SCRIPT})
    hand = ManualGrades(1, 110, entries=(ManualEntry(written_of(graded), 10, 2, comment="<img src=x>"),))
    page = student_page(hostile, hand) + index_page(graded.lesson.name, [hostile], {"<b>x</b>": hand}, {})
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>x" not in page
    assert "&lt;script&gt;fetch" in page


def test_no_hidden_input_and_no_secret_is_in_any_page(graded):
    """Neither the secret and its seeds, nor anything that is drawn from them."""
    from storyteller_course.exercises.exercise import Draw

    pages = "".join(path.read_text(encoding="utf-8") for path in graded.course.feedback.rglob("*.html"))
    read = [record for record in graded.records if record.status == "graded"]
    seeds = [seed for record in read for seed in hidden_seeds(SECRET, 1, record.sha256)]
    assert seeds == [seed for record in read for seed in record.seeds]
    assert not any(one in pages for one in (SECRET, *seeds))
    for seed in seeds:
        draw = Draw(seed, "count_next", "pairs_of_letters")
        hidden = "".join(draw.choice("abcdef") for _ in range(60))
        assert hidden[:20] not in pages


def test_a_page_comes_for_whom_the_grader_failed_too(graded):
    lost = replace(graded.records[0], status="failed", data={}, page="", failure="a path: /home/teacher/secret")
    page = student_page(lost, None)
    assert "could not be graded yet" in page
    assert "/home/teacher" not in page


def test_the_index_names_everybody_and_those_who_are_missing(graded):
    name = graded.lesson.name
    index = (graded.course.feedback / f"{name}.html").read_text(encoding="utf-8")
    for record in graded.records:
        where = f"{record.student}/{name}/{name}.html"
        assert f'href="{where}"' in index
        assert (graded.course.feedback / where).is_file()
    roster = {one.id: one for one in graded.course.students()}
    shorter = index_page(name, graded.records[1:], {}, roster)
    assert f"Nothing graded from 1: {graded.records[0].student}." in shorter


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nbgrader leaves files open
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nbgrader_releases_the_pages(graded, tmp_path):
    """Its `release_feedback` needs a time and a secret beside each page; without an exchange we make them."""
    import logging

    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange.default import ExchangeReleaseFeedback
    from nbgrader.utils import notebook_hash
    from traitlets.config import Config

    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    config = Config()
    config.Exchange.root = str(exchange)
    config.CourseDirectory.course_id = "stories"
    course = CourseDirectory(root=str(graded.course.folder), assignment_id=graded.lesson.name, config=config)
    log = logging.getLogger("quiet")
    log.setLevel(logging.ERROR)
    ExchangeReleaseFeedback(coursedir=course, config=config, log=log, authenticator=_everybody()).start()
    name, student = graded.lesson.name, graded.records[0].student
    secret = (graded.course.feedback / student / name / "submission_secret.txt").read_text(encoding="utf-8")
    released = exchange / "stories" / "feedback" / f"{notebook_hash(secret=secret, notebook_id=name)}.html"
    assert released.read_text(encoding="utf-8") == page_of(graded, student)


def _everybody():
    from nbgrader.auth import Authenticator

    return Authenticator()


def test_the_ticket_of_the_exchange_is_kept_and_links_are_not_followed(graded, tmp_path):
    course, name = graded.course, graded.lesson.name
    first, second = graded.records[0].student, graded.records[1].student
    (course.submitted / first / name / "submission_secret.txt").write_text("from the exchange", encoding="utf-8")
    (tmp_path / "target").write_text("somebody's file", encoding="utf-8")
    (course.submitted / second / name / "submission_secret.txt").symlink_to(tmp_path / "target")
    write_feedback(course, name, [first, second])
    tickets = [(course.feedback / one / name / "submission_secret.txt").read_text(encoding="utf-8")
               for one in (first, second)]  # fmt: skip
    assert tickets[0] == "from the exchange"
    assert re.fullmatch("[0-9a-f]{64}", tickets[1])


def test_a_course_without_a_gradebook_has_nothing_by_hand(graded, tmp_path):
    from class_course import make_course

    course = make_course(tmp_path)
    assert read_manual_grades(course, graded.lesson.name) == {}
    with pytest.raises(StorytellerError, match="Nothing was graded yet for 06_next_letter"):
        write_feedback(course, graded.lesson.name)
    with pytest.raises(StorytellerError, match="Nothing of nobody, noone was graded"):
        write_feedback(graded.course, graded.lesson.name, ["noone", graded.records[0].student, "nobody"])


def test_lengths_of_time_are_said_in_words():
    from storyteller_grading.classroom.lateness import span

    spans = [timedelta(minutes=1), timedelta(minutes=59), timedelta(hours=1), timedelta(hours=23), timedelta(days=1),
             timedelta(days=2, hours=1)]  # fmt: skip
    said = ["1 minute", "59 minutes", "1 hour", "23 hours", "1 day", "2 days and 1 hour"]
    assert [span(one.total_seconds()) for one in spans] == said


def test_the_command_says_where_the_index_is(graded):
    lesson = str(graded.lesson.folder)
    done = CliRunner().invoke(app, ["feedback", lesson, "--course", str(graded.course.folder)])
    assert done.exit_code == 0, done.output
    assert f"{len(graded.records)} pages" in done.output
