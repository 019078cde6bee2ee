"""Limits on what a process may use up, by setrlimit where the system has it."""

from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one worker may use up."""

    memory: int = 3 * GIGABYTE  # bytes of address space, besides what it begins with
    processor_seconds: int = 300
    file_bytes: int = 64 << 20  # the largest file
    open_files: int = 128
    processes: int = 64  # threads are counted too
    scratch_bytes: int = 64 << 20
    scratch_files: int = 4096


def apply(budget: Budget, *, address_space: int, others: int | None) -> None:
    """Limit this process; a limit that is lower already stays. Nothing where the system has no such limits.

    Args:
        budget: how much.
        address_space: bytes that it has already; 0 where the system does not say, and then there is no limit.
        others: how many processes and threads its user has already, which the system counts as well; None for no limit
            on processes, where another layer forbids them.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        "CORE": 0,
        "MSGQUEUE": 0,
        "CPU": budget.processor_seconds,
        "FSIZE": budget.file_bytes,
        "NOFILE": budget.open_files,
    }
    if address_space:
        wanted["AS"] = address_space + budget.memory
    if others is not None:
        wanted["NPROC"] = others + budget.processes
    for name, value in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (most, most))


def address_space() -> int:
    """Bytes of address space that this process has; 0 where the system does not say."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError):
        return 0
    return pages * resource.getpagesize()


def bound_address_space(more: int) -> None:
    """Let this process have so many bytes of address space more than now; what it starts may have a bound of its own.

    Nothing where the system has no such limit.
    """
    begun = address_space()
    if begun:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = begun + more if hard == resource.RLIM_INFINITY else min(begun + more, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def threads_of_this_user() -> int:
    """How many threads this user runs on this machine."""
    import psutil

    user = psutil.Process().username()
    processes = psutil.process_iter(["username", "num_threads"])
    return sum(process.info["num_threads"] or 1 for process in processes if process.info["username"] == user)
