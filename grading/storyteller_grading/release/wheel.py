"""Builds the wheel of `storyteller` that a class gets: the library as it runs here, with the judge.

Its version ends in a digest of the sources, as in 0.1.0+h1c9f0a2b: pip passes over a wheel whose version is installed
already, and a later lesson may come with a library that was mended in between.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from storyteller.errors import StorytellerError

PARTS = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "shared/storyteller",
    "course/storyteller_course",
    "grading/storyteller_grading",
)
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
LONG_AGO = "315532800"  # 1980: the time of every file in it, so that the same sources are the same bytes
TIMEOUT_S = 300


def build_wheel(out: Path) -> Path:
    """Build the wheel into a folder; it needs no network.

    Raises:
        StorytellerError: `storyteller` does not run from a checkout, or setuptools cannot build it.
    """
    checkout = _checkout()
    out = out.resolve()
    with tempfile.TemporaryDirectory(prefix="storyteller-wheel-") as place:  # setuptools writes beside the sources
        copy = Path(place)
        for part in PARTS:
            source, target = checkout / part, copy / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copyfile(source, target)
        _mark_version(copy)
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(out)],
            cwd=copy,
            env={**os.environ, "SOURCE_DATE_EPOCH": LONG_AGO},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    wheels = sorted(out.glob("storyteller-*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
        raise StorytellerError(
            f"The wheel for your students could not be built ({reason}): run pip install -U setuptools, then try again."
        )
    return wheels[0]


def _mark_version(sources: Path) -> None:
    """Put a digest of all sources behind the version that pyproject.toml names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in sources.rglob("*") if path.is_file()):
        digest.update(path.relative_to(sources).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    project = sources / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    marked, count = re.subn(r'(?m)^version = "([\d.]+)"$', rf'version = "\1+h{digest.hexdigest()[:8]}"', text)
    if count != 1:
        raise StorytellerError('The checkout\'s pyproject.toml has no one line such as version = "0.1.0": mend it.')
    project.write_text(marked, encoding="utf-8")


def constraints_file() -> Path:
    """The exact versions that the course is tested with.

    Raises:
        StorytellerError: `storyteller` does not run from a checkout.
    """
    return _checkout() / "constraints.txt"


def _checkout() -> Path:
    """Where the library comes from that runs here, and that grades."""
    import storyteller

    checkout = Path(storyteller.__file__).resolve().parents[2]
    missing = [part for part in (*PARTS, "constraints.txt") if not (checkout / part).exists()]
    if missing:
        raise StorytellerError(
            f"{checkout} is no checkout of the course (it lacks {missing[0]}), and students get the library that "
            'grades them: install it with pip install -c constraints.txt -e ".[grading]" in the checkout.'
        )
    return checkout
