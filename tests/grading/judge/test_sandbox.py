"""Each layer of the sandbox does what it says, alone and with the others; what this machine lacks is skipped."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repository import ROOT
from storyteller.errors import StorytellerError
from storyteller_course.runner import serialization
from storyteller_grading.judge import worker_client
from storyteller_grading.judge.channel import CELL, Closed, TimedOut
from storyteller_grading.judge.sandbox import bubblewrap, leftovers, namespaces, seccomp, syscalls
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.sandbox.probe import NAMES, Layers, examine
from storyteller_grading.judge.worker_client import ForkServer, FreshProcess

REASONS = examine().reasons if hasattr(os, "fork") else dict.fromkeys(NAMES, "there is no fork")

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/")  # where a program may leave something

# Sets of layers that hold, as they are found on different systems.
SYSTEMS = [
    pytest.param(NAMES, id="a Linux desktop with bubblewrap"),
    pytest.param(("landlock", "seccomp"), id="a container"),
    pytest.param(("namespaces", "landlock", "seccomp"), id="a Linux server", marks=pytest.mark.slow),
    pytest.param(("namespaces", "seccomp"), id="a kernel without landlock", marks=pytest.mark.slow),
    pytest.param(("namespaces",), id="another processor", marks=pytest.mark.slow),
    pytest.param(("bubblewrap", "seccomp"), id="an old kernel, or one where bubblewrap alone may make namespaces"),
]


@pytest.fixture(scope="module", params=SYSTEMS)
def server(request):
    missing = [f"{name}: {REASONS[name]}" for name in request.param if REASONS[name]]
    if missing:
        pytest.skip(f"this machine lacks {', '.join(missing)}")
    server = ForkServer(request.param)
    yield server
    server.close()


@pytest.fixture
def worker(server):
    worker = server.start()
    yield worker
    worker.close()


def run(worker, source: str, seconds: float = 60) -> str:
    """What a cell prints, and what it raises."""
    worker.channel.send(CELL, serialization.encode(source))
    said = serialization.decode(worker.channel.receive(deadline=time.monotonic() + seconds)[1])
    return said["printed"] + said["error"]


def test_the_server_finds_the_layers_that_it_was_given(server, request):
    asked = request.node.callspec.params["server"]
    assert server.layers.names() == [name for name in NAMES if name in asked]
    assert server.layers.hold


def test_a_worker_reads_python_and_its_packages_and_no_other_file(worker, tmp_path):
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    mine = f"/proc/{os.getpid()}/environ"
    for path in (tmp_path / "secret", Path(__file__), "/etc/passwd", "/etc/shadow", mine):
        assert run(worker, f"print(open({str(path)!r}).read())").endswith(("FileNotFoundError", "PermissionError"))
    assert run(worker, "import decimal, zoneinfo, wave, torch.fx, storyteller.tokenizer\nprint('ok')") == "ok\n"


def test_a_worker_reaches_no_network(worker):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        port = listening.getsockname()[1]
        source = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)"
        assert run(worker, source).endswith(("PermissionError", "ConnectionRefusedError", "OSError"))
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_worker_writes_to_its_scratch_folder_only_and_not_without_end(worker, tmp_path):
    assert run(worker, "open('mine', 'w').write('a')\nprint(open('mine').read())") == "a\n"
    for path in (tmp_path / "new", "/usr/lib/new", "/tmp/../new", Path(namespaces.__file__).parent / "new"):
        assert run(worker, f"open({str(path)!r}, 'w')").endswith("Error"), path
    assert not (tmp_path / "new").exists()
    fill = "import time\nfor i in range(40):\n open(f'{i}', 'wb').write(bytes(1 << 23))\ntime.sleep(9)"
    try:
        assert run(worker, fill).endswith("OSError")  # no space left on the device
    except Closed:
        assert worker.close(died=True) == "it filled its folder"


def test_a_module_without_numbers_imports_nothing_in_a_worker(worker):
    """The first one imports for seconds, which would come out of the time of an answer that counts parameters."""
    made = "import sys, torch\nbefore = len(sys.modules)\n"
    made += "with torch.device('meta'):\n layer = torch.nn.Linear(4, 4)\n"
    made += "layer(torch.zeros(2, 4, device='meta')).sum()\ntorch.nn.Embedding(9, 4, device='meta')\n"
    assert run(worker, made + "print(len(sys.modules) - before)") == "0\n"


def test_a_file_that_is_copied_keeps_its_content(worker):
    copy = "import shutil, os\nopen('a', 'w').write('x')\nshutil.copy2('a', 'b')\nos.replace('b', 'c')\n"
    assert run(worker, copy + "print(open('c').read())") == "x\n"


def test_a_worker_has_no_more_memory_than_its_budget(server):
    worker = server.start(budget=Budget(memory=1 << 29))
    try:
        assert run(worker, "held = bytearray(1 << 30)").endswith("MemoryError")
        assert run(worker, "import torch\ntorch.ones(1 << 28)").endswith("RuntimeError")
        assert run(worker, "held = bytearray(1 << 27)\nprint(len(held))") == f"{1 << 27}\n"
    finally:
        worker.close()


def test_a_worker_uses_no_more_processor_time_than_its_budget(server):
    worker = server.start(budget=Budget(processor_seconds=1))
    with pytest.raises(Closed):
        run(worker, "while True: pass")
    assert worker.close(died=True) in ("it used up its processor time", "it was killed, most likely for want of memory")


def test_a_worker_starts_threads_and_no_processes(server, worker):
    threads = "import threading\nt = threading.Thread(target=lambda: print('ok'))\nt.start()\nt.join()"
    assert run(worker, threads) == "ok\n"
    if server.layers.seccomp:
        for source in ("os.fork()", "os.posix_spawn('/bin/sh', ['sh'], {})", "os.execv('/bin/sh', ['sh'])"):
            assert run(worker, f"import os\n{source}").endswith("PermissionError"), source
    else:
        bomb = "import os, time\nn = 0\ntry:\n while os.fork(): n += 1\n time.sleep(99)\nexcept OSError: print(n)"
        assert int(run(worker, bomb)) < 64


def test_a_worker_signals_only_itself(worker):
    catch = "import os, signal\nsignal.signal(signal.SIGUSR1, lambda *a: print('mine'))\n"
    assert run(worker, catch + "os.kill(os.getpid(), signal.SIGUSR1)") == "mine\n"
    for process in (1, os.getpid(), os.getppid()):
        assert run(worker, f"if os.getpid() != {process}: os.kill({process}, 0)").endswith(("Error", "")), process


def test_top_level_await_works_as_in_a_notebook(worker):
    assert run(worker, "import asyncio\nasync def f(): return 3\nprint(await f())") == "3\n"


def test_magics_and_shell_lines_do_not_stop_a_cell(worker):
    magics = "!pip install torch\n%matplotlib inline\n%unknown\n%time x = 1\nfiles = !ls\n"
    said = run(worker, magics + "print('reached', x, files)")
    assert "reached 1 []" in said
    assert "no program is started here" in said


def test_the_environment_tells_nothing(worker, monkeypatch):
    said = run(worker, "import os\nprint(sorted(os.environ))")
    assert "'PATH'" not in said
    assert "'PYTHONPATH'" not in said
    assert "'USER'" not in said


def test_a_worker_is_gone_when_close_returns(server):
    worker = server.start()
    assert run(worker, "print(1)") == "1\n"
    assert worker.close() == "stopped"
    assert worker.close() == "stopped"
    with pytest.raises(Closed):
        worker.channel.send(CELL, b"")


def test_a_worker_that_ends_by_itself_says_how(server):
    worker = server.start()
    with pytest.raises(Closed):
        run(worker, "import os\nos._exit(3)")
    assert worker.close(died=True) == "it ended with exit code 3"


def test_a_silent_worker_and_one_that_does_not_listen_run_into_the_deadline(worker):
    with pytest.raises(TimedOut):
        run(worker, "import time\ntime.sleep(100)", seconds=0.5)
    with pytest.raises(TimedOut):
        worker.channel.send(CELL, bytes(1 << 26), deadline=time.monotonic() + 0.5)


def test_workers_are_alone(server):
    with contextlib.closing(server.start()) as one:
        run(one, "open('mine', 'w').write('a')\nimport torch\ntorch.allclose = None\nx = 1")
        with contextlib.closing(server.start()) as other:  # only now: of two that take turns, either might be the first
            if server.layers.share_folder:
                with pytest.raises(TimedOut):
                    run(other, "print(1)", seconds=1)
                one.close()
                assert serialization.decode(other.channel.receive()[1])["printed"] == "1\n"
            seen = "import os, torch\nprint(os.path.exists('mine'), torch.allclose is None)"
            assert run(other, seen) == "False False\n"
            assert run(other, "x").endswith("NameError")


# Looks for what it has left, then leaves folders and files of every mode where it can, deeper than a path may be long.
LEFT_BEHIND = f"""
import os
places = {{*{PLACES}, os.path.dirname(os.getcwd()), os.path.expanduser("~")}}
print(*(f"{{place}}/{{name}}" for place in places for name in ("left", "left.txt", "link", "fifo")
        if os.path.lexists(os.path.join(place, name))), end="")
