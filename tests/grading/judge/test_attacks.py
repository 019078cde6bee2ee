"""Hostile and broken submissions: none earns a point that it should not, and honest answers beside them lose none.

The attacks stand in `attacks`: each is code that defines `victim`; beside it `words` is answered honestly. They are
graded as one class, by one judge, among canaries in every file and every memory that they might get at.
"""

import collections
import contextlib
import hashlib
import json
import os
import re
import site
import socket
import sqlite3
import time
import uuid
from pathlib import Path

import psutil
import pytest
from attacks import ATTACKS, SLOW, WRONG
from judge_lesson import HONEST, REFERENCE, SECRET, code, graded, make_lesson, notebook, points, write

import storyteller_course
import storyteller_grading.judge
from storyteller_course.exercises.lesson import load_lesson
from storyteller_grading.classroom.autograde.grade_task import Task, TaskOutcome, grade_one
from storyteller_grading.judge import report
from storyteller_grading.judge.hidden_seeds import hidden_seeds
from storyteller_grading.judge.worker_client import ForkServer, starter

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or not starter(unsafe=True).layers.hold,
    reason="no layer of the sandbox holds here: nothing hostile is run",
)

BOTH = ("words", "victim")
CANARY = "canary-of-the-grader-"  # begins what is planted in the grader's files, environment and memory
LEFT = "attack-left"  # in the names of all that attacks would like to leave behind
REMEMBERED = f"{CANARY}{uuid.uuid4()}"  # in this process's memory, which is the judge's


class Grader:
    """What an attack wants to get at: files, and somebody who listens."""

    def __init__(self, folder: Path, lesson: Path) -> None:
        self.folder, self.lesson, self.checks = folder, lesson, lesson / "checks" / "victim.py"
        self.canaries = [REMEMBERED]
        os.environ["STORYTELLER_TEST_CANARY"] = self.canary()
        files = ("secret", "roster.csv", "source/07_judged.ipynb", "submitted/other/07_judged/07_judged.ipynb")
        self.course = [folder / name for name in (*files, "gradebook.db", "records.db")]
        for path in self.course:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".db":
                with contextlib.closing(sqlite3.connect(path)) as database:
                    database.execute("create table grade (data text)")
                    database.execute("insert into grade values (?)", [self.canary()])
                    database.commit()
            else:
                path.write_text(self.canary(), encoding="utf-8")
        self.paths = [*self.course, self.checks, lesson / "07_judged.ipynb", Path("/etc/passwd"), Path(__file__)]
        self.tcp, self.udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
        self.port = self.tcp.getsockname()[1]
        self.udp.bind(("127.0.0.1", self.port))
        self.name = f"storyteller-test-{self.port}"
        self.local = socket.socket(socket.AF_UNIX)
        self.local.bind("\0" + self.name)
        self.local.listen()
        for listening in (self.tcp, self.udp, self.local):
            listening.settimeout(0.05)

    def canary(self) -> str:
        """A text that stands nowhere else."""
        self.canaries.append(f"{CANARY}{uuid.uuid4()}")
        return self.canaries[-1]

    def told_to(self, cell: str) -> str:
        """An attack's cell, with the places that it wants to know."""
        places = {"PATHS": [str(path) for path in self.paths], "COURSE": [str(path) for path in self.course]}
        places |= {"FOLDER": str(self.folder), "CHECKS": str(self.checks), "PORT": self.port, "NAME": self.name}
        return re.sub(rf"\b({'|'.join(places)})\b", lambda found: repr(places[found[1]]), cell)

    def was_reached(self) -> bool:
        for ask in (self.tcp.accept, self.local.accept, lambda: self.udp.recv(10)):
            try:
                ask()
            except TimeoutError:
                continue
            return True
        return False

    def close(self) -> None:
        del os.environ["STORYTELLER_TEST_CANARY"]
        for listening in (self.tcp, self.udp, self.local):
            listening.close()


def state_of(path: Path) -> tuple[str, int, int]:
    """What must not change about a file."""
    status = path.stat()
    return hashlib.sha256(path.read_bytes()).hexdigest(), status.st_mode, status.st_mtime_ns


