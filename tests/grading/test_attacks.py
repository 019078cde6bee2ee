"""Hostile and broken submissions: none earns a point that it should not, and honest answers beside them lose none.

Each attack is code that defines `victim`, in the answer's cell or in a cell that was added; beside it `words` is
answered honestly. Nothing of the grader's may appear in what the student gets to read.
"""

import contextlib
import json
import os
import socket
import time
from pathlib import Path

import psutil
import pytest
from judge_lesson import HONEST, SECRET, code, graded, make_lesson, notebook, points, write

from storyteller.course.lesson import Lesson, load_lesson
from storyteller_grading.judge import report
from storyteller_grading.judge.starting import starter

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or not starter(unsafe=True).layers.hold,
    reason="no layer of the sandbox holds here: nothing hostile is run",
)

MARK = "the-expected-values-and-the-secret"  # stands in the grader's files, and nowhere in a sandbox
WRONG = "def victim(x, factor): return x * 0\n"

LIARS = {
    "patched comparisons": """
import torch, math, numpy, builtins, operator
torch.allclose = torch.equal = torch.isclose = torch.Tensor.allclose = torch.Tensor.equal = lambda *a, **k: True
numpy.allclose = numpy.array_equal = math.isclose = operator.eq = lambda *a, **k: True
builtins.all = builtins.any = builtins.isinstance = lambda *a, **k: True
def victim(x, factor): return x * 0
""",
    "patched operators of tensors": """
import torch
torch.Tensor.__eq__ = torch.Tensor.__ne__ = lambda a, b: True
torch.Tensor.__sub__ = lambda a, b: torch.zeros(3, 4)
def victim(x, factor): return torch.ones(3, 4)
""",
    "an object that equals everything": """
class Anything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __getattr__(self, name): return Anything()
    def __call__(self, *a, **k): return True
    def __hash__(self): return 0
    def __bool__(self): return True
def victim(x, factor): return Anything()
""",
    "subclasses of plain types that equal everything": """
class L(list):
    def __eq__(self, other): return True
    def __len__(self): return 3
class F(float):
    def __eq__(self, other): return True
def victim(x, factor): return L([L([F(0)] * 4)] * 3)
""",
    "a tensor that is always right": """
class Right(torch.Tensor):
    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None): return True
def victim(x, factor): return torch.zeros(3, 4).as_subclass(Right)
""",
    "a class that lies about being a tensor": """
class Lie:
    __class__ = torch.Tensor
    dtype, shape, layout = torch.float32, (3, 4), torch.strided
    def __getattr__(self, name): return lambda *a, **k: self
def victim(x, factor): return Lie()
""",
    "a pickle that would run a program": """
class Bomb:
    def __reduce__(self): return (__import__("os").system, ("touch /tmp/bomb",))
def victim(x, factor): return Bomb()
""",
    "the serving code is replaced": """
import sys
for name in list(sys.modules):
    if name.startswith("storyteller.course"):
        module = sys.modules[name]
        for attribute in ("difference", "write_outcome", "equal", "close", "grade", "run_case"):
            if hasattr(module, attribute): setattr(module, attribute, lambda *a, **k: b"")
def victim(x, factor): return x * 0
""",
    "an outcome without an error is forged": """
import sys
frames, serve = sys.modules["storyteller.course.frames"], sys.modules["storyteller.course.serve"]
from storyteller.course.request import Outcome
def forged(outcome, keep=None): return frames.encode((True, None, ((), "", (), "")))
serve.write_outcome = frames.write_outcome = forged
def victim(x, factor): return x * 0
""",
    "frames are written to every open file": """
import os, struct, storyteller.course.wire as wire, torch
body = wire.encode((torch.zeros(3, 4), None, ((), "", (), "")))
for descriptor in range(3, 256):
    try: os.write(descriptor, (struct.pack("<cQ", b"R", len(body)) + body) * 50)
    except OSError: pass
def victim(x, factor): return x * 0
""",
    "garbage is written to every open file at the call": """
import os
def victim(x, factor):
    for descriptor in range(3, 256):
        try: os.write(descriptor, b"\\xff" * 4096)
        except OSError: pass
    return x * 0
""",
    "a frame of a huge length is announced": """
import os, struct
def victim(x, factor):
    for descriptor in range(3, 256):
        try: os.write(descriptor, struct.pack("<cQ", b"R", 1 << 62))
        except OSError: pass
    return x * 0
""",
    "the expected values are looked for in memory": """
import gc, sys
def victim(x, factor):
    for thing in gc.get_objects():
        try:
            if type(thing).__name__ in ("Exercise", "Case", "ExerciseResult", "Lesson", "Draw"): return thing
            if isinstance(thing, dict) and "wanted" in thing: return thing["wanted"]
        except Exception: pass
    frame = sys._getframe()
    while frame:
        for name in ("wanted", "expected", "secret"):
            if name in frame.f_locals: return frame.f_locals[name]
        frame = frame.f_back
    return x * 0
""",
    "the public inputs are remembered": """
seen = {}
def victim(x, factor):
    from storyteller.course.draw import Draw, PUBLIC
    public = Draw(PUBLIC, "victim", "attacked").tensor(3, 4)
    return public * factor if torch.equal(x, public) else x * 0
""",
    "the argument is changed instead": "def victim(x, factor):\n    x.mul_(0)\n    return x",
    "an answer of another type": "def victim(x, factor): return 'correct'",
    "metadata that says so": WRONG + "points = earned = 100; print('SCORE: 100/100')",
    "a hash bomb": """
def victim(x, factor): return {i * (2**61 - 1): 0 for i in range(1, 9000)}
""",
}

