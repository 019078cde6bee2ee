"""System calls that Python has no function for, by ctypes. Linux on x86-64 and on ARM64."""

import ctypes
import os
import platform
import sys
from functools import cache
from typing import Any

from storyteller_grading.judge.sandbox.syscall_numbers import NUMBERS

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63


@cache
def libc() -> ctypes.CDLL:
    """The C library, with errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def machine() -> str:
    """The name of this processor in our tables; empty where we have none."""
    name = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}.get(
        platform.machine().lower(), ""
    )
    # A 32-bit Python on a 64-bit kernel makes other calls than our tables say.
    return name if sys.platform == "linux" and sys.maxsize > 2**32 else ""


def number(name: str) -> int:
    """The number of a system call on this processor; -1 where it has no such call."""
    column = {"x86_64": 0, "aarch64": 1}.get(machine(), -1)
    return NUMBERS[name][column] if column >= 0 else -1


def call(name: str, *arguments: Any) -> int:
    """Make a system call.

    Integers are passed as longs, bytes as pointers.

    Raises:
        OSError: it failed, or this machine has no such call.
    """
    if number(name) < 0:
        raise OSError(f"this machine has no system call {name}")
    plain = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(libc().syscall(ctypes.c_long(number(name)), *plain))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), name)
    return result


def prctl(option: int, *arguments: int) -> None:
    """Set a property of this process."""
    plain = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)][:4]
    if libc().prctl(ctypes.c_int(option), *plain):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"prctl {option}")


def forbid_new_privileges() -> None:
    """No program that this process starts gets more rights than it has; landlock and seccomp ask for this."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up all that a superuser may do and others may not, for good."""
    for capability in range(LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # no such capability, or not ours to drop: then the next line still clears what we have
            continue
    header = CAPABILITY_VERSION.to_bytes(4, "little") + bytes(4)
    call("capset", ctypes.create_string_buffer(header), ctypes.create_string_buffer(bytes(24)))
