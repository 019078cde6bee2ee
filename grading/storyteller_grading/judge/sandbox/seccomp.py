"""Seccomp: the kernel looks at each system call of a worker and refuses those that no answer needs.

A worker may compute, read and write what it has open, and start threads. It cannot start a process, so that there is
nothing to be left behind; it cannot open a socket, signal another process or set its priority, or change the owner,
mode, times or attributes of a file (which landlock does not watch over). Of the many requests of `ioctl` only those of
our list pass. Calls newer than our list are refused as if the kernel did not have them.

The filter is a program for the kernel's classic BPF machine: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import os
import struct

from storyteller_grading.judge.sandbox.syscalls import forbid_new_privileges, libc, machine, number

PR_SET_SECCOMP, FILTER = 22, 2
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, AND_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # opcodes
CALL, PROCESSOR, ARGUMENTS = 0, 4, 16  # where these stand in what a filter sees
PROCESSORS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OTHER_NUMBERS = 0x40000000  # x86-64: numbers of the x32 way of calling
CLONE_THREAD = 0x10000
FIRST_NEW = 424

REFUSED = (
    *("fork", "vfork", "execve", "execveat", "tkill", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp"),
    *("unshare", "setns", "personality", "socket", "connect", "bind", "listen", "accept", "accept4", "sendmsg"),
    *("sendmmsg", "truncate", "mount", "umount2", "pivot_root", "chroot", "swapon", "swapoff", "reboot"),
    *("sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "init_module", "finit_module", "delete_module"),
    *("kexec_load", "kexec_file_load", "acct", "syslog", "quotactl", "settimeofday", "adjtimex", "clock_settime"),
    *("clock_adjtime", "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd", "fanotify_init"),
    *("name_to_handle_at", "open_by_handle_at", "lookup_dcookie", "move_pages", "migrate_pages", "vhangup", "capset"),
)
ABSENT = ("memfd_create", "shmget", "semget", "msgget", "mq_open", "clone3")  # callers have another way, or need none
UNSUPPORTED = ("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr")
# Copying a file asks for these; they do nothing and say that all went well.
PRETENDED = (
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat"),
)
# Allowed where the first argument is the number of this process.
TO_ITSELF = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
# The same, or 0, which means this process or thread too.
OF_ITSELF = ("prlimit64", "sched_setparam", "sched_setscheduler", "sched_setaffinity", "sched_setattr")
PRIORITY_OF_ITSELF = {"setpriority": 0, "ioprio_set": 1}  # the same of the second, where the first says "a process"
# Requests of `ioctl` that Python makes of files: is it a terminal (TCGETS, TCGETS2), how wide is it (TIOCGWINSZ), how
# much can be read (FIONREAD), do not wait (FIONBIO), close it in other programs or not (FIOCLEX, FIONCLEX).
REQUESTS = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5451, 0x5450)
# Commands of `fcntl` by which the kernel signals whomever it is told to, or makes others wait: F_SETOWN, F_SETSIG,
# F_SETOWN_EX, F_SETLEASE, F_NOTIFY.
REFUSED_COMMANDS = (8, 10, 15, 1024, 1026)
NEW_AND_ALLOWED = (
    *("close_range", "openat2", "faccessat2", "epoll_pwait2", "futex_waitv", "futex_wake", "futex_wait"),
    "futex_requeue",
)

Instruction = tuple[int, int, int, int]  # opcode, jump if true, jump if false, operand


def restrict() -> None:
    """Refuse these calls from now on, to this process and whatever it becomes.

    Raises:
        OSError: the kernel has no seccomp, or we have no table for this processor.
    """
    if machine() not in PROCESSORS:
        raise OSError("there is no list of system calls for this processor")
    program = b"".join(struct.pack("<HBBI", *instruction) for instruction in filter_program(os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    forbid_new_privileges()
    whole = Program(len(program) // 8, ctypes.addressof(code))
    if libc().prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(whole), 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "seccomp")


def filter_program(process: int) -> list[Instruction]:
    """The filter for a process of this number."""
    program: list[Instruction] = [
        (LOAD, 0, 0, PROCESSOR),
        (EQUAL, 1, 0, PROCESSORS[machine()]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, CALL),
        (AT_LEAST, 0, 1, OTHER_NUMBERS),
        (RETURN, 0, 0, ERRNO | errno.EPERM),
    ]
    for names, answer in (
        (REFUSED, ERRNO | errno.EPERM),
        (ABSENT, ERRNO | errno.ENOSYS),
        (UNSUPPORTED, ERRNO | errno.ENOTSUP),
        (PRETENDED, ERRNO),
        (NEW_AND_ALLOWED, ALLOW),
    ):
        for name in names:
            program += _when(name, [(RETURN, 0, 0, answer)])
    program += [(AT_LEAST, 0, 1, FIRST_NEW), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    refuse, allow = (RETURN, 0, 0, ERRNO | errno.EPERM), (RETURN, 0, 0, ALLOW)
    program += _when("clone", [_argument(0), (AND_SET, 1, 0, CLONE_THREAD), refuse, allow])
    for name in TO_ITSELF:
        program += _when(name, [_argument(0), (EQUAL, 1, 0, process), refuse, allow])
    itself = [(EQUAL, 2, 0, 0), (EQUAL, 1, 0, process), refuse, allow]
    for name in OF_ITSELF:
        program += _when(name, [_argument(0), *itself])
    for name, of_a_process in PRIORITY_OF_ITSELF.items():
        program += _when(name, [_argument(0), (EQUAL, 1, 0, of_a_process), refuse, _argument(1), *itself])
    requests = [(EQUAL, len(REQUESTS) - index, 0, request) for index, request in enumerate(REQUESTS)]
    program += _when("ioctl", [_argument(1), *requests, refuse, allow])
    commands = [(EQUAL, len(REFUSED_COMMANDS) - index, 0, command) for index, command in enumerate(REFUSED_COMMANDS)]
    program += _when("fcntl", [_argument(1), *commands, allow, refuse])
    # To an address: the fifth argument points to it, and is nothing for the other end of a pair.
    nowhere = [_argument(4), (EQUAL, 0, 2, 0), _argument(4, high=True), (EQUAL, 1, 0, 0), refuse, allow]
    program += _when("sendto", nowhere)
    return [*program, allow]


def _when(name: str, then: list[Instruction]) -> list[Instruction]:
    """These instructions, for this call only; nothing where this processor has no such call."""
    return [(EQUAL, 0, len(then), number(name)), *then] if number(name) >= 0 else []


def _argument(index: int, *, high: bool = False) -> Instruction:
    """Load one half of an argument; both our processors put the low half first."""
    return LOAD, 0, 0, ARGUMENTS + 8 * index + 4 * high