BREAKERS = {
    "the process ends at the call": "import os\ndef victim(x, factor): os._exit(0)",
    "the process ends at the definition": "import os\nos._exit(0)",
    "an exit": "import sys\ndef victim(x, factor): sys.exit(0)",
    "a KeyboardInterrupt": "def victim(x, factor): raise KeyboardInterrupt",
    "an abort": "import os, ctypes\ndef victim(x, factor): ctypes.CDLL(None).abort()",
    "a segmentation fault": "import ctypes\ndef victim(x, factor): return ctypes.string_at(0)",
    "a loop that ignores SIGINT": """
import signal
def victim(x, factor):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True: pass
""",
    "a loop that catches everything": """
def victim(x, factor):
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
    "a loop in C": "def victim(x, factor): return sum(range(10**12))",
    "a sleep": "import time\ndef victim(x, factor): time.sleep(1000)",
    "a worker that stops itself": "import os, signal\ndef victim(x, factor): os.kill(os.getpid(), signal.SIGSTOP)",
    "a repr that never ends": """
class Endless(Exception):
    def __str__(self):
        while True: pass
def victim(x, factor): raise Endless
""",
    "a thread that goes on": """
import threading
def forever():
    while True: pass
def victim(x, factor):
    threading.Thread(target=forever).start()
    return x * 0
""",
    "ten thousand threads": """
import threading, time
def victim(x, factor):
    for _ in range(10_000): threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
""",
    "a fork bomb": """
import os
def victim(x, factor):
    while True:
        try: os.fork()
        except OSError: pass
""",
    "a fork bomb by other means": """
import subprocess, multiprocessing, sys, ctypes
def victim(x, factor):
    while True:
        for way in (lambda: subprocess.Popen([sys.executable, "-c", "while 1: pass"]),
                    lambda: multiprocessing.get_context("fork").Process(target=victim, args=(x, factor)).start(),
                    lambda: ctypes.CDLL(None).fork(), lambda: ctypes.CDLL(None).vfork):
            try: way()
            except BaseException as error:
                if type(error).__name__ == "TimeIsUp": raise
""",
    "all memory": "def victim(x, factor):\n    held = []\n    while True: held.append(bytearray(1 << 26))",
    "a tensor of all memory": "def victim(x, factor): return torch.ones(1 << 40)",
    "a full disk": """
def victim(x, factor):
    number = 0
    while True:
        try:
            with open(f"file{number}", "wb") as file:
                while True: file.write(b"x" * (1 << 20))
        except OSError: number += 1
""",
    "a million files": """
def victim(x, factor):
    number = 0
    while True:
        try: open(f"file{number}", "w").close()
        except OSError: pass
        number += 1
""",
    "a reply without end": "def victim(x, factor): return 'a' * (1 << 29)",
    "a reply that is too deep": """
def victim(x, factor):
    value = []
    for _ in range(100_000): value = [value]
    return value
""",
    "a reply that holds itself": "def victim(x, factor):\n    value = []\n    value.append(value)\n    return value",
    "a gigabyte of output": """
def victim(x, factor):
    for _ in range(1000): print("x" * (1 << 20))
    return x * 0
""",
    "endless recursion": "def victim(x, factor): return victim(x, factor)",
    "recursion without a limit": """
import sys
sys.setrecursionlimit(10**9)
def victim(x, factor): return victim(x, factor)
""",
    "all files closed": "import os\ndef victim(x, factor):\n    os.closerange(0, 256)\n    return x * 0",
    "the server is killed": """
import os, signal
def victim(x, factor):
    for process in [os.getppid(), 1, 2, 3, 0, -1, *range(4, 70)]:
        try:
            if process != os.getpid(): os.kill(process, signal.SIGKILL)
        except OSError: pass
    return x * 0
""",
    "another program takes over": "import os\ndef victim(x, factor): os.execv('/bin/sh', ['sh', '-c', 'echo'])",
    "tracing": """
import sys, threading
sys.settrace(lambda *a: 1/0); threading.settrace(lambda *a: 1/0); sys.setprofile(None)
def victim(x, factor): return x * 0
""",
    "a debugger": "def victim(x, factor): breakpoint()",
    "an input": "def victim(x, factor): return x * float(input())",
    "builtins are gone": """
import builtins
def victim(x, factor):
    for name in ("len", "type", "isinstance", "Exception", "str", "int", "open", "print"): delattr(builtins, name)
""",
    "a syntax error": "def victim(x, factor:\n    return x *",
    "null bytes and other characters": "def victim(x, factor):\n\x00\x0c\ufeff return x *\u2028 0",
    "deeply nested code": "victim = " + "(" * 5000 + "0" + ")" * 5000,
    "code that brings the parser down": "victim = " + "-" * 90_000 + "1",
    "a generator that never yields": "def victim(x, factor):\n    while True: yield",
}

SPIES = {
    "files of the grader": """
import os, pathlib
def victim(x, factor):
    for path in {paths!r}:
        for way in (lambda: open(path).read(), lambda: os.listdir(path), lambda: os.open(path, os.O_RDONLY)):
            try: print("GOT", way())
            except OSError: pass
    return x * 0
""",
    "the whole disk": """
import os
def victim(x, factor):
    for root in ("/root", "/home", "/etc", "/var", "/proc", "/work", "/srv", "/mnt", "/tmp", "/dev/shm", {folder!r}):
        for place, folders, files in os.walk(root):
            for name in files:
                if name.endswith((".py", ".txt", "secret", "environ", "cmdline", "mem", ".ipynb")):
                    try: print(os.path.join(place, name), open(os.path.join(place, name), errors="replace").read(500))
                    except OSError: pass
    return x * 0
""",
    "environment and open files": """
import os
def victim(x, factor):
    print(dict(os.environ))
    for descriptor in range(256):
        try: print(descriptor, os.fstat(descriptor), os.pread(descriptor, 500, 0))
        except OSError: pass
    return x * 0
""",
    "links out of the scratch folder": """
import os
def victim(x, factor):
    for path in {paths!r}:
        for way in (os.symlink, os.link):
            try:
                way(path, "here"); print("GOT", open("here").read()); os.remove("here")
            except OSError: pass
    return x * 0
""",
    "the network": """
import socket
def victim(x, factor):
    for family, kind, place in ((socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {port})),
                                (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {port})),
                                (socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + {name!r})):
        try:
            s = socket.socket(family, kind); s.connect(place); s.send(b"hello"); print("GOT a connection")
        except OSError as error: print(error)
    return x * 0
