"""A task and its outcome cross to another process or machine and come back the same."""

from storyteller_grading.classroom.autograde.grade_task import Task, grade_one, task_from_bytes, task_to_bytes


def test_an_outcome_of_a_task_is_the_same_as_bytes(tmp_path):
    task = Task(lesson=str(tmp_path), student="ada", name="x", notebook=b"\xff\0", secret="s", notes=("n",), key="k")
    assert task_from_bytes(task_to_bytes(task)) == task
    assert grade_one(task).status == "failed"
