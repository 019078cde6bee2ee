"""What a worker gets to stand in for unsolved exercises, and what it must not get: the answer that it is graded on."""

import json
import sys

import pytest
from judge_lesson import CHECKS, REFERENCE, graded, make_lesson, notebook, points, stub

from lesson_files import write_checks
from storyteller_course.exercises.lesson import Lesson, load_lesson
from storyteller_grading.judge.remote_student import stand_ins

ANSWERS = '''\
"""Each answer has a text that stands nowhere else."""


def only_for_scale():
    return "canary-of-scale's helper"


def scale(x, factor):
    """Scale."""
    mark = only_for_scale(), "canary-of-scale"
    return x * factor if mark else x


def total(x, factor):
    """Total."""
    mark = "canary-of-total"
    return scale(x, factor).sum() if mark else x
'''
# Looks for these texts in all that Python knows, in what the process can read of its own memory, and in files.
SEARCH = """
import gc, os, re, sys, types

def scale(x, factor):
    found, seen = set(), set()
    needle = re.compile(r"[c]anary-of-([a-z' ]+)")
    def look(thing, depth):
        if id(thing) in seen or depth > 6: return
        seen.add(id(thing))
        if isinstance(thing, bytes): thing = thing.decode("latin-1")
        if isinstance(thing, str): found.update(needle.findall(thing))
        elif isinstance(thing, types.FunctionType): look(thing.__code__, depth + 1); look(thing.__globals__, depth + 1)
        elif isinstance(thing, types.CodeType): [look(one, depth + 1) for one in thing.co_consts]
        elif isinstance(thing, dict): [look(one, depth + 1) for pair in list(thing.items()) for one in pair]
        elif isinstance(thing, (list, tuple, set)): [look(one, depth + 1) for one in list(thing)]
    for thing in gc.get_objects(): look(thing, 0)
    for module in list(sys.modules.values()): look(vars(module), 0)
    frame = sys._getframe()
    while frame: look(dict(frame.f_locals), 0); look(frame.f_code, 0); frame = frame.f_back
    memory = re.compile(rb"[c]anary-of-[a-z]+")
    try:
        maps, mem = open("/proc/self/maps").read().splitlines(), open("/proc/self/mem", "rb", 0)
        for line in maps:
            start, stop = (int(one, 16) for one in line.split()[0].split("-"))
            if " r" in line and stop - start < 1 << 28:
                try:
                    mem.seek(start)
                    found.update("memory: " + one.decode() for one in memory.findall(mem.read(stop - start)))
                except (OSError, ValueError, OverflowError): pass
    except OSError: pass
    for folder, _, names in os.walk(HOME):
        for name in names:
            try:
                content = open(os.path.join(folder, name), "rb").read()
                found.update("file: " + one.decode() for one in memory.findall(content))
            except OSError: pass
    print("FOUND", sorted(found))
    return x * 0
"""


@pytest.fixture(scope="module")
def lesson(tmp_path_factory) -> Lesson:
    home = make_lesson(tmp_path_factory.mktemp("stand-ins"), ("scale", "total"))
    (home / "reference.py").write_text(ANSWERS, encoding="utf-8")
    return load_lesson(home)


def test_unsolved_foundations_are_replaced_by_the_reference(lesson, tmp_path):
    result = graded(lesson, tmp_path, notebook({"total": REFERENCE["total"]}, ("scale", "total")))
    assert points(result) == {"scale": 0, "total": 20}
    assert result.exercises[1].replaced == ("scale",)


def test_unsolved_foundations_are_replaced_by_the_library(tmp_path, monkeypatch):
    """Python's module `operator` plays the library; its `mul` is an exercise."""
    home = tmp_path / "08_operator"
    checks = CHECKS.replace('"scale", points=20', '"scale", stand_in="operator.mul", points=20').replace("scale", "mul")
    write_checks(home, checks, ("mul", "total"))
    document = json.loads(json.dumps(notebook({}, ("scale", "total"))).replace("scale", "mul"))
    (home / "08_operator.ipynb").write_text(json.dumps(document), encoding="utf-8")
    answered = json.loads(
        json.dumps(notebook({"total": REFERENCE["total"]}, ("scale", "total"))).replace("scale", "mul")
    )
    result = graded(load_lesson(home), tmp_path, answered)
    assert points(result) == {"mul": 0, "total": 20}
    assert result.exercises[1].replaced == ("mul",)


def test_what_is_sent_has_all_others_and_not_the_graded_one(lesson):
    _, source, _, names = stand_ins(lesson, "scale", ["total"])
    assert names == ["total"]
    assert "canary-of-total" in source
    assert "canary-of-scale" not in source
    assert "canary-of-scale" in stand_ins(lesson, "total", ["scale"])[1]


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox and /proc are Linux's")
def test_an_attack_finds_the_other_answers_at_most_and_never_the_graded_one(lesson, tmp_path):
    source = SEARCH.replace("HOME", repr(str(lesson.folder.parent)))
    result = graded(lesson, tmp_path, notebook({"scale": source}, ("scale", "total")), only=("scale",))
    printed = result.exercises[0].cases[0].printed
    assert "'total'" in printed, printed  # so the search would have found it
    assert "of-scale" not in printed
    assert "'scale" not in printed, printed
    assert points(result) == {"scale": 0}


def test_another_functions_stand_in_calls_the_students_own(lesson, tmp_path):
    """A helper cell of the student's may use any exercise while `scale` is graded, be it one that calls `scale`."""
    document = notebook({"scale": REFERENCE["scale"], "total": stub("total")}, ("scale", "total"))
    source = "import torch\nhalf = float(total(torch.ones(2), 0.25))\nassert half == 0.5"
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, "id": "own"}
    document["cells"].insert(4, cell)
    result = graded(lesson, tmp_path, document, only=("scale",))
    assert points(result) == {"scale": 20}


def test_another_exercises_stand_in_may_be_forbidden(tmp_path):
    home = make_lesson(tmp_path, ("scale", "total"))
    (home / "reference.py").write_text(ANSWERS, encoding="utf-8")
    checks = home / "checks" / "total.py"
    source = checks.read_text(encoding="utf-8").replace('builds_on=("scale",)', 'forbidden=("scale",)')
    checks.write_text(source, encoding="utf-8")
    result = graded(load_lesson(home), tmp_path, notebook({"total": REFERENCE["total"]}, ("scale", "total")))
    assert points(result) == {"scale": 0, "total": 0}
    assert result.exercises[1].cases[0].kind == "shortcut"
