"""Puts a process into the sandbox: what `supervisor` does before it forks, and what the worker does first."""

import os
from pathlib import Path

from storyteller_grading.judge.sandbox import filesystem_view, landlock, limits, namespaces, seccomp
from storyteller_grading.judge.sandbox.limits import Budget
from storyteller_grading.judge.sandbox.probe import Layers

IN_NAMESPACES = Path("/tmp")  # the scratch folder, where the worker has a file system of its own


def enter_namespaces(layers: Layers, budget: Budget, folder: Path) -> Path:
    """In the supervisor: new namespaces for it and its child, where they hold. Returns the worker's scratch folder."""
    if not layers.namespaces:
        return folder
    seen = filesystem_view.View(
        readable=filesystem_view.readable(),
        scratch=IN_NAMESPACES,
        scratch_bytes=budget.scratch_bytes,
        scratch_files=budget.scratch_files,
    )
    namespaces.enter(seen, folder)
    return IN_NAMESPACES


def confine(layers: Layers, budget: Budget, scratch: Path, *, address_space: int, others: int | None) -> None:
    """In the worker, for good: its folder, its environment, its user, and all other layers that hold.

    Args:
        layers: those that hold.
        budget: what it may use up.
        scratch: its folder.
        address_space: what it has already, in bytes.
        others: processes of the same user, see `limits.apply`.
    """
    os.chdir(scratch)
    kept = {
        name: os.environ[name] for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "LANG", "TZ") if name in os.environ
    }
    os.environ.clear()
    os.environ.update(kept | dict.fromkeys(("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR"), str(scratch)))
    os.environ.update({"MPLBACKEND": "agg", "PYTHONSAFEPATH": "1"})
    limits.apply(budget, address_space=address_space, others=others)
    if layers.namespaces:
        namespaces.become_nobody()
    if layers.hold:
        from storyteller_grading.judge.sandbox.syscalls import drop_capabilities, forbid_new_privileges

        drop_capabilities()
        forbid_new_privileges()
    if layers.landlock:
        landlock.restrict((*filesystem_view.readable(), *filesystem_view.DEVICES), [scratch, Path("/dev/null")])
    if layers.seccomp:
        seccomp.restrict()