for place in places:
    for make in (
        lambda: os.makedirs(place + "/left/a/b"),
        lambda: open(place + "/left.txt", "w").write("left"),
        lambda: open(place + "/left/a/b/file", "w").write("left"),
        lambda: os.symlink("/etc", place + "/link"),
        lambda: os.mkfifo(place + "/fifo"),
        lambda: os.mkdir(place + "/left/closed", 0),
    ):
        try: make()
        except OSError: pass
for depth in range(1500):
    os.mkdir("d" * 20)
    os.chdir("d" * 20)
"""


def test_nothing_of_a_worker_is_left_for_the_next(server):
    for _ in range(2):
        worker = server.start()
        said = run(worker, LEFT_BEHIND)
        assert worker.close() == "stopped"
        assert said == ""
    assert not any(Path(place, "left").exists() for place in PLACES)
    worker_client.try_out(server)


def test_a_worker_changes_nothing_about_other_processes(server, worker):
    """What it set for the server would be found by the next worker, which is a fork of it."""
    source = f"""
import os
for process in {{os.getppid(), *range(1, 40), {server.process.pid}, {os.getpid()}}} - {{0, os.getpid()}}:
    for change in (
        lambda: open(f"/proc/{{process}}/mem", "r+b"),
        lambda: os.setpriority(os.PRIO_PROCESS, process, 19),
        lambda: os.sched_setaffinity(process, {{0}}),
        lambda: os.sched_setscheduler(process, os.SCHED_BATCH, os.sched_param(0)),
    ):
        try: change()
        except OSError: continue
        print("changed", process, change)