def outside(grader: Grader) -> dict[str, tuple[str, int, int]]:
    """All files that somebody might like to change: of the class, of the course's library, what starts with Python."""
    found = [path for folder in (grader.folder, grader.lesson) for path in folder.rglob("*") if path.is_file()]
    for package in (storyteller_course, storyteller_grading.judge):
        found += Path(package.__file__).parent.rglob("*.py")
    for place in (*site.getsitepackages(), site.getusersitepackages()):
        found += [
            *Path(place).glob("*.pth"),
            *Path(place).glob("*customize.py"),
            *Path(place).glob("torch/__init__.py"),
        ]
    found += [path for path in Path.home().iterdir() if path.is_file()]
    found += [path for name in (".ipython", ".jupyter") for path in Path.home().glob(f"{name}/**/*.py")]
    return {str(path): state_of(path) for path in found if path.is_file()}


def left_behind(grader: Grader) -> list[Path]:
    """What attacks would have left, by its name."""
    places = [*map(Path, ("/tmp", "/dev/shm", "/var/tmp", "/run")), Path.home(), Path.home() / ".config"]
    places += [Path(place) for place in site.getsitepackages()]
    found = [path for place in places if place.is_dir() for path in place.glob(f"*{LEFT}*")]
    found += [path for place in (grader.folder, grader.lesson) for path in place.rglob(f"*{LEFT}*")]
    return [*found, *Path("/tmp").glob("bomb")]


class AttackedClass:
    """One class, in which each student but the last tries an attack; each is graded when a test first asks for it."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader
        self.before = outside(grader)
        self.outcomes: dict[str, TaskOutcome] = {}

    def outcome(self, name: str, answers: dict[str, str]) -> TaskOutcome:
        """What came of a student's notebook."""
        if name not in self.outcomes:
            content = json.dumps(notebook(answers, BOTH)).encode()
            folder = str(self.grader.lesson)
            task = Task(lesson=folder, student=name, name="07_judged.ipynb", notebook=content, secret=SECRET, draws=1)
            self.outcomes[name] = grade_one(task)
        return self.outcomes[name]

    def attacked(self, name: str) -> TaskOutcome:
        """What came of an attack."""
        cell = self.grader.told_to(ATTACKS[name].cell)
        return self.outcome(name, {"words": HONEST["words"], "victim": cell})


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    home = make_lesson(tmp_path_factory.mktemp("attacked"), BOTH)
    checks = home / "checks" / "victim.py"
    checks.write_text(checks.read_text().replace("limit=1.0", "limit=0.6"))
    grader = Grader(tmp_path_factory.mktemp("class"), home)
    yield grader
    grader.close()


@pytest.fixture(scope="module")
def attacked(grader):
    server = starter()  # begun anew, now that there is something in the environment to be found
    server.close()
    server._launch()
    return AttackedClass(grader)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("storyteller_grading.judge.remote_student.GRACE_S", 0.4)


def earned(outcome: TaskOutcome) -> dict[str, int]:
    """What each exercise earned."""
    return {exercise["name"]: exercise["earned"] for exercise in outcome.data["exercises"]}


FAST = [name for name in ATTACKS if name not in SLOW]


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in sorted(SLOW))])
def test_an_attack_earns_nothing_learns_nothing_and_costs_nobody_anything(name, attacked):
    """As much as the same notebook with a wrong answer in the attack's place, which is the honest answer's points."""
    outcome = attacked.attacked(name)
    assert outcome.status == "graded", outcome.failure
    assert earned(outcome) == {"words": 30, "victim": 0}, outcome.data
    said = json.dumps(outcome.data) + outcome.page
    secrets = [*attacked.grader.canaries, SECRET, *hidden_seeds(SECRET, 1, outcome.sha256)]
    assert outcome.seeds == secrets[-1:]
    assert not [secret for secret in secrets if secret in said]
    printed = [case.get("printed", "") for exercise in outcome.data["exercises"] for case in exercise["cases"]]
    assert not [text for text in printed if "GOT" in text], printed
    assert len(outcome.page) < 200_000
    assert not attacked.grader.was_reached()


@pytest.mark.parametrize("names", [FAST, pytest.param(sorted(SLOW), marks=pytest.mark.slow)], ids=["fast", "slow"])
def test_after_all_attacks_the_last_student_is_graded_and_everything_is_as_it_was(names, attacked):
    for name in names:
        assert attacked.attacked(name).status == "graded"
    wrong = attacked.outcome("wrong", {"words": HONEST["words"], "victim": WRONG})
    assert earned(wrong) == {"words": 30, "victim": 0}
    right = attacked.outcome("right", {"words": HONEST["words"], "victim": REFERENCE["victim"]})
    assert earned(right) == {"words": 30, "victim": 10}
    assert right.data["notes"] == []
    assert outside(attacked.grader) == attacked.before
    assert left_behind(attacked.grader) == []
    assert nothing_runs(starter())


