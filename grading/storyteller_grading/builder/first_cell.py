"""The first code cell of every notebook: it brings the course where this Python does not have it.

The function below is not called from here: its text goes into the cell, which runs where nothing of ours is installed.
So it needs the standard library alone, and has 88 columns at most. What is installed already stays as it is, torch and
numpy above all: on Colab and Kaggle they belong to the machine's GPU.
"""

import inspect
from typing import Any


def bring_course(address: Any) -> None:
    """Install the course into this Python, and leave its torch and numpy alone."""
    import importlib
    import site
    import subprocess
    import sys
    import sysconfig
    from importlib.metadata import distributions
    from pathlib import Path

    class NotInstalled(Exception):
        def _render_traceback_(self) -> list[str]:  # what IPython shows of it
            return [str(self)]

    own = Path("storyteller-course")  # what is fetched goes here
    wheels = sorted(Path().glob("storyteller-*.whl"))  # a class's
    if wheels:
        what = [f"./{wheels[-1]}[kernel]"]
    else:
        if address and not own.exists():
            subprocess.run(["git", "clone", "-q", "--depth=1", address, str(own)])
        homes = [Path("../.."), own]
        homes = [place for place in homes if (place / "shared/storyteller").is_dir()]
        if not homes:
            raise NotInstalled(
                "The course is not installed in this Python: run  make lab  in the "
                "course's folder, or get the whole folder of this lesson from your "
                "class, and open the notebook there."
            )
        what = ["-e", f"{homes[0].resolve()}[kernel]"]
    here: dict[str, str] = {}
    for each in distributions():  # of two with one name the first is imported
        here.setdefault(each.name, f"{each.name}=={each.version}")
    kept = [here[name] for name in ("torch", "numpy") if name in here]
    pip = [sys.executable, "-m", "pip", "install", "-q", *kept, *what]
    if subprocess.run(pip).returncode:
        raise NotInstalled(
            "pip could not install the course (see above). It keeps what is here "
            f"({', '.join(kept) or 'nothing of ours'}); a newer environment may help."
        )
    for place in (sysconfig.get_path("purelib"), site.getusersitepackages()):
        site.addsitedir(place)
    importlib.invalidate_caches()


TITLE = "# @title Begin here: run this cell first. It installs the course where it is missing."


def source(lesson: str, address: str) -> str:
    """The text of the cell.

    Args:
        lesson: the lesson's name.
        address: of the repository, which is fetched where the notebook stands alone; "" where none is set.
    """
    function = inspect.getsource(bring_course)
    for hint in (": Any", " -> None", " -> list[str]", ": dict[str, str]"):  # a notebook's code has none
        function = function.replace(hint, "")
    return (
        f"{TITLE}\n{function}\n\n"
        "try:\n"
        "    from storyteller_course import begin\n"
        "except ModuleNotFoundError:\n"
        f'    bring_course("{address}")\n'
        "    from storyteller_course import begin\n"
        f'begin("{lesson}")\n'
        "del bring_course, begin"
    )
