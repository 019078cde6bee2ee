"""Judges die, hang and fail, and end with their class; nobody else pays for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from strange_judges import strange, strange_tasks

from repository import ROOT
from storyteller_grading.classroom.autograde.process_pool import grade_in_processes


def test_a_judge_that_dies_hangs_or_fails_costs_nobody_else_anything(tmp_path):
    orders = {"a": "die", "b": "", "c": "die once", "d": "hang", "e": "fail once", "f": "fail", "g": ""}
    found = {
        one.student: one
        for one in grade_in_processes(strange_tasks(tmp_path, orders), jobs=2, timeout_s=2.0, grade=strange)
    }
    assert {name: one.status for name, one in found.items()} == {
        **dict.fromkeys("bceg", "graded"),
        **dict.fromkeys("adf", "failed"),
    }
    assert found["a"].failure == "the judge died (signal 9), twice"
    assert found["d"].failure == "the judge was still busy after 2 seconds, twice"
    assert found["f"].failure == "no luck with ..., twice"
    tries = {name: len((tmp_path / name).read_text(encoding="utf-8").splitlines()) for name in orders}
    assert tries == {"a": 2, "b": 1, "c": 2, "d": 2, "e": 2, "f": 2, "g": 1}


def test_judges_end_with_a_class_that_is_killed(tmp_path):
    """SIGKILL gives nobody a chance to say goodbye."""
    script = tmp_path / "grade.py"
    script.write_text(
        "from pathlib import Path\nfrom strange_judges import strange, strange_tasks\n"
        "from storyteller_grading.classroom.autograde.process_pool import grade_in_processes\n"
        "if __name__ == '__main__':\n"
        f"    tasks = strange_tasks(Path({str(tmp_path)!r}), {{'a': 'hang'}})\n"
        "    list(grade_in_processes(tasks, jobs=1, grade=strange))\n",
        encoding="utf-8",
    )
    tests = ROOT / "tests"
    paths = os.pathsep.join([str(tests / "grading"), str(tests)])
    process = subprocess.Popen([sys.executable, str(script)], env=os.environ | {"PYTHONPATH": paths})
    wait_until(lambda: (tmp_path / "a").is_file() and (tmp_path / "a").read_text(encoding="utf-8"), process)
    judge = int((tmp_path / "a").read_text(encoding="utf-8"))
    process.kill()
    process.wait()
    wait_until(lambda: not Path(f"/proc/{judge}").exists() and not alive(judge))


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true, process=None):
    for _ in range(600):
        if true():
            return
        assert process is None or process.poll() is None
        time.sleep(0.1)
    raise AssertionError("it did not happen within a minute")
