"""A grader that is killed, or that the disk or a lock stops, loses nothing: the same command goes on from there."""

import contextlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from toy_class import NAME, RIGHT, hand_in, make_course, notebook, table

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.autograde import autograde as autograding
from storyteller_grading.classroom.autograde import records as recording
from storyteller_grading.classroom.autograde.autograde import GradingOptions, autograde
from storyteller_grading.classroom.autograde.gradebook import LessonBook
from storyteller_grading.classroom.autograde.records import Records

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="graders are killed as forks of this process"),
]

OPTIONS = GradingOptions(jobs=1, unsafe=True)  # our own code, also where there is no sandbox
STUDENTS = [f"student{number:02}" for number in range(12)]
KILLS = 20
EACH = 4  # kills of one course, before it is graded to the end


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory, home):
    """A course with twelve submissions, right ones, half ones and one that cannot be read; nothing is graded."""
    course = make_course(tmp_path_factory.mktemp("class") / "course")
    for number, student in enumerate(STUDENTS):
        answers = {name: RIGHT[name] for index, name in enumerate(RIGHT) if number >> index & 1}
        document = notebook(home, answers, written="Because." if number % 2 else "")
        hand_in(course, student, "{" if number == 5 else document, when="2026-03-01 12:00:00.000000 UTC")
    return course


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, handed_in, home):
    """The course graded in one go, and what the judges found."""
    course = copy_of(handed_in, tmp_path_factory.mktemp("undisturbed"))
    summary = autograde(course, home, OPTIONS)
    assert summary.count("graded") == 11
    return course, {outcome.student: outcome for outcome in summary.outcomes}


def copy_of(course, folder):
    shutil.copytree(course.folder, folder / "course")
    return replace(course, folder=folder / "course")


@pytest.fixture
def course(handed_in, tmp_path):
    return copy_of(handed_in, tmp_path)


@pytest.fixture
def known(undisturbed, monkeypatch):
    """The judges know already what they will find, so that most of the time is spent on writing it down."""
    _, outcomes = undisturbed
    monkeypatch.setattr(
        autograding, "grade_in_processes", lambda tasks, jobs: (outcomes[task.student] for task in tasks)
    )


def same_as(undisturbed, course):
    """The gradebook, what formgrader shows, and one record a student."""
    calm, _ = undisturbed
    assert table(course) == table(calm)
    with Records(course.records_file) as records:
        latest = records.all_latest(NAME)
        assert [(record.student, record.booked) for record in latest] == [(name, True) for name in STUDENTS]
        assert all(len(records.history(NAME, name)) == 1 for name in STUDENTS)
    for student in STUDENTS:
        place = f"{student}/{NAME}/{NAME}.ipynb"
        assert (course.autograded / place).read_bytes() == (calm.autograded / place).read_bytes()
    with contextlib.closing(sqlite3.connect(course.folder / "gradebook.db")) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def in_a_fork(work):
    """Do this in a process of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    with contextlib.suppress(BaseException):
        work()
        os._exit(0)
    os._exit(3)


def test_a_grader_that_is_killed_at_any_moment_leaves_nothing_undone_or_done_twice(
    handed_in, undisturbed, known, home, tmp_path
):
    def begun(name):
        """A course whose gradebook is made, which takes the most of the time: kills shall come later."""
        course = copy_of(handed_in, tmp_path / name)
        LessonBook(course, NAME, home / f"{NAME}.ipynb").gradebook.close()
        return course

    chance, killed, whole = random.Random(6), 0, seconds_of(begun("whole"), home)
    for round_ in range(5 * KILLS):
        course = begun(str(round_)) if round_ else copy_of(handed_in, tmp_path / str(round_))
        for _ in range(EACH):
            child = in_a_fork(lambda course=course: autograde(course, home, OPTIONS))
            time.sleep(chance.uniform(0, whole))
            os.kill(child, signal.SIGKILL)
            killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])  # otherwise it was done before
        autograde(course, home, OPTIONS)
        same_as(undisturbed, course)
        if killed >= KILLS:
            break
    assert killed >= KILLS


def seconds_of(course, home):
    """How long a run takes that nobody kills: it depends on the machine."""
    began = time.monotonic()
    os.waitpid(in_a_fork(lambda: autograde(course, home, OPTIONS)), 0)
    return time.monotonic() - began


def test_the_command_is_killed_while_judges_work_and_goes_on(undisturbed, course, home):
    command = [sys.executable, "-m", "storyteller_grading", "autograde", str(home), "--course", str(course.folder)]
    command += ["--jobs", "1", "--unsafe"]
    chance = random.Random(7)
    for _ in range(2):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 120
        with_one_more = len(graded(course)) + 1
        while len(graded(course)) < with_one_more and time.monotonic() < end and running.poll() is None:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.3))
        running.kill()
        running.wait()
    assert 2 <= len(graded(course)) < len(STUDENTS)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "had been graded before" in done.stdout
    same_as(undisturbed, course)


def graded(course):
    """The students of whom there is a record; none while the file is being made."""
    if not course.records_file.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{course.records_file}?mode=ro", uri=True)) as database:
        try:
            return database.execute("select distinct student from grading").fetchall()
        except sqlite3.Error:
            return []


@pytest.mark.parametrize("kilobytes", [30, 150, 260])
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(kilobytes, undisturbed, known, course, home):
    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then it is an error like any other
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, resource.RLIM_INFINITY))
        try:
            autograde(course, home, OPTIONS)
        except StorytellerError as error:
            os._exit(0 if "room" in str(error) or "full" in str(error) else 4)
        os._exit(5)

    status = os.waitstatus_to_exitcode(os.waitpid(in_a_fork(work), 0)[1])
    assert status == 0
    autograde(course, home, OPTIONS)
    same_as(undisturbed, course)


@pytest.mark.parametrize("name", ["records.db", "gradebook.db"])
def test_a_locked_database_is_one_sentence_and_nothing_is_lost(name, undisturbed, known, course, home, monkeypatch):
    monkeypatch.setattr(recording, "TIMEOUT_S", 0.2)
    _, outcomes = undisturbed
    autograde(course, home, replace(OPTIONS, students=STUDENTS[:3]))
    holder = sqlite3.connect(course.folder / name, isolation_level=None)

    def lock_after_two(tasks, jobs):
        for number, task in enumerate(tasks):
            if number == 2:
                holder.execute("begin immediate")
            yield outcomes[task.student]

    with monkeypatch.context() as patched, contextlib.closing(holder):
        patched.setattr(autograding, "grade_in_processes", lock_after_two)
        with pytest.raises(StorytellerError, match="Close other programs"):
            autograde(course, home, OPTIONS)
    autograde(course, home, OPTIONS)
    same_as(undisturbed, course)
