"""What takes minutes shows on a terminal how far it is, and is quiet elsewhere."""

import io
from datetime import UTC, datetime

from rich.console import Console
from toy_class import NAME, make_course, outcome
from typer.testing import CliRunner

from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.reports.feedback import write_feedback
from storyteller_grading.cli import app
from storyteller_grading.commands.conventions import progress_bar

STUDENTS = ("ada", "bob", "cyd")


def graded(folder):
    course = make_course(folder)
    with Records(course.records_file) as records:
        for student in STUDENTS:
            records.put(outcome(student, page="<body><!-- by hand --></body>"), datetime(2026, 3, 1, tzinfo=UTC))
    return course


def shown(*, terminal):
    file = io.StringIO()
    with progress_bar(Console(file=file, force_terminal=terminal, width=80)) as progress:
        bar = progress.add_task("students", total=5)
        progress.update(bar, completed=3)
        progress.refresh()
    return file.getvalue()


def test_a_terminal_sees_how_many_are_done_and_a_file_sees_nothing():
    assert "students" in shown(terminal=True)
    assert "3/5" in shown(terminal=True)
    assert not shown(terminal=False)


def test_feedback_tells_of_each_page(tmp_path):
    course, total, done = graded(tmp_path / "course"), [], []
    write_feedback(course, NAME, begin=total.append, step=done.append)
    assert (total, done) == ([3], [*STUDENTS])
    total.clear()
    write_feedback(course, NAME, ["bob"], begin=total.append)
    assert total == [1]


def test_the_commands_output_has_no_bar_in_it(tmp_path, home):
    course = graded(tmp_path / "course")
    done = CliRunner().invoke(app, ["feedback", str(home), "--course", str(course.folder)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("3 pages. The index: ")
