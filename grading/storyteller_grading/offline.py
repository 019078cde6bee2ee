"""Runs a command with the network off, as far as this system lets an ordinary user do so.

    python -m storyteller_grading.offline python -m pytest ...

On Linux the command gets a network of its own, in which only it can talk to itself (a notebook and its kernel need
that). Elsewhere, and where the kernel forbids it, one line says that the network stays within reach.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from storyteller_grading.judge.sandbox.namespaces import NEW_NETWORK, NEW_USERS
from storyteller_grading.judge.sandbox.syscalls import libc

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1


def network_off() -> str:
    """Cut this process and its children off from the network; an empty string, or why that could not be done."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no network namespaces"
    import fcntl

    user, group = os.getuid(), os.getgid()
    if libc().unshare(NEW_USERS | NEW_NETWORK):
        return os.strerror(ctypes.get_errno())
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:  # bring up loopback
            request = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack("16sh14x", fcntl.ioctl(control, _GET_FLAGS, request))[1]
            fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))
    except OSError as error:
        # The network is gone already, and so is the way to the kernel: a notebook would hang.
        sys.exit(f"storyteller-grade: the network is off, but loopback cannot be brought up ({error}).")
    return ""


def main(command: list[str]) -> int:
    """Run a command with the network off; its exit code."""
    trouble = network_off()
    if trouble:
        print(f"storyteller-grade: the network stays within reach ({trouble}).", file=sys.stderr)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
