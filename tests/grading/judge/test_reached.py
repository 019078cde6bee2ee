"""What an answer's code reaches is listed for the instructor, and shown to no student."""

import json

import pytest
from judge_lesson import HONEST, code, graded, make_lesson, notebook, points

from repository import ROOT
from storyteller_course.exercises.lesson import load_lesson
from storyteller_grading.judge import report
from storyteller_grading.judge.cell_matching import CellNames, CellPlan, MatchedCells
from storyteller_grading.judge.cell_names import analyse
from storyteller_grading.judge.notebooks import Cell
from storyteller_grading.judge.reached import reached

LESSON = load_lesson(ROOT / "lessons" / "03_building_moe")
IMPORTS = ["import torch", "from torch import nn"]


def found(*sources: str) -> list[str]:
    """What is listed of the answer to `route_top_k`, the last of these cells; the others are the student's own."""
    cells = [Cell(number, "", source) for number, source in enumerate(sources, 1)]
    names = {cell.number: CellNames.read(analyse(cell.source)) for cell in cells}
    matched = MatchedCells(answers={"route_top_k": cells[-1]}, added=cells[:-1], names=names)
    return reached("route_top_k", CellPlan(tuple(cells), ()), matched, LESSON, IMPORTS)


HONEST_ANSWERS = [
    "def route_top_k(logits, k):\n    best, experts = logits.topk(k)\n    return best.softmax(-1), experts",
    "import torch\nimport math\ndef route_top_k(logits, k):\n    return torch.zeros(1), getattr(logits, 'shape')",
    "from storyteller_course import check\ndef route_top_k(logits, k): pass",
    "from storyteller.corpus import load\ndef route_top_k(logits, k): pass",
    "def route_top_k(logits, k):\n    evaluate = executor = compiled = 1\n    return evaluate",
]


@pytest.mark.parametrize("source", HONEST_ANSWERS)
def test_nothing_is_listed_of_an_answer_that_does_its_own_work(source):
    assert found(source) == []


@pytest.mark.parametrize(
    ("source", "listed"),
    [
        ("from storyteller.moe.router import route_top_k", "storyteller.moe.router.route_top_k"),
        ("import storyteller.moe.router as r\nroute_top_k = r.route_top_k", "storyteller.moe.router"),
        ("from storyteller import moe\nroute_top_k = moe.router.route_top_k", "storyteller.moe"),
        ("import storyteller\ndef route_top_k(x, k): return storyteller.moe.router.route_top_k(x, k)", "storyteller"),
        ("from storyteller.moe.router import *", "storyteller.moe.router.*"),
        ("from storyteller_course.exercises.stand_ins import load", "storyteller_course.exercises.stand_ins.load"),
        ("def route_top_k(x, k):\n    import threading\n    return 1", "threading"),
        ("from concurrent.futures import ThreadPoolExecutor as E", "concurrent.futures.ThreadPoolExecutor"),
        ("import sys\ndef route_top_k(x, k):\n    sys.setprofile(None)", "setprofile"),
        ("from inspect import getsource\nroute_top_k = getsource", "inspect.getsource"),
        ("def route_top_k(x, k):\n    exec('y = 1')", "exec"),
        ("route_top_k = eval('lambda x, k: x', {'__name__': 'storyteller.x'})", "eval"),
        ("def route_top_k(x, k):\n    return getattr(torch, 'soft' + 'max')(x)", "getattr of torch"),
        ("import statistics as s\ndef route_top_k(x, k): return getattr(s, 'mean')(x)", "getattr of s"),
        ("def route_top_k(x, k):\n    return len.__globals__", "__globals__"),
    ],
)
def test_what_gets_at_an_answer_or_out_of_sight_is_listed(source, listed):
    assert listed in found(source)


def test_a_scratch_cell_counts_where_the_answer_uses_it_or_where_it_leaves_the_watch():
    answer = "def route_top_k(x, k): return helper(x, k)"
    scratch = "from storyteller.moe.router import route_top_k as {}"
    assert found(scratch.format("to_compare"), answer) == []
    assert found(scratch.format("helper"), answer) == ["storyteller.moe.router.route_top_k"]
    assert found(scratch.format("inner"), "def helper(x, k): return inner(x, k)", answer) != []
    assert found("import sys\nsys.setprofile(None)", answer) == ["setprofile"]


def test_the_instructor_gets_the_list_and_the_student_does_not(tmp_path):
    lesson = load_lesson(make_lesson(tmp_path))
    words = "import threading\n" + HONEST["words"]
    document = notebook({"words": words, "scale": "import inspect\ndef scale(x, factor):\n    return x"})
    document["cells"].insert(2, code("print('nothing of this matters')", "scratch"))
    result = graded(lesson, tmp_path, document, only=("words", "scale"), unsafe=True)
    assert points(result) == {"scale": 0, "words": 30}
    assert result.reached == {"words": ["threading"]}  # what earned nothing need not be looked at
    data = json.loads(json.dumps(report.as_data(result)))
    assert {each["name"]: each["reached"] for each in data["exercises"]} == {"scale": [], "words": ["threading"]}
    assert "threading" not in report.as_page(result)
