"""The Jupyter kernel `storyteller`: this Python, with the settings that give torch's threads a passive wait policy.

It loads `notebook/shell.py` before a notebook's first cell, which says what a name needs that is not there yet.

    complaint()      # "" when notebooks find a kernel that starts this Python
    register()       # make it so; on the command line: python -m storyteller_course.kernel

The kernel belongs to the environment that the course is installed in (`sys.prefix`) and goes with it: nothing is left
in the user's home, and two clones of the course do not take each other's kernel.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from storyteller.errors import StorytellerError, optional_import
from storyteller.utils.atomic_io import read_json, write_json
from storyteller.utils.openmp import SETTINGS

NAME = "storyteller"
DISPLAY_NAME = "Storyteller"
LOADS_SHELL = "--InteractiveShellApp.extra_extensions=storyteller_course.notebook.shell"
OPTIONS = [LOADS_SHELL, "--IPKernelApp.log_level=ERROR"]  # a kernel's warnings would stand in the lab's terminal


def complaint(folders: Sequence[Path] | None = None) -> str:
    """What is wrong with the kernel that Jupyter would start, in one sentence; empty when nothing is.

    Args:
        folders: where to look, best first; `search_path()` when left out.
    """
    for folder in search_path() if folders is None else folders:
        file = folder / NAME / "kernel.json"
        if file.is_file():
            break
    else:
        return f"There is no kernel named {NAME}; notebooks opened from this environment can run with Python 3 instead."
    try:
        kernel = json.loads(file.read_text(encoding="utf-8"))
        arguments, environment = list(kernel["argv"]), dict(kernel.get("env", {}))
        python = arguments[0]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return f"{file} is damaged."
    if Path(python) != Path(sys.executable):
        return f"The kernel {NAME} starts {python}, not this Python."
    if missing := [name for name, value in SETTINGS.items() if environment.get(name) != value]:
        return f"The kernel {NAME} does not set {' and '.join(missing)}."
    if not set(OPTIONS) <= set(arguments):
        return f"The kernel {NAME} is that of an older version."
    return ""


def search_path() -> list[Path]:
    """Where Jupyter looks for kernels, best first; asked of Jupyter itself where it is installed."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return [home()]
    return [Path(folder) for folder in jupyter_path("kernels")]


def home() -> Path:
    """Where kernels of this environment are registered; the same on every system."""
    return Path(sys.prefix) / "share" / "jupyter" / "kernels"


def register() -> bool:
    """Register the kernel with this environment; says whether there was anything to do.

    PYTHONSAFEPATH is not set: students may import a module of their own that lies beside the notebook.

    Raises:
        StorytellerError: Jupyter is not installed, or the environment may not be written to.
    """
    if not complaint([home()]):
        return False
    kernelspec = optional_import("ipykernel.kernelspec", extra="lessons")
    try:
        place = kernelspec.install(kernel_name=NAME, display_name=DISPLAY_NAME, prefix=sys.prefix, env=dict(SETTINGS))
        kernel = read_json(file := Path(place) / "kernel.json", way_out="run storyteller lab once more")
        write_json(file, kernel | {"argv": [*kernel["argv"], *OPTIONS]})
    except OSError as error:
        raise StorytellerError(
            f"The kernel {NAME} cannot be registered, because {home()} may not be written to ({error.strerror}); "
            "install the course into a virtual environment of your own."
        ) from error
    return True


if __name__ == "__main__":
    register()
    print(f"The kernel {DISPLAY_NAME} is registered with {sys.executable}.")