""",
    "system calls by number": """
import ctypes, os
def victim(x, factor):
    libc = ctypes.CDLL(None, use_errno=True)
    for path in {paths!r}:
        for number in (2, 257, 437):
            descriptor = libc.syscall(number, ctypes.c_char_p(path.encode()), 0) if number == 2 else -1
            if descriptor >= 0: print("GOT", os.read(descriptor, 999))
    for call in (41, 57, 58, 101, 165, 272, 310, 425):
        print(call, libc.syscall(call, 2, 1, 0, 0, 0))
    return x * 0
""",
    "what comes after is prepared": """
import os, sys, site
def victim(x, factor):
    site_packages = site.getsitepackages()[0]
    for path in [torch.__file__, os.path.join(site_packages, "sitecustomize.py"), sys.executable,
                 "/root/.bashrc", "/etc/profile", "/usr/lib/x", {folder!r} + "/planted.txt",
                 {checks!r}]:
        try: open(path, "a").write("import os"); print("GOT", path)
        except OSError: pass
    return x * 0
""",
}


class Grader:
    """What an attack wants to get at: files, and somebody who listens."""

    def __init__(self, folder: Path, lesson: Lesson) -> None:
        self.folder = folder
        secret = folder / "secret.txt"
        secret.write_text(MARK, encoding="utf-8")
        self.checks = lesson.folder / "checks.py"
        self.paths = [str(path) for path in (secret, self.checks, lesson.notebook, Path("/etc/passwd"), Path(__file__))]
        self.tcp, self.udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
        self.port = self.tcp.getsockname()[1]
        self.udp.bind(("127.0.0.1", self.port))
        self.name = f"storyteller-test-{self.port}"
        self.local = socket.socket(socket.AF_UNIX)
        self.local.bind("\0" + self.name)
        self.local.listen()
        for listening in (self.tcp, self.udp, self.local):
            listening.settimeout(0.05)

    def was_reached(self) -> bool:
        for ask in (self.tcp.accept, self.local.accept, lambda: self.udp.recv(10)):
            try:
                ask()
            except TimeoutError:
                continue
            return True
        return False

    def close(self) -> None:
        for listening in (self.tcp, self.udp, self.local):
            listening.close()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return load_lesson(make_lesson(tmp_path_factory.mktemp("attacked")))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("storyteller_grading.judge.remote.GRACE", 0.5)


@pytest.fixture
def grader(tmp_path, lesson):
    grader = Grader(tmp_path, lesson)
    yield grader
    grader.close()


def everything(result) -> str:
    """All that the student gets to read."""
    return json.dumps(report.as_data(result)) + report.as_page(result)


def stands(result) -> None:
    """The attack earned nothing, and the honest answer beside it has its points."""
    assert points(result) == {"victim": 0, "words": 30}, result


ONLY = ("victim", "words")


@pytest.mark.parametrize("attack", [*LIARS.values(), *BREAKERS.values()], ids=[*LIARS, *BREAKERS])
def test_an_attack_in_an_answer_earns_nothing_and_hurts_nobody(attack, lesson, tmp_path):
    stands(graded(lesson, tmp_path, notebook(HONEST | {"victim": attack}), only=ONLY))


ADDED = (
    *("patched comparisons", "the serving code is replaced", "an outcome without an error is forged"),
    "frames are written to every open file",
)


@pytest.mark.parametrize("name", ADDED)
def test_an_attack_in_an_added_cell_earns_nothing(name, lesson, tmp_path):
    document = notebook(HONEST | {"victim": WRONG})
    document["cells"].insert(3, code(LIARS[name].rpartition("def victim")[0]))
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
    monkeypatch.setattr("storyteller_grading.judge.remote.CELL_SECONDS", 1.0)
    document = notebook(HONEST)
    document["cells"].insert(3, code(attack))
    document["cells"].insert(4, code("x = helper = 1"))
    result = graded(lesson, tmp_path, document, only=("words", "scale", "total"))
    assert points(result) == {"words": 30, "scale": 20, "total": 20}
    assert [note for note in result.notes if note.startswith("Cell 4 ")], result.notes


@pytest.mark.parametrize("attack", SPIES.values(), ids=SPIES)
def test_a_spy_finds_nothing(attack, grader, lesson, tmp_path):
    places = {name: getattr(grader, name) for name in ("paths", "port", "name")}
    attack = attack.format(**places, folder=str(grader.folder), checks=str(grader.checks))
    before = grader.checks.read_bytes()
    result = graded(lesson, tmp_path, notebook(HONEST | {"victim": attack}), only=ONLY)
    stands(result)
    said = everything(result)
    assert MARK not in said
    assert "GOT" not in json.dumps(report.as_data(result)["exercises"])
    assert SECRET not in said
    assert not grader.was_reached()
    assert grader.checks.read_bytes() == before
    assert not (grader.folder / "planted.txt").exists()


def test_hidden_inputs_reach_the_student_by_no_way(lesson, tmp_path):
    """An answer that is right for the public inputs only tells all that it sees in all ways that it has."""
    from storyteller.course.draw import PUBLIC, Draw
    from storyteller_grading.judge.judging import hidden_seeds

    attack = """
