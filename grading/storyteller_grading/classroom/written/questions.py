"""What a lesson asks in words: the text of the question, the model answer with its rubric, and the points."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from storyteller.utils.atomic_io import read_json
from storyteller_grading.classroom.course import Course

HEADING = re.compile(r"^(?=#{1,3} )", re.MULTILINE)  # what stands before a text's last one belongs to something else


@dataclass(frozen=True)
class Question:
    """One written answer of a lesson."""

    name: str  # of its cell, in nbgrader too
    points: float  # the most that it can earn
    text: str  # what is asked, as HTML
    rubric: str  # the model answer with its rubric, as HTML; empty where the course's `source` has none


def read_questions(course: Course, lesson: Path) -> list[Question]:
    """The written answers of a lesson, in its order.

    Args:
        course: whose `source` has the model answers.
        lesson: the lesson's folder; its notebook has the questions.

    Raises:
        StorytellerError: a notebook is damaged.
    """
    source = course.source / lesson.name / f"{lesson.name}.ipynb"
    models = {cell.get("id"): cell for cell in _cells(source)} if source.is_file() else {}
    cells = _cells(lesson / f"{lesson.name}.ipynb")
    questions = []
    for place, cell in enumerate(cells):
        about, ours = cell["metadata"].get("nbgrader", {}), cell["metadata"].get("storyteller", {})
        if ours.get("role") == "written" and about.get("grade"):
            texts = [one for one in cells[:place] if one["cell_type"] == "markdown" and not one["metadata"]]
            asked = as_html(HEADING.split(_text(texts[-1]))[-1]) if texts else ""
            model = models.get(cell.get("id"))
            rubric = as_html(_text(model)) if model else ""
            questions.append(Question(about["grade_id"], float(about["points"]), asked, rubric))
    return questions


def as_html(markdown: str) -> str:
    """Markdown as HTML; HTML within it is shown as it is written."""
    return str(_renderer().render(markdown))


@lru_cache(maxsize=1)
def _renderer() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _cells(notebook: Path) -> list[dict[str, Any]]:
    document = read_json(notebook, way_out="make it anew with storyteller-grade build")
    return list(document["cells"])


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