"""
    assert run(worker, source) == ""


@pytest.mark.parametrize("use", [("landlock", "seccomp"), ("bubblewrap", "seccomp")])
def test_only_requests_of_our_list_pass(use):
    """An attribute of a file of the library's is changed by no mode of opening it."""
    if missing := [name for name in use if REASONS[name]]:
        pytest.skip(f"this machine lacks {missing}")
    server = ForkServer(use)
    worker = server.start()
    # The requests: FS_IOC_GETFLAGS and SETFLAGS, SETVERSION, FSSETXATTR, FICLONE, FIFREEZE, TIOCSTI, FIOSETOWN,
    # FIOASYNC; the commands: F_SETOWN, F_SETSIG, F_SETLEASE, F_NOTIFY.
    source = """
import array, fcntl, os, socket, storyteller
refused = [0x80086601, 0x40086602, 0x40087602, 0x401C5820, 0x40049409, 0xC0045877, 0x5412, 0x8901, 0x5452]
file = os.open(storyteller.__file__, os.O_RDONLY)
for request in refused:
    try: fcntl.ioctl(file, request, array.array("l", [0, 0, 0, 0]))
    except PermissionError: continue
    except OSError as error: print(error)
    print("passed", hex(request))
for command in (8, 10, 1024, 1026):
    try: fcntl.fcntl(file, command, 0)
    except PermissionError: continue
    except OSError as error: print(error)
    print("passed", command)
one, other = socket.socketpair()
other.send(b"four")
size = array.array("i", [0])
fcntl.ioctl(one, 0x541B, size)
os.set_inheritable(file, True)
os.set_blocking(file, False)
print(size[0], os.isatty(0), os.get_inheritable(file), fcntl.fcntl(file, fcntl.F_GETFD))
"""
    try:
        assert run(worker, source) == "4 False True 0\n"
    finally:
        worker.close()
        server.close()


def test_the_server_and_its_workers_leave_the_home_alone(worker):
    """IPython and matplotlib make folders for their settings: the server's shell has them already, ours come here."""
    servers = run(worker, "shell = get_ipython()\nprint(shell.ipython_dir)\nprint(shell.profile_dir.location)")
    ours = run(
        worker,
        "import os, IPython, matplotlib\n"
        "print(IPython.paths.get_ipython_dir())\nprint(matplotlib.get_configdir())\nprint(os.path.expanduser('~'))",
    )
    for folder in (*servers.splitlines(), *ours.splitlines()):
        assert not Path(folder).is_relative_to(Path.home()), folder
        assert folder.startswith("/tmp"), folder
    assert "storyteller-judge-" in servers


