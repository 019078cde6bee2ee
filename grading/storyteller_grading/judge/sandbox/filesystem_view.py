"""What a worker can see: Python, its packages, the library and the course's package, and an empty folder to write
to."""

import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from storyteller.errors import StorytellerError

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
