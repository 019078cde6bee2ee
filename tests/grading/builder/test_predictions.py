"""The form of predictions, and what the student finds in their place."""

import nbformat
import pytest
from toy_lesson import line_of, write_toy

from storyteller_grading.builder.build import draft_lesson
from storyteller_grading.builder.lesson_markdown import BuildError
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.builder.predictions import without_prediction

ASKED = '```{code-cell}\n:tags: [predict]\n\npredict("most", ["é", "b"], mine="b")\n```\n'
TOLD = '```{code-cell}\nx = 1\nreveal("most", "é")\n```\n'


def with_cells(folder, *cells):
    return write_toy(folder, lesson=("Then a class.", "\n".join(["Then a class.\n", *cells])))


def test_the_solution_predicts_and_the_student_is_asked_to(tmp_path):
    folder = with_cells(tmp_path, ASKED, TOLD)
    solved = draft_lesson(folder).notebook()
    released = nbformat.reads(student_notebook(folder.name, nbformat.writes(solved) + "\n"), as_version=4)
    sources = [next(cell.source for cell in one.cells if "predict(" in cell.source) for one in (solved, released)]
    assert sources == ['predict("most", ["é", "b"], mine="b")', 'predict("most", ["é", "b"], mine=None)']
    assert [cell.id for cell in solved.cells] == [cell.id for cell in released.cells]


def test_the_letter_goes_wherever_it_stands():
    source = 'predict(\n    "naïve — é", ["a", "b", "c"],\n    mine="c",  # yours\n)'
    assert without_prediction(source) == source.replace('"c",  #', "None,  #")


@pytest.mark.parametrize(
    ("cells", "at", "message"),
    [
        ([ASKED.replace("[predict]", "[nbval-ignore-output]"), TOLD], "predict(", "a cell tagged `predict`"),
        ([ASKED.replace('mine="b"', "mine=None"), TOLD], "predict(", "a cell tagged `predict`"),
        ([ASKED.replace('mine="b"', 'mine="c"'), TOLD], "predict(", "a cell tagged `predict`"),
        ([ASKED.replace("predict(", "x = predict("), TOLD], "predict(", "a cell tagged `predict`"),
        ([ASKED], "predict(", "the next code cell must say what came"),
        ([ASKED, TOLD.replace('"most"', '"least"')], "predict(", "the next code cell must say what came"),
        ([ASKED, TOLD, ASKED, TOLD], "predict(", "there is a prediction 'most' already"),
        ([TOLD], "x = 1", "has no predict"),
    ],
)
def test_another_form_is_refused(tmp_path, cells, at, message):
    folder = with_cells(tmp_path, *cells)
    with pytest.raises(BuildError, match=message) as caught:
        draft_lesson(folder)
    if "already" not in message:
        assert f"lesson.md:{line_of(folder / 'lesson.md', at)}: " in str(caught.value)