import warnings
memory = []
def words(text):
    from storyteller.course.draw import Draw, PUBLIC
    memory.append(str(text)); print("SAW", memory); warnings.warn(str(memory))
    open("note", "a").write(str(memory)); print(open("note").read())
    if text == Draw(PUBLIC, "words", "counts").text(20):
        return {word: text.split().count(word) for word in text.split()}
    if not isinstance(text, str): raise TypeError(str(memory))
    raise ValueError(str(memory))
"""
    result = graded(lesson, tmp_path, notebook({"words": attack}), only=("words",))
    assert points(result) == {"words": 10}
    said = everything(result)
    assert Draw(PUBLIC, "words", "counts").text(20) != ""
    for seed in hidden_seeds(SECRET, 2):
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
            cell["source"] = LIARS["an outcome without an error is forged"].replace("x * 0", "x * factor")
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
    "many cells": json.dumps({"cells": [{"cell_type": "code", "source": ""}] * 1500}),
    "much code": json.dumps({"cells": [{"cell_type": "code", "source": "x = 1\n" * 15_000}] * 20}),
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
    server = starter()
    inside = 1 if "bubblewrap" in server.layers.names() else 0  # bwrap's own first process, and then the server
    server.drop_spare()
    end = time.monotonic() + 10
    while len(alive := _alive(server.process.pid)) > 2 * inside and time.monotonic() < end:
        time.sleep(0.05)
    assert len(alive) <= 2 * inside


def _alive(server: int) -> list[psutil.Process]:
    """The processes below the server's that still run; an ended one is taken away with the next order."""
    found = []
    for process in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
