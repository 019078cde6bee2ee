"""`storyteller lab`: open a lesson in JupyterLab, in a folder of the student's own."""

import os
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from storyteller.errors import StorytellerError, optional_import

FIRST_LESSON = "01"
JUPYTER_FILES = ".jupyter"  # in the student's folder, where the home may not be written to


def lab(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LESSON] [-- OPTIONS]", help="01 by default; what follows -- is handed on to Jupyter"),
    ] = None,
    work: Annotated[Path | None, typer.Option(help="your folder for the lessons (./my-lessons)")] = None,
    notebook: Annotated[bool, typer.Option("--notebook", help="the classic Jupyter Notebook, not JupyterLab")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the browser, or only say where")] = True,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="where to listen (8888, or the next free)")] = None,
    beside: Annotated[bool, typer.Option("--beside", help="put newer notebooks of the course beside yours")] = False,
    allow_root: Annotated[
        bool, typer.Option("--allow-root", help="let Jupyter run as root, as in a container")
    ] = False,
) -> None:
    """Open a lesson in JupyterLab; the first time, copy the lessons to a folder of your own."""
    from storyteller_course import kernel
    from storyteller_course.notebook import workspace

    given = list(arguments or [])
    asked = given.pop(0) if given and not given[0].startswith("-") else FIRST_LESSON
    folder = workspace.find_work(work)
    workspace.find_lesson(lessons_to_open(folder), asked)  # refuses an unknown one before anything is copied
    if keep_out_of_home(os.environ, folder):
        print(f"You have no home that may be written to: Jupyter's own files are in {folder / JUPYTER_FILES}.")
    server = jupyter("notebook" if notebook else "lab")
    bring_lessons(folder, beside=beside)
    lesson = workspace.find_lesson(workspace.lessons_in(folder), asked)
    if kernel.register():
        print(f"The kernel {kernel.DISPLAY_NAME} is registered with this Python.")
    set_environment(os.environ)
    options = [f"--ServerApp.root_dir={folder}", f"--ServerApp.open_browser={browser}"]
    options.append("--Application.log_level=ERROR")  # of Jupyter's log the address alone, which it tells at any level
    if port is not None:
        options.append(f"--ServerApp.port={port}")
    if allow_root:
        options.append("--allow-root")
    print("Jupyter runs until you press Ctrl-C here.")
    page = f"{lesson.name}/{workspace.notebook_of(lesson).name}"
    server.launch_instance(argv=[*options, *pages(page, notebook=notebook), *given])


def set_environment(environment: MutableMapping[str, str]) -> None:
    """Set for this run of Jupyter what a student's lab should be like.

    Our kernel is taken where the user's home has one of that name too. The files in `storyteller_course/jupyter` leave
    of nbgrader what a student needs, the Validate button, give it ten minutes a cell, and spare a first lesson the
    question about Jupyter news.
    """
    from storyteller_course import kernel

    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    others = environment.get("JUPYTER_CONFIG_PATH", "")
    ours = str(Path(kernel.__file__).parent / "jupyter")
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [others, ours]))


def keep_out_of_home(environment: MutableMapping[str, str], folder: Path) -> bool:
    """Have Jupyter, IPython and Matplotlib write to the student's folder where they may not write to a home.

    Returns:
        Whether it was needed. What the user has set already is left as it is.
    """
    paths = optional_import("jupyter_core.paths", extra="lessons")
    try:
        place = Path(paths.jupyter_data_dir())
    except RuntimeError:  # there is no home at all, as for a container's user without a name
        environment["HOME"] = str(folder / JUPYTER_FILES)
        return True
    while not place.exists():
        place = place.parent
    if os.access(place, os.W_OK):
        return False
    for variable, name in {
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "MPLCONFIGDIR": "matplotlib",
    }.items():
        environment.setdefault(variable, str(folder / JUPYTER_FILES / name))
    return True


def jupyter(which: str) -> Any:
    """The application class of JupyterLab or of the classic Notebook.

    Raises:
        StorytellerError: Jupyter is not installed.
    """
    if which == "lab":
        return optional_import("jupyterlab.labapp", extra="lessons").LabApp
    return optional_import("notebook.app", extra="lessons").JupyterNotebookApp


def pages(page: str, *, notebook: bool) -> list[str]:
    """The options that make the address which is printed, and which the browser opens, that of one notebook."""
    if notebook:
        return [f"--JupyterNotebookApp.default_url=/notebooks/{page}"]
    return [f"--LabApp.default_url=/lab/tree/{page}"]


def lessons_to_open(folder: Path) -> Sequence[Path]:
    """The lessons that the folder has, or will have once they are copied."""
    from storyteller_course.notebook import workspace

    mine = workspace.lessons_in(folder)
    if workspace.is_release(folder):
        return mine
    try:
        ours = workspace.course_lessons()
    except StorytellerError:
        if not mine:
            raise
        return mine
    names = {lesson.name for lesson in ours}  # mine are copies of them, and what I made myself
    return [*ours, *(lesson for lesson in mine if lesson.name not in names)]


def bring_lessons(folder: Path, *, beside: bool) -> None:
    """Copy or update the lessons, and tell the student what was done.

    A class's release is opened as it is. So is any folder with lessons where the course's own is not at hand.
    """
    from storyteller_course.notebook import workspace

    if workspace.is_release(folder):
        return
    try:
        lessons = workspace.course_lessons()
    except StorytellerError:
        if not workspace.lessons_in(folder):
            raise
        return
    first = not workspace.lessons_in(folder)
    delivery = workspace.deliver(lessons, folder, beside=beside)
    trust([*(folder / name for name in (*delivery.new, *delivery.updated)), *delivery.beside.values()])
    print(f"Your lessons are {'now ' if first else ''}in {folder}.")
    for sentence in update_notes(delivery, first=first):
        print(sentence)


def trust(files: Sequence[Path]) -> None:
    """Sign the course's notebooks among these files as Jupyter does on saving, so that their pictures are shown."""
    nbformat = optional_import("nbformat", extra="lessons")
    notary = optional_import("nbformat.sign", extra="lessons").NotebookNotary()
    for file in files:
        if file.suffix == ".ipynb":
            notary.sign(nbformat.read(file, as_version=4))
    notary.store.close()


def update_notes(delivery: Any, *, first: bool) -> Sequence[str]:
    """What a student should know about an update, in sentences; nothing when nothing has changed."""
    from storyteller_course.exercises.lesson import HIDDEN

    new, updated = ([name for name in names if f"/{HIDDEN}/" not in name] for names in (delivery.new, delivery.updated))
    notes = [] if first or not new else [f"New: {', '.join(new)}."]
    if updated:
        notes.append(f"Brought up to date with the course: {', '.join(updated)}.")
    for name, kept in delivery.kept.items():
        notes.append(f"Brought up to date: {name}. Yours was different and is kept as {kept}.")
    for name, new in delivery.beside.items():
        notes.append(f"The course's newer {name} is beside yours as {new.name}.")
    for name in delivery.waiting:
        notes.append(f"The course has a newer {name}. Yours, with your work in it, is left as it is.")
    if delivery.waiting:
        notes.append("To get the newer one beside it: storyteller lab --beside")
    return notes
