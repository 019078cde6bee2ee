"""`storyteller doctor`: is this machine ready, and if not, what to do.

    findings = examine()
    healthy = not any(finding.verdict == "fault" for finding in findings)

A list of small checks, each of which finds one thing and says what to do about it. Nothing is downloaded, no server is
asked, and torch is imported inside a check, so that a broken torch is a finding and not a crash.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from storyteller.corpus.huggingface import HUB_CORPORA
from storyteller.errors import StorytellerError
from storyteller.tracking.store import is_server, store_uri
from storyteller_course import kernel

Verdict = Literal["ok", "advice", "fault"]

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
GIGABYTE = 1e9  # bytes


def doctor() -> None:
    """Examine Python, torch, device, memory, disk and packages; say what to do about each fault."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    findings = examine()
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        console.print(f"{finding.verdict:<7} {finding.about:<{width}}  {finding.text}", markup=False)
        if finding.remedy:
            console.print(" " * (8 + width + 2) + finding.remedy, markup=False)
    faults = sum(finding.verdict == "fault" for finding in findings)
    advice = sum(finding.verdict == "advice" for finding in findings)
    if faults:
        console.print(f"\n{faults} to mend before Storyteller works.")
        raise typer.Exit(1)
    console.print("\nStoryteller can work here" + (f"; {advice} to consider." if advice else "."))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found."""

    about: str  # what was examined, in a word or two
    verdict: Verdict  # advice: works, but could be better; fault: does not work
    text: str  # one sentence
    remedy: str = ""  # what to do, empty when all is well


def check_python(version: tuple[int, int] | None = None) -> Finding:
    """Is this one of the Python versions that the course is tested with?"""
    major, minor = version or sys.version_info[:2]
    text = f"Python {major}.{minor} on {platform.system()} ({platform.machine()})."
    if (major, minor) < OLDEST_PYTHON:
        return Finding(
            about="Python", verdict="fault", text=text, remedy="Install Python 3.11, 3.12 or 3.13 and make a new .venv."
        )
    if (major, minor) > NEWEST_PYTHON:
        return Finding(
            about="Python", verdict="advice", text=text, remedy="Nothing was tested with it; 3.11 to 3.13 are safe."
        )
    return Finding(about="Python", verdict="ok", text=text)


def check_torch() -> Finding:
    """Does torch load and multiply?"""
    remedy = "Run pip install -c constraints.txt -e . in a new virtual environment."
    try:
        import torch

        product = torch.ones(2, 2) @ torch.ones(2, 2)
        version, works = torch.__version__, product.sum().item() == 8
    except Exception as error:  # noqa: BLE001  a broken torch fails in many ways: DLL, ABI, illegal instruction set
        text = f"torch cannot be loaded ({type(error).__name__}: {_first_line(error)})."
        return Finding(about="torch", verdict="fault", text=text, remedy=remedy)
    if not works:
        return Finding(about="torch", verdict="fault", text=f"torch {version} multiplies wrongly.", remedy=remedy)
    return Finding(about="torch", verdict="ok", text=f"torch {version} works.")


def check_device() -> Finding:
    """On what will a model be trained?"""
    try:
        import torch

        if torch.cuda.is_available():
            memory = torch.cuda.get_device_properties(0).total_memory / GIGABYTE
            text = f"{torch.cuda.get_device_name(0)} with {memory:.0f} GB."
        elif torch.backends.mps.is_available():
            text = "The GPU of this Mac (mps)."
        else:
            return Finding(
                about="Device",
                verdict="ok",
                text="The CPU; enough for the lessons and the presets tiny and small.",
            )
    except Exception as error:  # noqa: BLE001  drivers fail in as many ways as torch itself
        return Finding(
            about="Device",
            verdict="advice",
            text=f"No device could be asked for ({type(error).__name__}: {_first_line(error)}).",
            remedy="See what is said about torch.",
        )
    return Finding(about="Device", verdict="ok", text=text)


def check_threads(environment: dict[str, str] | None = None) -> Finding:
    """Will waiting threads get out of the way of working ones?"""
    environment = dict(os.environ) if environment is None else environment
    cores = os.cpu_count() or 1
    policy = environment.get("OMP_WAIT_POLICY", "")
    asked = environment.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > cores:
        return Finding(
            about="Threads",
            verdict="advice",
            text=f"OMP_NUM_THREADS is {asked}, more than the {cores} cores of this machine.",
            remedy="Unset it: threads that wait for a core make every step slower.",
        )
    if policy.upper() == "ACTIVE":
        return Finding(
            about="Threads",
            verdict="advice",
            text=f"{cores} cores, and OMP_WAIT_POLICY is ACTIVE: waiting threads spin.",
            remedy="Set OMP_WAIT_POLICY=PASSIVE; spinning makes a step up to ten times slower on a busy machine.",
        )
    return Finding(about="Threads", verdict="ok", text=f"{cores} cores; waiting threads sleep in our commands.")


def check_memory(available: float | None = None) -> Finding:
    """Is there room for the lessons?"""
    if available is None:
        try:
            import psutil

            available = psutil.virtual_memory().available
        except ImportError:
            return Finding(
                about="Memory",
                verdict="fault",
                text="The package psutil, which counts it, is missing.",
                remedy="Run pip install -c constraints.txt -e . again.",
            )
    text = f"{available / GIGABYTE:.1f} GB free."
    if available < 2 * GIGABYTE:
        return Finding(
            about="Memory",
            verdict="advice",
            text=text,
            remedy="Close other programs; where training runs out, use --batch-size 2 --grad-accum-steps 8.",
        )
    return Finding(about="Memory", verdict="ok", text=text)


def check_disk(folder: Path | None = None, free: float | None = None) -> Finding:
    """Can this folder be written to, and is there room for checkpoints and shards?"""
    folder = folder or Path.cwd()
    if not os.access(folder, os.W_OK):
        return Finding(
            about="Disk",
            verdict="fault",
            text=f"{folder} may not be written to.",
            remedy="Work in a folder of your own.",
        )
    free = shutil.disk_usage(folder).free if free is None else free
    text = f"{free / GIGABYTE:.1f} GB free in {folder}."
    if free < 0.2 * GIGABYTE:
        return Finding(about="Disk", verdict="fault", text=text, remedy="Free some space: a tiny run needs 0.2 GB.")
    if free < 5 * GIGABYTE:
        return Finding(
            about="Disk",
            verdict="advice",
            text=text,
            remedy="Enough for tiny; TinyStories and larger models need 5 GB.",
        )
    return Finding(about="Disk", verdict="ok", text=text)


def check_kernel(folders: Sequence[Path] | None = None) -> Finding:
    """Does Jupyter have a kernel `storyteller` that starts this Python?"""
    if not _installed("ipykernel"):
        return Finding(
            about="Jupyter",
            verdict="advice",
            text="Jupyter is not installed; only the notebooks need it.",
            remedy='Run pip install -c constraints.txt -e ".[lessons]".',
        )
    if fault := kernel.complaint(folders):
        return Finding(
            about="Jupyter", verdict="advice", text=fault, remedy="Run storyteller lab, which registers the kernel."
        )
    return Finding(about="Jupyter", verdict="ok", text=f"The kernel {kernel.NAME} starts this Python.")


def check_packages() -> Iterator[Finding]:
    """Which packages are missing: one finding for the core, and one for each extra."""
    missing: dict[str, list[str]] = {}
    for name, extra in _declared():
        missing.setdefault(extra, [])
        if not _installed(name):
            missing[extra].append(name)
    for extra, names in missing.items():
        what = f"Extra {extra}" if extra else "Packages"
        if not names:
            yield Finding(about=what, verdict="ok", text="All installed.")
        else:
            yield Finding(
                about=what,
                verdict="advice" if extra else "fault",
                text=f"Missing: {', '.join(names)}.",
                remedy=f'Run pip install -c constraints.txt -e "{f".[{extra}]" if extra else "."}"'
                + (" if you need it." if extra else "."),
            )


def _declared() -> Iterator[tuple[str, str]]:
    """The packages that this distribution declares, each with its extra, which is empty for the core."""
    try:
        requirements = importlib.metadata.requires("storyteller") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for requirement in requirements:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        extra = re.search(r"""extra\s*==\s*["']([\w-]+)["']""", requirement)
        if name and name.group() != "storyteller":
            yield name.group(), extra.group(1) if extra else ""


def check_corpora(environment: dict[str, str] | None = None) -> Finding:
    """Are real corpora on this machine already? Nothing is downloaded to find out."""
    environment = dict(os.environ) if environment is None else environment
    home = Path(environment.get("HF_HOME", os.path.expanduser("~/.cache/huggingface")))
    patterns = {name: f"*{corpus.repository.split('/')[-1]}*" for name, corpus in HUB_CORPORA.items()}
    cached = [name for name, pattern in patterns.items() if any(home.glob(f"*/{pattern}"))]
    if cached:
        return Finding(about="Corpora", verdict="ok", text=f"StoryWorld (built in); {' and '.join(cached)} in {home}.")
    return Finding(
        about="Corpora", verdict="ok", text="StoryWorld (built in); storyteller download fetches the others."
    )


def check_tracking() -> Finding:
    """Where are runs tracked from here? The store is named, and no server is asked."""
    try:
        uri = store_uri()
    except StorytellerError as error:
        return Finding(about="MLflow", verdict="advice", text="MLFLOW_TRACKING_URI cannot be used.", remedy=str(error))
    if is_server(uri):
        return Finding(about="MLflow", verdict="ok", text=f"Runs are tracked on {uri}, as MLFLOW_TRACKING_URI says.")
    return Finding(about="MLflow", verdict="ok", text=f"Runs are tracked in {uri}; storyteller mlflow shows them.")


def check_sandbox() -> Iterator[Finding]:
    """Which layers keep a student's code in while it is graded? Only whoever grades a class needs them."""
    if importlib.util.find_spec("storyteller_grading") is None:
        return
    command = [sys.executable, "-P", "-m", "storyteller_grading.judge.sandbox"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=120, check=True, stdin=subprocess.DEVNULL)
        probed = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        probed = {"hold": False, "reasons": {"all": type(error).__name__}}
    layers = [name for name, reason in probed["reasons"].items() if not reason]
    missing = "".join(f" No {name}: {reason}." for name, reason in probed["reasons"].items() if reason)
    if probed["hold"]:
        text = f"A class can be graded here: {', '.join(layers)} keep its code in.{missing}"
        yield Finding(about="Sandbox", verdict="ok", text=text)
    elif sys.platform == "linux":
        yield Finding(
            about="Sandbox",
            verdict="advice",
            text=f"Nothing keeps a class's code in while it is graded.{missing}",
            remedy="Only for grading others: install bubblewrap, or allow user namespaces; else storyteller-grade "
            "judge asks for --unsafe.",
        )
    else:
        text = "Only Linux has one that holds; grading others here asks for --unsafe, lessons need none."
        yield Finding(about="Sandbox", verdict="ok", text=text)


def _installed(name: str) -> bool:
    """Whether a distribution of that name is installed, without importing it."""
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


Check = Callable[[], Finding | Iterator[Finding]]
CHECKS: Sequence[Check] = (
    check_python,
    check_torch,
    check_device,
    check_threads,
    check_memory,
    check_disk,
    check_packages,
    check_kernel,
    check_corpora,
    check_tracking,
    check_sandbox,
)


def examine(checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Run every check, in order."""
    findings: list[Finding] = []
    for check in checks:
        result = check()
        findings.extend([result] if isinstance(result, Finding) else result)
    return findings
