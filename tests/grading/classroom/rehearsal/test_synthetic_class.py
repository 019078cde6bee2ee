"""The class that never was: planned from known answers, graded by the judge, and the gradebook is the plan's."""

import json
import shutil

import pytest
from class_course import SECRET, graded_class, make_course, template_lesson
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import SAMPLE
from storyteller_grading.classroom.rehearsal.copied_solutions import COPIES
from storyteller_grading.classroom.rehearsal.expected_grades import REFERENCE, STUB, KnownAnswers
from storyteller_grading.classroom.rehearsal.synthetic_class import (
    DUE,
    KINDS,
    MIN_STUDENTS,
    PLAN,
    kinds_of,
    plan_class,
    write_class,
)
from storyteller_grading.classroom.roster import roster_text
from storyteller_grading.cli import app
from storyteller_grading.judge.hidden_seeds import hidden_seeds

STUDENTS = 30


@pytest.fixture(scope="module")
def lesson(rehearsed):
    return rehearsed.lesson


@pytest.fixture(scope="module")
def answers(lesson):
    return KnownAnswers(lesson)


def differences(plan, records):
    """Where a gradebook is not the plan's, in words."""
    faults = []
    for one in plan["students"]:
        record = records[one["id"]]
        data = record.data
        found = {each["name"]: (each["earned"], each["mistake"]) for each in data["exercises"]}
        wanted = {name: (each["earned"], each["mistake"]) for name, each in one["exercises"].items()}
        if (found, data["earned"], data["extra"]) != (wanted, one["earned"], one["extra"]):
            kind = f"{one['id']} ({one['kind']} {one['mishap']})"
            faults += [f"{kind}: {name} {found[name]}, planned {wanted[name]}" for name in wanted
                       if found[name] != wanted[name]] or [f"{kind}: the sums differ"]  # fmt: skip
    return faults


def test_every_student_gets_exactly_what_was_planted(rehearsed):
    records = {record.student: record for record in rehearsed.records}
    assert len(records) == STUDENTS
    assert differences(rehearsed.plan, records) == []
    unread = {record.student for record in rehearsed.records if record.status != "graded"}
    assert unread == {one["id"] for one in rehearsed.plan["students"] if one["mishap"] == "empty_file"}


def gradebook_of(graded):
    """Automatic points by student and exercise, and how late each was, as nbgrader's gradebook has them."""
    name, found, late = graded.lesson.name, {}, {}
    with Gradebook(graded.course.gradebook_url) as book:
        for one in book.assignment_submissions(name):
            [notebook] = one.notebooks
            grades = {grade.name: grade.auto_score for grade in notebook.grades}
            found[one.student.id] = {exercise: grades[f"{exercise}-check"] for exercise in graded.lesson.exercises}
            late[one.student.id] = one.total_seconds_late
    return found, late


def test_nbgraders_gradebook_is_the_plan_to_the_point_and_to_the_second(rehearsed):
    found, late = gradebook_of(rehearsed)
    wanted = {one["id"]: {name: each["earned"] for name, each in one["exercises"].items()}
              for one in rehearsed.plan["students"]}  # fmt: skip
    assert found == wanted
    assert late == {one["id"]: one["late_seconds"] for one in rehearsed.plan["students"]}
    assert sum(late.values()) > 0


def test_the_class_has_everybody(rehearsed):
    kinds = [one["kind"] for one in rehearsed.plan["students"]]
    assert set(kinds) == set(KINDS)
    earned = [one["earned"] for one in rehearsed.plan["students"]]
    assert 100 in earned
    assert 0 in earned
    assert len(set(earned)) > 4
    assert sum(one["late_seconds"] > 0 for one in rehearsed.plan["students"]) == kinds.count("late")


def test_submission_times_are_read_back(rehearsed):
    """The course reads the times that the plan has."""
    late = [one["id"] for one in rehearsed.plan["students"] if one["late_seconds"]]
    times = {one.student: one.submitted_at for one in rehearsed.course.submissions(rehearsed.lesson.name)}
    due = max(when for student, when in times.items() if student not in late)
    assert all(times[student] > due for student in late)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_class(lesson, tmp_path):
    """In all that is ours; the rows of nbgrader's gradebook have random names."""
    contents = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        course = make_course(tmp_path / name)
        write_class(course, lesson, students=MIN_STUDENTS, seed=seed, draws=1)
        files = sorted(path for path in course.folder.rglob("*") if path.is_file() and path.suffix != ".db")
        contents.append([(path.relative_to(course.folder), path.read_bytes()) for path in files])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_copies_of_the_solution_are_planted_and_no_honest_student_has_it_where_there_is_another_answer(lesson, answers):
    people = plan_class(answers, students=120, seed=3)
    copied = [one for one in people if one.kind == "copied"]
    assert {answer for one in copied for answer in one.answers.values()} == set(COPIES)
    assert all(len(set(one.answers.values())) == 1 for one in copied)
    honest = [one for one in people if one.kind == "right"]
    styles = {name for name in lesson.exercises if lesson.alternatives(name)}
    assert styles
    assert not [one.id for one in honest for name in styles if one.answers[name] == REFERENCE]


def test_every_known_mistake_is_dealt_before_any_comes_again(lesson, answers):
    people = plan_class(answers, students=120, seed=3)
    known = {(wrong.exercise, wrong.name) for name in lesson.exercises for wrong in lesson.mistakes(name)}
    dealt = {(name, answer) for one in people for name, answer in one.answers.items()}
    assert known <= dealt


