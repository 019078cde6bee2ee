"""Landlock: a process gives up the right to reach files, for itself and all that it starts, without any privilege.

https://docs.kernel.org/userspace-api/landlock.html (Linux 5.13 and later, where the system has it switched on).
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from storyteller_grading.judge.sandbox.syscalls import call, forbid_new_privileges

VERSION = 1  # asks landlock_create_ruleset for the version
PATH_BENEATH = 1

EXECUTE, WRITE, READ, LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL = 1 << 14, 1 << 15
FOR_FILES = EXECUTE | WRITE | READ | TRUNCATE | IOCTL  # rights that a rule for a single file may name
NO_TCP = 0b11  # binding and connecting
NO_SIGNALS, NO_ABSTRACT_SOCKETS = 1 << 1, 1 << 0  # to and of processes outside

# How many rights on files each version knows; a version knows those of the earlier ones.
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


def version() -> int:
    """The version of landlock that this kernel has; 0 where there is none."""
    try:
        return call("landlock_create_ruleset", None, 0, VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """From now on this process reads only below `readable`, and writes only below `writable`.

    Paths that do not exist are passed over.

    Raises:
        OSError: landlock is not there.
    """
    known = version()
    if not known:
        raise OSError("this kernel has no landlock")
    rights = (1 << RIGHTS.get(known, 16)) - 1
    fields = [rights, NO_TCP, NO_SIGNALS | NO_ABSTRACT_SOCKETS][: 1 if known < 4 else 2 if known < 6 else 3]
    attributes = struct.pack(f"<{len(fields)}Q", *fields)
    ruleset = call(
        "landlock_create_ruleset", ctypes.create_string_buffer(attributes, len(attributes)), len(attributes), 0
    )
    try:
        for path in readable:
            _allow(ruleset, path, rights & (EXECUTE | READ | LIST))
        for path in writable:
            _allow(ruleset, path, rights)
        forbid_new_privileges()
        call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= FOR_FILES
        rule = struct.pack("<Qi", rights, place)
        call("landlock_add_rule", ruleset, PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0)
    finally:
        os.close(place)
