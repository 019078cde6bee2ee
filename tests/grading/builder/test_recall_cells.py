"""A recall in the notebooks and in what a class gets."""

import nbformat
from toy_recall import write_toy_with_recall

from storyteller_course import load_lesson
from storyteller_grading.builder.build import answers_of, draft_lesson, secrets_of
from storyteller_grading.builder.leaks import leaks_in_notebook
from storyteller_grading.builder.nbgrader_release import student_notebook
from storyteller_grading.release.bundle import class_files


def test_the_questions_stand_above_the_cell_and_the_answers_in_the_solution_alone(tmp_path):
    home = write_toy_with_recall(tmp_path)
    solved = draft_lesson(home).notebook()
    released = nbformat.reads(student_notebook(home.name, nbformat.writes(solved) + "\n"), as_version=4)
    by_id = {name: {cell.id: cell for cell in one.cells} for name, one in (("s", solved), ("r", released))}
    exercise = load_lesson(home).exercises["recall"]
    head = by_id["r"]["recall-head"].source
    assert head.startswith("#### Recall: 5 questions about lesson 08 · 5 points")
    for question in exercise.questions:
        assert question.text in head
        assert all(text in head for text in question.choices)
    assert by_id["r"]["recall"].source.count("None,") == 5
    assert by_id["r"]["recall"].source.startswith("def recall():\n")
    namespace = {}
    exec(by_id["s"]["recall"].source, namespace)
    assert namespace["recall"]() == {
        place: question.answer if question.choices else float(question.answer)
        for place, question in enumerate(exercise.questions, 1)
    }
    assert by_id["r"]["recall-check"].metadata["nbgrader"]["points"] == 5
    assert leaks_in_notebook(released, secrets_of(answers_of(load_lesson(home)))) == []


def test_a_class_gets_no_answers(tmp_path):
    lesson = load_lesson(write_toy_with_recall(tmp_path))
    text = class_files(lesson)["checks/recall.py"].decode()
    assert "pool" not in text
    assert all(f'"answer": "{letter}"' not in text for letter in "abc")
