"""Bubblewrap: a small program, installed on many systems, that starts another in namespaces of its own.

https://github.com/containers/bubblewrap. It works on some systems that do not let every program make namespaces. The
server of the workers runs in it, so that nothing of the grader's is in sight of it or of any of its workers. It is the
first process there: bubblewrap leaves none of its own inside, whose memory a worker could write to.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from storyteller_grading.judge.sandbox.leftovers import PLACES
from storyteller_grading.judge.sandbox.namespaces import for_server

PROGRAM = "bwrap"
NOBODY = "65534"  # a root inside could not give its workers a namespace of their own
TEMPORARY = "/tmp"  # in the sandbox, the one place that may be written to
TEMPORARY_BYTES = 256 << 20
TIMEOUT_S = 30.0  # for a Python that does nothing


def command(*, environment: dict[str, str], visible: Iterable[Path] | None = None) -> list[str]:
    """What to put before a command so that it runs in bubblewrap."""
    program = shutil.which(PROGRAM) or PROGRAM
    words = [program, "--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL"]
    words += ["--die-with-parent", "--new-session", "--as-pid-1"]
    words += ["--clearenv", "--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    # Before the rest: Python may be installed below the folder for temporary files.
    words += ["--size", str(TEMPORARY_BYTES), "--tmpfs", TEMPORARY]
    shown: list[Path] = []
    for path in for_server() if visible is None else visible:
        if any(path.is_relative_to(other) for other in shown):
            continue
        shown.append(path)
        if path.is_symlink() and len(path.parts) == 2:  # such as /lib -> usr/lib
            words += ["--symlink", os.readlink(path), str(path)]
        else:
            words += ["--ro-bind", str(path), str(path)]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return [*words, "--chdir", "/", "--remount-ro", "/", "--"]


def broken_by(secret: Path, port: int) -> str:
    """Why bubblewrap does not hold here; empty when it does.

    Args:
        secret: a file that must not be readable inside.
        port: a port of this machine on which somebody listens, and which must not be reachable inside.
    """
    if not shutil.which(PROGRAM):
        return "bubblewrap is not installed"
    script = (
        "import socket, sys\n"
        "try: open(sys.argv[1]).close(); sys.exit(3)\n"
        "except OSError: pass\n"
        "try: socket.create_connection(('127.0.0.1', int(sys.argv[2])), 1); sys.exit(4)\n"
        "except OSError: pass\n"
        "import os\n"
        "for place in {line.split()[1] for line in open('/proc/self/mounts')} | {*sys.argv[3:]}:\n"
        "    try: os.mkdir(place + '/left')\n"
        "    except OSError: continue\n"
        f"    if not place.startswith({TEMPORARY!r}): sys.exit(5)\n"
    )
    words = [*command(environment={}), sys.executable, "-I", "-S", "-c", script]
    words += [str(secret), str(port), *PLACES]
    try:
        done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({type(error).__name__})"
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    reason = {3: "a file outside could be read", 4: "the network could be reached", 5: "something could be left behind"}
    return reason.get(done.returncode, lines[-1][:200] if lines else f"bubblewrap ended with {done.returncode}")