def test_there_are_attacks_of_every_kind():
    kinds = collections.Counter(attack.kind for attack in ATTACKS.values())
    assert kinds.total() >= 100
    assert min(kinds.values()) >= 10
    assert set(ATTACKS) > SLOW
    assert set(kinds) == {"points", "leak", "persistence", "tampering", "denial"}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return load_lesson(make_lesson(tmp_path_factory.mktemp("attacked")))


def everything(result) -> str:
    """All that the student gets to read."""
    return json.dumps(report.as_data(result)) + report.as_page(result)


ADDED = (
    *("patched comparisons", "the serving code is replaced", "an outcome without an error is forged"),
    "frames are written to every open file",
)


@pytest.mark.parametrize("name", ADDED)
def test_an_attack_in_an_added_cell_earns_nothing(name, lesson, tmp_path):
    document = notebook(HONEST | {"victim": WRONG})
    document["cells"].insert(3, code(ATTACKS[name].cell.rpartition("def victim")[0]))
    assert points(graded(lesson, tmp_path, document, only=("victim",))) == {"victim": 0}


@pytest.mark.parametrize(
    "attack",
    [
        *("import os\nos._exit(1)", "while True: pass", "import os\nos.execv('/bin/sh', ['sh'])"),
        *("import sys\nsys.exit()", "import ctypes\nctypes.string_at(0)", "x = bytearray(1 << 40)", "1 / 0"),
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    ],
)
def test_an_added_cell_that_breaks_down_costs_the_others_nothing(attack, lesson, tmp_path, monkeypatch):
    monkeypatch.setattr("storyteller_grading.judge.remote_student.CELL_TIMEOUT_S", 1.0)
    document = notebook(HONEST)
    document["cells"].insert(3, code(attack))
    document["cells"].insert(4, code("x = helper = 1"))
    result = graded(lesson, tmp_path, document, only=("words", "scale", "total"))
    assert points(result) == {"words": 30, "scale": 20, "total": 20}
    assert [note for note in result.notes if note.startswith(("Cell 4 ", "Cell 4, line "))], result.notes


def test_hidden_inputs_reach_the_student_by_no_way(lesson, tmp_path):
    """An answer that is right for the public inputs only tells all that it sees in all ways that it has."""
    from storyteller_course.exercises.exercise import PUBLIC, Draw

    attack = """
import warnings
memory = []
def words(text):
    from storyteller_course.exercises.exercise import Draw, PUBLIC
    memory.append(str(text)); print("SAW", memory); warnings.warn(str(memory))
    for place in ("note", "/tmp/note", "/dev/shm/note", "/var/tmp/note"):
        try:
            open(place, "a").write(str(memory)); print(open(place).read())
        except OSError: pass
    if text == Draw(PUBLIC, "words", "counts").text(20):
        return {word: text.split().count(word) for word in text.split()}
    if not isinstance(text, str): raise TypeError(str(memory))
    raise ValueError(str(memory))
"""
    result = graded(lesson, tmp_path, notebook({"words": attack}), only=("words",))
    assert points(result) == {"words": 0}
    said = everything(result)
    assert Draw(PUBLIC, "words", "counts").text(20) != ""
    assert len(result.seeds) == 2
    for seed in result.seeds:
        assert Draw(seed, "words", "counts").text(20) not in said
    counts = result.exercises[0].cases[0]
    assert not counts.passed
    assert counts.message.startswith("It holds for the inputs that the notebook's check uses")
    assert (counts.got, counts.wanted, counts.printed, counts.where, counts.code) == (None, None, "", "", "")


def test_what_a_student_writes_is_escaped_wherever_it_is_shown(lesson, tmp_path):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    attack = f"""
import warnings
def words(text):
    print({evil!r}); warnings.warn({evil!r})
    if not isinstance(text, str): raise ValueError({evil!r})
    return {{{evil!r}: 1}}
"""
    document = notebook(HONEST | {"words": attack})
    document["cells"].insert(3, code(f"raise ValueError({evil!r})"))
    document["cells"].insert(4, code(f"{evil}"))
    path = write(tmp_path / "<script>alert(3)<.ipynb", document)
    result = graded(lesson, tmp_path, path, only=("words",))
    page = report.as_page(result)
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert len(page) < 100_000
    assert "default-src 'none'" in page
    json.loads(json.dumps(report.as_data(result)))


def test_files_beside_the_notebook_shadow_nothing(lesson, tmp_path):
    for name in ("torch.py", "storyteller.py", "json.py", "checks.py", "IPython.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise RuntimeError('shadowed')\n", encoding="utf-8")
    result = graded(lesson, tmp_path, notebook(HONEST), only=("words", "scale"))
    assert points(result) == {"words": 30, "scale": 20}


