"""One submission graded, as pure data in and out, so that any process on any machine can do it.

outcome = grade_one(Task(lesson=str(folder), student="ada", name="01.ipynb", notebook=content, secret=secret))
"""

import base64
import hashlib
import json
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from storyteller.errors import StorytellerError
from storyteller_grading.judge.hidden_seeds import DRAWS

Status = Literal["graded", "unreadable", "failed"]

MAX_FAILURE_CHARS = 500  # characters

_one_at_a_time = threading.Lock()  # a process has one server, which serves one judge


@dataclass(frozen=True, kw_only=True)
class Task:
    """A submission to grade."""

    lesson: str  # its folder; where that is not here, its name is looked for in this machine's own course
    student: str
    name: str  # of the file
    notebook: bytes = field(repr=False)
    secret: str = field(repr=False)
    draws: int = DRAWS  # hidden inputs of each case
    notes: tuple[str, ...] = ()  # what was strange about the folder
    key: str = ""  # of the lesson and the secret, see `grading_key`
    unsafe: bool = False  # go on where no layer of the sandbox holds
    fault: str = ""  # why there is no notebook to read

    @property
    def sha256(self) -> str:
        """Of the notebook."""
        return hashlib.sha256(self.notebook).hexdigest()


@dataclass(frozen=True, kw_only=True)
class TaskOutcome:
    """What came of it."""

    lesson: str  # its name
    student: str
    sha256: str  # of the notebook that was graded
    status: Status
    data: dict[str, Any] = field(default_factory=dict)  # as `judge.report.as_data` has it; empty when failed
    page: str = ""  # for the student: safe HTML, as `judge.report.as_page` writes it
    answers: dict[str, str] = field(default_factory=dict)  # the student's text, by exercise
    written: dict[str, str] = field(default_factory=dict)  # by written answer; "" where it was left as it was
    seconds: float = 0.0
    failure: str = ""  # of the grader, when failed
    key: str = ""
    seeds: list[str] = field(default_factory=list)  # of the hidden inputs: with them an appeal sees what was graded


def grade_one(task: Task) -> TaskOutcome:
    """Grade a submission. What goes wrong is told in the outcome, whatever it is."""
    began = time.perf_counter()
    try:
        with _one_at_a_time:
            outcome = _judge(task)
    except Exception as error:  # noqa: BLE001  one student's trouble must not reach the next
        trouble = str(error) if isinstance(error, StorytellerError) else f"{type(error).__name__}: {error}"
        outcome = failed(task, trouble)
    return replace(outcome, seconds=time.perf_counter() - began)


def _judge(task: Task) -> TaskOutcome:
    """What the judge says of a submission, in this process."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.reports.course_text import find_course_texts
    from storyteller_grading.judge.judge import blank_result, judge_notebook
    from storyteller_grading.judge.report import as_data, as_page

    lesson, name = load_lesson(lesson_folder(task.lesson)), Path(Path(task.name).name or "notebook.ipynb")
    if task.fault:
        result = blank_result(name.name, lesson, list(lesson.exercises.values()), fault=task.fault)
    else:
        result = judge_notebook(
            name,
            lesson,
            content=task.notebook,
            secret=task.secret,
            draws=task.draws,
            unsafe=task.unsafe,
        )
    earned = {one.name for one in result.exercises if one.earned} & result.answers.keys()
    copied = find_course_texts({task.student: {name: result.answers[name] for name in earned}}, lesson)
    result = replace(
        result,
        notes=[*task.notes, *result.notes],
        course_text={one.exercise: one.origin for one in copied},
    )
    return TaskOutcome(
        lesson=lesson.name,
        student=task.student,
        sha256=task.sha256,
        status="unreadable" if result.fault else "graded",
        data=as_data(result),
        page=as_page(result),
        answers=result.answers,
        written=result.written,
        key=task.key,
        seeds=list(result.seeds),
    )


def failed(task: Task, why: str) -> TaskOutcome:
    """The outcome of a submission that could not be graded for a fault of the grader's."""
    name = Path(task.lesson).name
    failure = why.replace(task.secret, "...") if task.secret else why
    return TaskOutcome(
        lesson=name,
        student=task.student,
        sha256=task.sha256,
        status="failed",
        failure=failure[:MAX_FAILURE_CHARS],
        key=task.key,
    )


def grading_key(folder: Path, secret: str, draws: int) -> str:
    """A digest of all that a grading depends on but the notebook: the lesson, its release, the secret, the draws."""
    from storyteller_course.exercises.lesson import load_lesson

    lesson = load_lesson(folder)
    parts = [lesson.digest, hashlib.sha256(lesson.notebook.read_bytes()).hexdigest(), secret, str(draws)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def task_to_bytes(task: Task) -> bytes:
    """A task as JSON, to cross a network."""
    return json.dumps(asdict(task) | {"notebook": base64.b64encode(task.notebook).decode()}).encode()


def task_from_bytes(frame: bytes) -> Task:
    """The task that `task_to_bytes` wrote."""
    data = json.loads(frame)
    return Task(**data | {"notebook": base64.b64decode(data["notebook"]), "notes": tuple(data["notes"])})


def grade_bytes(frame: bytes) -> bytes:
    """`grade_one` of a task as bytes; the outcome as bytes."""
    return json.dumps(asdict(grade_one(task_from_bytes(frame)))).encode()


def outcome_from_bytes(frame: bytes) -> TaskOutcome:
    """The outcome that `grade_bytes` returned."""
    return TaskOutcome(**json.loads(frame))