def test_kinds_come_in_their_shares():
    kinds = kinds_of(200)
    assert {kind: kinds.count(kind) for kind in KINDS} == {kind: 2 * share for kind, share in KINDS.items()}
    assert set(kinds_of(MIN_STUDENTS)) == set(KINDS)


def test_a_rehearsal_refuses_a_real_class_and_too_small_ones(lesson, tmp_path):
    course = make_course(tmp_path)
    with pytest.raises(StorytellerError, match=f"--students {MIN_STUDENTS}"):
        write_class(course, lesson, students=3, seed=1)
    real = course.submitted / "ada" / lesson.name / f"{lesson.name}.ipynb"
    real.parent.mkdir(parents=True)
    shutil.copy(lesson.notebook, real)
    with pytest.raises(StorytellerError, match="real students handed in"):
        write_class(course, lesson, students=MIN_STUDENTS, seed=1)
    (course.folder / PLAN).write_text("no plan", encoding="utf-8")
    with pytest.raises(StorytellerError, match="real students handed in"):
        write_class(course, lesson, students=MIN_STUDENTS, seed=1)
    assert [path.name for path in course.submitted.iterdir()] == ["ada"]


def test_one_that_was_stopped_begins_again_and_a_smaller_one_leaves_nobody_behind(lesson, tmp_path):
    course = make_course(tmp_path)

    def stop(student):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_class(course, lesson, students=MIN_STUDENTS + 2, seed=1, draws=0, step=stop)
    for students in (MIN_STUDENTS + 1, MIN_STUDENTS):
        people = write_class(course, lesson, students=students, seed=1, draws=0)
        assert {path.name for path in course.submitted.iterdir()} == {one.id for one in people}
        plan = json.loads((course.folder / PLAN).read_text(encoding="utf-8"))
        assert [one["id"] for one in plan["students"]] == [one.id for one in people]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"id,first_name\nada,Ada\nzoe,Zoe\n", "names students of yours \\(zoe, "),
        ("id,first_name\nzoe,Zoë\n".encode("latin-1"), "line 2, cannot be read"),
    ],
)
def test_a_rehearsal_refuses_a_roster_of_real_students(lesson, tmp_path, text, said):
    course = make_course(tmp_path)
    course.roster_file.write_bytes(text)
    with pytest.raises(StorytellerError, match=said):
        write_class(course, lesson, students=MIN_STUDENTS, seed=1, draws=0)
    assert course.roster_file.read_bytes() == text
    assert not (course.folder / PLAN).exists()


def test_a_rehearsal_takes_the_place_of_the_sample_roster_and_of_an_earlier_one(lesson, tmp_path):
    course = make_course(tmp_path)
    course.roster_file.write_text(roster_text(SAMPLE), encoding="utf-8")
    for seed in (1, 2):
        write_class(course, lesson, students=MIN_STUDENTS, seed=seed, draws=0)
    assert [one.id for one in course.students()] == [f"r{number:03}" for number in range(1, MIN_STUDENTS + 1)]


def test_the_command_fills_a_course_and_says_what_comes_next(lesson, tmp_path):
    course = make_course(tmp_path)
    command = ["rehearse", str(course.folder), "--students", str(MIN_STUDENTS), "--lesson", str(lesson.folder)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert f"{MIN_STUDENTS} students handed in {lesson.name}" in done.output
    assert "storyteller-grade autograde 06" in done.output
    assert len(course.submissions(lesson.name)) == len(course.students()) == MIN_STUDENTS
    with Gradebook(course.gradebook_url) as book:
        assert book.find_assignment(lesson.name).duedate == DUE.replace(tzinfo=None)


def test_an_answer_that_only_knows_the_public_inputs_is_planned_without_points(lesson, answers):
    memorised = (
        "def count_next(text):\n    from storyteller_course.exercises.exercise import Draw, PUBLIC\n    counts = {}\n"
        "    for a, b in zip(text, text[1:]):\n        row = counts.setdefault(a, {})\n"
        "        row[b] = row.get(b, 0) + 1\n"
        "    draw = Draw(PUBLIC, 'count_next', 'pairs_of_letters')\n"
        "    public = ''.join(draw.choice('abcdef') for _ in range(60))\n"
        "    return counts if len(text) != 60 or text == public else {}"
    )
    assert answers.run("count_next", memorised).earned == 40
    hidden = answers.run("count_next", memorised, seeds=hidden_seeds(SECRET, 1, "some notebook's"))
    assert (hidden.earned, hidden.solved) == (20, False)
    assert answers.expected("count_next", {"count_next": STUB}).earned == 0


@pytest.mark.slow
def test_two_hundred_students_get_what_was_planted(tmp_path):
    """Of the template's small lesson, so that it ends within a few minutes."""
    lesson = template_lesson(tmp_path / "lesson")
    class_of = graded_class(tmp_path / "course", lesson, students=200, jobs=2)
    assert differences(class_of.plan, {record.student: record for record in class_of.records}) == []
    planted = {(name, each["answer"]) for one in class_of.plan["students"] for name, each in one["exercises"].items()}
    missing = [(name, wrong.name) for name in lesson.exercises for wrong in lesson.mistakes(name)
               if (name, wrong.name) not in planted]  # fmt: skip
    print(json.dumps({"never dealt": missing, "seconds": round(sum(one.seconds for one in class_of.records))}))
    assert len(missing) <= len(planted) // 20  # those that never end are left out