def test_cells_of_the_course_are_never_taken_from_a_submission(lesson, tmp_path):
    document = notebook({"victim": WRONG})
    for cell in document["cells"]:
        if cell.get("id") == "setup" or cell.get("id", "").endswith("-check"):
            cell["source"] = ATTACKS["an outcome without an error is forged"].cell.replace("x * 0", "x * factor")
            cell["metadata"] = {"nbgrader": {"points": 1000, "grade": True}, "tags": ["skip-execution"]}
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "100 of 100 points"}]
    result = graded(lesson, tmp_path, document, only=("victim", "words"))
    assert points(result) == {"victim": 0, "words": 0}
    assert any("is one of the course's" in note for note in result.notes)


FILES = {
    "not JSON": "hello",
    "a list": "[]",
    "no cells": "{}",
    "cells that are text": '{"cells": "abc"}',
    "deep nesting": "[" * 100_000 + "]" * 100_000,
    "deep nesting in a cell": '{"cells": [' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "]}",
    "an integer of many digits": '{"cells": ' + "9" * 100_000 + "}",
    "many cells": json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 1500}),
    "bytes that are not UTF-8": "\udcff",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_that_is_no_notebook_gets_a_sentence_and_no_points(text, lesson, tmp_path):
    path = tmp_path / "submission.ipynb"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = graded(lesson, tmp_path, path)
    assert result.earned == 0
    assert result.fault.startswith("submission.ipynb")
    assert result.fault.endswith(".")
    assert "submission.ipynb" in report.as_page(result)


def test_a_huge_file_a_link_a_folder_and_a_pipe_are_not_read(lesson, tmp_path, monkeypatch):
    real = write(tmp_path / "real.ipynb", notebook(HONEST))
    (tmp_path / "link.ipynb").symlink_to(real)
    (tmp_path / "folder.ipynb").mkdir()
    os.mkfifo(tmp_path / "pipe.ipynb")
    huge = tmp_path / "huge.ipynb"
    with open(huge, "wb") as file:
        file.truncate(1 << 40)
    for path in (*(tmp_path / f"{name}.ipynb" for name in ("link", "folder", "pipe", "none")), huge, Path("/dev/zero")):
        result = graded(lesson, tmp_path, path)
        assert result.fault, path
        assert result.earned == 0


STRANGE_CELLS = [
    None,
    7,
    [],
    {},
    {"cell_type": "code"},
    {"cell_type": "code", "source": 7},
    {"cell_type": "code", "source": ["a", 7]},
    {"cell_type": ["code"], "source": "x"},
    {"cell_type": "code", "source": "x = 1", "id": ["a"]},
    {"cell_type": "code", "source": "x = 1", "id": "a" * 10_000},
    {"cell_type": "code", "source": "x" * 200_000},
    {"cell_type": "raw", "source": "x"},
]


def test_strange_cells_are_passed_over(lesson, tmp_path):
    document = notebook(HONEST)
    document["cells"] = [*STRANGE_CELLS, *document["cells"], *STRANGE_CELLS]
    result = graded(lesson, tmp_path, document, only=("words", "scale"))
    assert points(result) == {"words": 30, "scale": 20}
    assert any("was left out" in note for note in result.notes)


def test_a_server_that_was_killed_is_started_again(lesson, tmp_path):
    server = starter()
    server.process.kill()
    server.process.wait()
    assert points(graded(lesson, tmp_path, notebook(HONEST), only=("words",))) == {"words": 30}


def test_nothing_of_a_worker_is_left_behind(lesson, tmp_path):
    attack = """
import threading, time
threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)]).start()
def victim(x, factor):
    while True: pass
"""
    graded(lesson, tmp_path, notebook({"victim": attack}), only=("victim",))
    assert nothing_runs(starter())


def nothing_runs(server: ForkServer) -> bool:
    """Has everything below the server ended?"""
    inside = 1 if "bubblewrap" in server.layers.names() else 0  # bwrap's own first process, and then the server
    server.drop_spare()
    end = time.monotonic() + 10
    while len(alive := _alive(server.process.pid)) > 2 * inside and time.monotonic() < end:
        time.sleep(0.05)
    return len(alive) <= 2 * inside


def _alive(server: int) -> list[psutil.Process]:
    """The processes below the server's that still run; an ended one is taken away with the next order."""
    found = []
    for process in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
