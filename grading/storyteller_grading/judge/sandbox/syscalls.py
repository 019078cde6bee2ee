"""System calls that Python has no function for, by ctypes. Linux on x86-64 and on ARM64."""

import ctypes
import os
import platform
import sys
from functools import cache
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
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


# The numbers of system calls, from the kernel's tables: (x86-64, ARM64); -1 where there is no such call. From 424 on a
# number is the same everywhere.
NUMBERS: dict[str, tuple[int, int]] = {
    # what the sandbox itself calls
    "capset": (126, 91),
    "pivot_root": (155, 41),
    "mount_setattr": (442, 442),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    # processes
    "clone": (56, 220),
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "unshare": (272, 97),
    "setns": (308, 268),
    "personality": (135, 92),
    # network
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    # memory that no limit counts
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # owners, modes, times and attributes of files, which landlock does not watch over
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "truncate": (76, 45),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    # priorities
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    # the machine
    "mount": (165, 40),
    "umount2": (166, 39),
    "chroot": (161, 51),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "lookup_dcookie": (212, 18),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "vhangup": (153, 58),
    # new calls that are allowed; all others from 424 on are not
    "close_range": (436, 436),
    "openat2": (437, 437),
    "faccessat2": (439, 439),
    "epoll_pwait2": (441, 441),
    "futex_waitv": (449, 449),
    "futex_wake": (454, 454),
    "futex_wait": (455, 455),
    "futex_requeue": (456, 456),
}
