"""The command for written answers: `written`, a web page of this machine."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.commands.conventions import CourseFolder, LessonName

HOST = "127.0.0.1"
PORT = 8766  # one above `storyteller serve`


def written(
    lesson: LessonName,
    course: CourseFolder = Path(),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the page is.")] = PORT,
) -> None:
    """Grade written answers question by question, on a page that this machine alone can open, until Ctrl-C."""
    from storyteller.cli.serve import address_of, refuse_taken_port
    from storyteller.errors import optional_import
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.written.answers import read_answers
    from storyteller_grading.classroom.written.app import make_app
    from storyteller_grading.classroom.written.questions import read_questions

    uvicorn = optional_import("uvicorn", extra="serve")
    opened, folder = Course.open(course), lesson_folder(lesson)
    token = secrets.token_hex(24)
    app = make_app(opened, folder, token)
    for question in read_questions(opened, folder):
        found = read_answers(opened, folder.name, question)
        said = f"{found.graded} of {len(found.written)} answer[|s] [is|are] graded"
        print(f"{question.name}: {agreeing(len(found.written), said)}.")
    refuse_taken_port(HOST, port)
    print(f"The page: {address_of(HOST, port)}/?token={token} (Ctrl-C ends it)", flush=True)
    uvicorn.run(app, host=HOST, port=port, log_level="warning", timeout_graceful_shutdown=2)
