"""Namespaces: a worker has its own users, processes, network, shared memory, and a file system with little in it.

https://man7.org/linux/man-pages/man7/namespaces.7.html. No privilege is needed where the system lets every user make a
user namespace, in which it is allowed to make the others.

What is in that file system, `readable`, all layers go by: Python, its packages, the library and the course's package,
and an empty folder to write to.
"""

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_grading.judge.sandbox.syscalls import call, libc

SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/etc/localtime")
DEVICES = tuple(Path("/dev") / name for name in ("null", "zero", "urandom", "random"))


@dataclass(frozen=True, kw_only=True)
class View:
    """The part of the file system that a worker has."""

    readable: tuple[Path, ...]
    scratch: Path  # may be written to, and is empty at first
    scratch_bytes: int = 64 << 20
    scratch_files: int = 4096


def readable() -> tuple[Path, ...]:
    """What a worker may read: no program is needed, only libraries and Python's modules."""
    found = [Path(path) for path in SYSTEM]
    found += [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [Path(prefix) / "lib" for prefix in (sys.prefix, sys.base_prefix)]
    found += [_home_of("storyteller"), _home_of("storyteller_course")]
    kept: list[Path] = []
    for path in sorted({path for path in found if path.exists()}, key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return tuple(kept)


def for_server() -> tuple[Path, ...]:
    """What the server of the workers reads besides: the programs and the judge's own modules."""
    programs = (Path(sys.prefix), Path(sys.base_prefix), Path("/usr"), Path("/bin"))
    return (*readable(), *(path for path in programs if path.exists()), _home_of("storyteller_grading"))


def check_hidden(paths: Iterable[Path]) -> None:
    """Raise a StorytellerError if a worker could see one of these files of the grader's."""
    for path in paths:
        for shown in readable():
            if path.resolve().is_relative_to(shown.resolve()):
                raise StorytellerError(
                    f"{path} lies in {shown}, which a student's code can read while it is graded; move it elsewhere."
                )


def _home_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StorytellerError(f"The package {package} cannot be found.")
    return Path(spec.origin).parent


NEW_USERS, NEW_PROCESSES, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
NEW_MOUNTS, NEW_SHARED_MEMORY, NEW_NAMES = 0x00020000, 0x08000000, 0x04000000
BIND, RECURSIVE, PRIVATE, NO_SUID, NO_DEVICES, NO_EXEC = 1 << 12, 1 << 14, 1 << 18, 1 << 1, 1 << 2, 1 << 3
DETACH = 2
HERE = -100  # AT_FDCWD
WHOLE_TREE = 0x8000  # AT_RECURSIVE
READ_ONLY, PLAIN = 1, 1 | 2 | 4  # read-only; and no set-user-id programs, no devices

INSIDE = 1000  # the number of the worker's user in its namespace
NOBODY = 65534  # and outside, where the judge is root


def enter(view: View, folder: Path) -> None:
    """Put this process, and the one that it forks next as the first of its own, into new namespaces.

    Args:
        view: what can be seen there.
        folder: an empty folder on which the new root is built.

    Raises:
        OSError: the system does not allow it.
    """
    flags = NEW_USERS | NEW_PROCESSES | NEW_NETWORK | NEW_MOUNTS | NEW_SHARED_MEMORY | NEW_NAMES
    _with_users(flags)
    _check(libc().mount(None, b"/", None, RECURSIVE | PRIVATE, None), "/")
    _build_root(view, folder)
    os.chdir(folder)
    here = ctypes.c_char_p(b".")
    call("pivot_root", here, here)
    _check(libc().umount2(b".", DETACH), "the old root")
    os.chdir("/")
    _protect(Path("/"), READ_ONLY, tree=False)


def become_nobody() -> None:
    """In the new namespaces: be a user who owns nothing. Where the judge is not root this is so already."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(INSIDE, INSIDE, INSIDE)
        os.setresuid(INSIDE, INSIDE, INSIDE)


def _with_users(flags: int) -> None:
    """Unshare, and say who the users of the new namespace are outside.

    A process may say so of itself alone. Root may name others, so a helper that stays outside writes it down.
    """
    ready, done = os.pipe(), os.pipe()
    user, group, process = os.geteuid(), os.getegid(), os.getpid()
    helper = os.fork()
    if helper == 0:
        status = 1
        try:
            os.close(ready[1])
            if os.read(ready[0], 1):
                _map(process, user, group)
                status = 0
        finally:
            os._exit(status)
    os.close(ready[0])
    try:
        _check(libc().unshare(flags), "namespaces")
        os.write(ready[1], b".")
    finally:
        for end in (ready[1], *done):
            os.close(end)
        status = os.waitpid(helper, 0)[1]
    if status:
        raise PermissionError("the users of the new namespace could not be named")


def _map(process: int, user: int, group: int) -> None:
    home = Path(f"/proc/{process}")
    if user == 0:  # root inside, to build; and nobody, to be
        try:
            (home / "uid_map").write_text(f"0 0 1\n{INSIDE} {NOBODY} 1\n", encoding="ascii")
            (home / "gid_map").write_text(f"0 0 1\n{INSIDE} {NOBODY} 1\n", encoding="ascii")
            return
        except OSError:  # root of a container, without the right to name others
            pass
    (home / "setgroups").write_text("deny", encoding="ascii")
    (home / "uid_map").write_text(f"{INSIDE} {user} 1\n", encoding="ascii")
    (home / "gid_map").write_text(f"{INSIDE} {group} 1\n", encoding="ascii")


def _build_root(view: View, root: Path) -> None:
    _check(libc().mount(b"tmpfs", bytes(root), b"tmpfs", NO_SUID | NO_DEVICES, b"size=1m,mode=755"), root)
    # Before the rest: Python or the course may be installed below the folder for temporary files.
    scratch = _below(root, view.scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    options = f"size={view.scratch_bytes},nr_inodes={view.scratch_files},mode=1777".encode()
    _check(libc().mount(b"tmpfs", bytes(scratch), b"tmpfs", NO_SUID | NO_DEVICES | NO_EXEC, options), scratch)
    for path in view.readable:
        _show(path, root)
    for path in DEVICES:
        _show(path, root, READ_ONLY)


def _show(path: Path, root: Path, flags: int = PLAIN) -> None:
    """Let a file or folder be seen at its own place under the new root."""
    place = _below(root, path)
    if not path.exists() or place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and len(path.parts) == 2:  # such as /lib -> usr/lib
        place.symlink_to(path.readlink())
        return
    if path.is_dir():
        place.mkdir()
    else:
        place.touch()
    _check(libc().mount(bytes(path), bytes(place), None, BIND | RECURSIVE, None), path)
    _protect(place, flags, tree=True)


def _protect(path: Path, flags: int, *, tree: bool) -> None:
    attributes = struct.pack("<4Q", flags, 0, 0, 0)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    call("mount_setattr", HERE, ctypes.c_char_p(bytes(path)), WHOLE_TREE if tree else 0, buffer, len(attributes))


def _below(root: Path, path: Path) -> Path:
    return root.joinpath(*path.parts[1:])


def _check(result: int, what: object) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(what))