def test_a_place_that_survives_a_worker_is_found_before_anybody_is_graded(tmp_path, monkeypatch):
    """Should a layer have a hole that we do not know: here bubblewrap's, a folder that all may write to."""
    if missing := [name for name in ("bubblewrap", "seccomp") if REASONS[name]]:
        pytest.skip(f"this machine lacks {missing}")
    whole = bubblewrap.command
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()

    def with_a_hole(**options):
        words = whole(**options)
        return [*words[:-3], "--bind", str(open_to_all), "/run", *words[-3:]]  # before the root is read-only

    assert examine(["bubblewrap"]).reasons["bubblewrap"] == ""
    server = ForkServer(("bubblewrap", "seccomp"))
    monkeypatch.setattr(bubblewrap, "command", with_a_hole)
    assert examine(["bubblewrap"]).reasons["bubblewrap"] == "something could be left behind"
    server.close()
    server._launch()  # a server that does not know of it
    with pytest.raises(StorytellerError, match="writes to /run could be read by the next"):
        worker_client.try_out(server)
    server.close()


def test_a_folder_is_emptied_whatever_is_in_it(tmp_path):
    closed = tmp_path / "a" / "b"
    closed.mkdir(parents=True)
    (closed / "file").write_text("x", encoding="ascii")
    (tmp_path / "link").symlink_to(ROOT)
    closed.chmod(0)
    here = os.getcwd()
    os.chdir(tmp_path)
    for _ in range(1200):  # deeper than Python may call itself, and than a path may be long
        os.mkdir("deep")
        os.chdir("deep")
    os.chdir(here)
    leftovers.empty(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert (ROOT / "pyproject.toml").exists()


def test_workers_die_with_the_judge():
    """Even where the judge is killed and can clean up nothing."""
    if not all(not REASONS[name] for name in ("landlock", "seccomp")):
        pytest.skip("no layer holds")
    script = """
import time
from storyteller_course.runner import serialization
from storyteller_grading.judge.channel import CELL
from storyteller_grading.judge.worker_client import ForkServer
server = ForkServer(("namespaces", "landlock", "seccomp"))
worker = server.start()
worker.channel.send(CELL, serialization.encode("while True: pass"))
print(server.process.pid, flush=True)
time.sleep(100)
"""
    import psutil

    judge = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert judge.stdout is not None
    server = psutil.Process(int(judge.stdout.readline()))
    end = time.monotonic() + 30
    while len(server.children(recursive=True)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    family = [server, *server.children(recursive=True)]
    assert len(family) >= 3  # server, supervisor, worker; and a spare worker with its supervisor
    judge.send_signal(signal.SIGKILL)
    judge.wait()
    judge.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=600)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("use", [(), ("landlock",), ("seccomp",)])
def test_where_no_layer_holds_nothing_is_run_unless_asked_for(use):
    with pytest.raises(StorytellerError, match="--unsafe") as refused:
        worker_client.starter(use=use)
    assert "No layer of this system" in str(refused.value)
    trusted = worker_client.starter(use=use, unsafe=True)
    worker = trusted.start()
    try:
        assert run(worker, "print(1)") == "1\n"
    finally:
        worker.close()


def test_without_fork_a_worker_is_a_process_of_its_own(monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(StorytellerError, match="--unsafe"):
        worker_client.starter()
    starter = worker_client.starter(unsafe=True)
    assert isinstance(starter, FreshProcess)
    worker = starter.start()
    assert run(worker, "import os\nprint(os.environ.get('PYTHONSAFEPATH'))") == "1\n"
    place = run(worker, "print(os.getcwd())").strip()
    assert run(worker, "print({os.path.expanduser('~'), os.environ['IPYTHONDIR']})") == f"{ {place}!r}\n"
    with pytest.raises(Closed):
        run(worker, "os._exit(4)")
    assert worker.close(died=True) == "it ended with exit code 4"
    assert not Path(place).exists()


def test_the_layers_together_decide():
    assert not Layers(landlock=True).hold  # the network is open
    assert not Layers(seccomp=True).hold  # the files are open
    assert not Layers(bubblewrap=True).hold  # workers reach one another
    assert Layers(landlock=True, seccomp=True).hold
    assert Layers(namespaces=True).hold
    assert Layers(bubblewrap=True, seccomp=True).hold


def test_files_that_a_worker_could_see_are_refused():
    namespaces.check_hidden([Path(__file__)])
    with pytest.raises(StorytellerError, match="move it elsewhere"):
        namespaces.check_hidden([ROOT / "shared" / "storyteller" / "tokenizer" / "secret.txt"])


@pytest.mark.parametrize(
    ("trial", "fault"),
    [("import os; os._exit(1)", "exit code 1"), ("import nothing_of_this_name", "ModuleNotFoundError")],
)
def test_a_sandbox_in_which_nothing_runs_grades_nobody(server, monkeypatch, trial, fault):
    worker_client.try_out(server)
    monkeypatch.setattr(worker_client, "TRIAL", trial)
    with pytest.raises(StorytellerError, match=f"{fault}.*nothing was graded"):
        worker_client.try_out(server)


@pytest.mark.skipif(REASONS["namespaces"] != "", reason=f"no namespaces: {REASONS['namespaces']}")
def test_what_is_installed_below_the_scratch_folder_is_seen(tmp_path):
    # As with a clone below the folder for temporary files, where the scratch folder of a worker is.
    installed, root = tmp_path / "clone" / "lib", tmp_path / "root"
    installed.mkdir(parents=True)
    root.mkdir()
    (installed / "module.py").touch()
    (tmp_path / "hidden").touch()
    script = (
        "import sys; from pathlib import Path\n"
        "from storyteller_grading.judge.sandbox import namespaces\n"
        "work = Path(sys.argv[1])\n"
        "seen = namespaces.View(readable=(work / 'clone' / 'lib',), scratch=work)\n"
        "namespaces.enter(seen, work / 'root')\n"
        "sys.exit((work / 'hidden').exists() or not (work / 'clone' / 'lib' / 'module.py').exists())"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_the_examination_is_printed_as_json():
    done = subprocess.run(
        [sys.executable, "-P", "-m", "storyteller_grading.judge.sandbox"], capture_output=True, check=True, timeout=600
    )
    found = json.loads(done.stdout)
    assert set(found["reasons"]) == set(NAMES)
    assert found["hold"] == examine().layers.hold


def test_the_doctor_says_which_layers_hold(monkeypatch):
    from storyteller_course.cli import doctor

    [finding] = doctor.check_sandbox()
    assert finding.about == "Sandbox"
    for name, reason in REASONS.items():
        assert reason or name in finding.text

    def said(reasons: dict[str, str], hold: bool):
        output = json.dumps({"reasons": reasons, "hold": hold}).encode()
        monkeypatch.setattr(subprocess, "run", lambda *words, **options: subprocess.CompletedProcess(words, 0, output))
        return next(iter(doctor.check_sandbox()))

    assert said({"landlock": "", "seccomp": "", "namespaces": "not allowed"}, True).verdict == "ok"
    refused = said({"landlock": "too old", "seccomp": ""}, False)
    assert refused.verdict == ("advice" if sys.platform == "linux" else "ok")
    assert not refused.remedy or "--unsafe" in refused.remedy
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert list(doctor.check_sandbox()) == []


def test_the_examination_imports_no_torch():
    script = "import sys\nimport storyteller_grading.judge.worker_client\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=600)
    assert done.stdout.strip() == b"False"


@pytest.mark.skipif(bool(REASONS["seccomp"]), reason=f"seccomp: {REASONS['seccomp']}")
def test_the_numbers_of_system_calls_are_those_of_this_machine():
    """Against glibc's own wrappers: a call by our number does what the wrapper does."""
    from storyteller_grading.judge.sandbox.syscalls import number

    libc = ctypes.CDLL(None, use_errno=True)
    for name, arguments in (("socket", (1, 1, 0)), ("memfd_create", (b"x", 0)), ("unshare", (0,)), ("kill", (0, 0))):
        assert libc.syscall(number(name), *arguments) >= 0, name
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if header.is_file() and sys.maxsize > 2**32:
        known = dict(line.split()[1:3] for line in header.read_text().splitlines() if line.startswith("#define __NR_"))
        for name, (ours, _) in syscalls.NUMBERS.items():
            if ours >= 0 and f"__NR_{name}" in known:
                assert int(known[f"__NR_{name}"]) == ours, name


def test_every_refused_call_has_a_number():
    named = {*seccomp.REFUSED, *seccomp.ABSENT, *seccomp.UNSUPPORTED, *seccomp.PRETENDED, *seccomp.TO_ITSELF}
    named |= {*seccomp.OF_ITSELF, *seccomp.PRIORITY_OF_ITSELF}
    assert named | set(seccomp.NEW_AND_ALLOWED) <= set(syscalls.NUMBERS)
