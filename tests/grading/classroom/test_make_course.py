"""A new course is whole, private, and nbgrader's own commands work in it."""

import logging
import os
import stat
import subprocess
import sys

import nbformat
import pytest
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from toy_class import NAME, make_lesson

from storyteller.errors import StorytellerError
from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.classroom.autograde.gradebook import nbgrader_config, open_gradebook
from storyteller_grading.classroom.course import make_course
from storyteller_grading.cli import main


@pytest.fixture
def solution(tmp_path):
    home = make_lesson(tmp_path / "lesson")
    path = tmp_path / "solutions" / f"{NAME}.ipynb"
    path.parent.mkdir()
    path.write_text(nbformat.writes(draft_lesson(home).notebook()) + "\n", encoding="utf-8")
    return path


def test_a_new_course_has_a_private_secret_and_a_roster(tmp_path, solution):
    first, second = (make_course(tmp_path / name, [solution]) for name in ("one", "two"))
    assert len(first.secret()) == 64
    assert first.secret() != second.secret()
    if os.name == "posix":
        assert stat.S_IMODE(first.secret_file.stat().st_mode) == 0o600
    assert [student.id for student in first.students()] == ["ada", "alan"]
    assert first.submissions(NAME) == []
    assert nbgrader_config(first).CourseDirectory.course_id == "one"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".course-")]


def test_nbgrader_makes_the_student_notebook_of_a_new_course(tmp_path, solution):
    course = make_course(tmp_path / "one", [solution])
    open_gradebook(course).close()
    config, log = nbgrader_config(course), logging.getLogger("storyteller.test")
    place = CourseDirectory(root=str(course.folder), assignment_id=NAME, config=config, log=log)
    assert place.db_url == course.gradebook_url
    GenerateAssignment(coursedir=place, config=config, log=log).start()
    released = (course.release / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8")
    assert released == (tmp_path / "lesson" / "lessons" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="nbgrader's exchange needs Linux or macOS")
def test_the_command_nbgrader_takes_the_configuration(tmp_path, solution):
    course = make_course(tmp_path / "one", [solution])
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    command = [sys.executable, "-m", "nbgrader", "list", f"--Exchange.root={tmp_path / 'exchange'}"]
    done = subprocess.run(command, cwd=course.folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_nothing_is_overwritten(tmp_path, solution, capsys):
    course = make_course(tmp_path / "one", [solution])
    before = course.secret()
    with pytest.raises(StorytellerError, match="not empty, and nothing is overwritten"):
        make_course(tmp_path / "one", [solution])
    with pytest.raises(SystemExit) as stopped:
        main(["init", str(course.folder)])
    assert stopped.value.code == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert course.secret() == before
    (tmp_path / "empty").mkdir()
    assert make_course(tmp_path / "empty", [solution]).secret() != before


def test_a_name_that_is_no_course_id_is_refused(tmp_path, solution):
    with pytest.raises(StorytellerError, match="cannot be a course's id"):
        make_course(tmp_path / "my course", [solution])
    assert make_course(tmp_path / "my course", [solution], name="moe").folder.is_dir()


def test_a_configuration_that_cannot_be_run_is_one_sentence(tmp_path, solution):
    course = make_course(tmp_path / "one", [solution])
    (course.folder / "nbgrader_config.py").write_text("c = get_config(\n", encoding="utf-8")
    with pytest.raises(StorytellerError, match=r"nbgrader_config.py cannot be run \(SyntaxError"):
        nbgrader_config(course)


def test_ctrl_c_is_one_sentence_and_exit_code_2(tmp_path, solution, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    course = make_course(tmp_path / "one", [solution])
    monkeypatch.setattr(type(course), "open", interrupted)
    with pytest.raises(SystemExit) as stopped:
        main(["report", "--course", str(course.folder)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("storyteller-grade: stopped by Ctrl-C")
