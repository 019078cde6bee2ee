"""A lesson with its notebooks, as the gates examine it."""

import json
from dataclasses import dataclass
from pathlib import Path

import nbformat

from storyteller_course import Lesson, load_lesson
from storyteller_course.exercises.known_answers import KnownAnswer, reference_source
from storyteller_grading.builder.build import answers_of, draft_lesson, secrets_of
from storyteller_grading.builder.lesson_folders import new_lesson
from storyteller_grading.builder.lesson_markdown import is_draft
from storyteller_grading.builder.nbgrader_release import student_notebook


@dataclass(frozen=True)
class Course:
    """One lesson with its notebooks."""

    folder: Path
    solutions: Path
    scratch: Path  # a folder for submissions

    @property
    def lesson(self) -> Lesson:
        return load_lesson(self.folder)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def draft(self) -> bool:
        return is_draft(self.folder / "lesson.md")

    @property
    def solution(self) -> Path:
        return self.solutions / f"{self.name}.ipynb"

    @property
    def student(self) -> Path:
        return self.folder / f"{self.name}.ipynb"

    @property
    def secrets(self) -> dict[str, str]:
        """The lines of the answers that no student may read."""
        return secrets_of(answers_of(self.lesson))

    def submission(self, exercise: str, source: str) -> Path:
        """The solution with another answer to one exercise."""
        notebook = json.loads(self.solution.read_text(encoding="utf-8"))
        [cell] = [one for one in notebook["cells"] if one["id"] == exercise]
        cell["source"] = source
        path = self.scratch / f"{self.name}.ipynb"
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return path

    def source(self, answer: KnownAnswer) -> str:
        """The code of a known answer."""
        assert self.lesson.reference is not None
        return answer.source(reference_source(self.lesson.reference, answer.exercise))


def template(home: Path) -> Course:
    """A lesson made from the template, built but not executed."""
    folder = new_lesson("06_next_letter", home / "lessons")
    course = Course(folder, home / "solutions", home)
    solution = nbformat.writes(draft_lesson(folder).notebook()) + "\n"
    course.solutions.mkdir()
    course.solution.write_text(solution, encoding="utf-8", newline="\n")
    student = student_notebook(folder.name, solution)
    course.student.write_text(student, encoding="utf-8", newline="\n")
    return course
