"""Which layers of the sandbox hold on this machine: each is found out by trying to break it."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from storyteller_grading.judge.sandbox import bubblewrap, landlock, namespaces, seccomp

NAMES = ("bubblewrap", "namespaces", "landlock", "seccomp")


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The layers that hold."""

    bubblewrap: bool = False
    namespaces: bool = False
    landlock: bool = False
    seccomp: bool = False

    @property
    def hide_files(self) -> bool:
        """A worker sees none of the grader's files."""
        return self.bubblewrap or self.namespaces or self.landlock

    @property
    def hide_network(self) -> bool:
        """A worker reaches no network."""
        return self.bubblewrap or self.namespaces or self.seccomp

    @property
    def keep_apart(self) -> bool:
        """A worker cannot reach the server or another worker."""
        return self.namespaces or self.seccomp

    @property
    def share_folder(self) -> bool:
        """All workers write to bubblewrap's one folder, so they must take turns in it."""
        return self.bubblewrap and not (self.namespaces or self.landlock)

    @property
    def hold(self) -> bool:
        """All that is needed to run code of people who may wish us ill."""
        return self.hide_files and self.hide_network and self.keep_apart

    def names(self) -> list[str]:
        """The names of those that hold."""
        return [name for name in NAMES if getattr(self, name)]


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was found out about each layer: an empty reason where it holds."""

    reasons: dict[str, str]

    @property
    def layers(self) -> Layers:
        """The layers that hold."""
        return Layers(**{name: not reason for name, reason in self.reasons.items()})


def examine(names: Iterable[str] = NAMES) -> Examined:
    """Try each of these layers; the others are left out.

    Processes are forked for it, so call this before there are threads.
    """
    wanted = set(names)
    reasons = dict.fromkeys(NAMES, "not used")
    with (
        tempfile.TemporaryDirectory(prefix="storyteller-secret-") as secret_folder,
        socket.socket() as listening,
        tempfile.TemporaryDirectory(prefix="storyteller-layers-") as folder,
    ):
        secret = Path(secret_folder) / "secret"  # a file and a port that no layer may let through
        secret.write_text("secret", encoding="ascii")
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        port = listening.getsockname()[1]
        tries: dict[str, Callable[[], str]] = {
            "bubblewrap": lambda: bubblewrap.broken_by(secret, port),
            "namespaces": lambda: _in_a_child(lambda: try_namespaces(secret, port, Path(folder))),
            "landlock": lambda: _in_a_child(lambda: try_landlock(secret, Path(folder))),
            "seccomp": lambda: _in_a_child(lambda: try_seccomp(port)),
        }
        for name, attempt in tries.items():
            if name in wanted:
                reasons[name] = attempt() if sys.platform == "linux" else "only Linux has it"
    return Examined(reasons=reasons)


def _in_a_child(attempt: Callable[[], str]) -> str:
    """The reason that an attempt gives, made in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        reason = "it ended early"
        try:
            reason = attempt()
        except OSError as error:
            reason = str(error)
        finally:
            os.write(writing, reason.encode()[:500] or b"\0")
            os._exit(0)
    os.close(writing)
    written = os.read(reading, 500)
    os.close(reading)
    os.waitpid(child, 0)
    return "it ended early" if not written else written.decode("utf-8", "replace").strip("\0")


def try_namespaces(secret: Path, port: int, folder: Path) -> str:
    """Why namespaces do not hold in this process; empty where they do."""
    seen = namespaces.View(readable=namespaces.readable(), scratch=Path("/tmp"))
    namespaces.enter(seen, folder)
    return _in_a_child(lambda: first_of_its_own(secret, port))


def first_of_its_own(secret: Path, port: int) -> str:
    """What the first process of a new namespace can still reach; empty where that is nothing."""
    namespaces.become_nobody()
    if os.getpid() != 1:
        return "other processes are in sight"
    if _readable(secret):
        return "a file outside could be read"
    return "the network could be reached" if _reachable(port) else ""


def try_landlock(secret: Path, folder: Path) -> str:
    """Why landlock does not hold in this process; empty where it does."""
    landlock.restrict(namespaces.readable(), [folder])
    return "a file outside could be read" if _readable(secret) else ""


def try_seccomp(port: int) -> str:
    """Why seccomp does not hold in this process; empty where it does."""
    seccomp.restrict()
    try:
        child = os.fork()
    except PermissionError:
        return "the network could be reached" if _reachable(port) else ""
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "a process could be started"


def _readable(secret: Path) -> bool:
    try:
        return secret.read_text(encoding="ascii") == "secret"
    except OSError:
        return False


def _reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
