"""nbgrader with our configuration: it makes the student notebook of a solved one.

An instructor's `nbgrader_config.py` needs two lines to do the same:

    from storyteller_grading.builder.nbgrader_release import configure
    configure(get_config())

Our form of nbgrader's ClearSolutions makes of a solution as much as its scaffold tells, or the code with the bug to
find.
"""

import glob
import logging
import shutil
import tempfile
from pathlib import Path
from textwrap import indent
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions
from traitlets import default
from traitlets.config import Config

from storyteller_course.exercises.scaffold import Scaffold, goal_of, steps_of
from storyteller_course.notebook.progress_store import TO_WRITE
from storyteller_grading.builder.predictions import PREDICT, without_prediction

CELL_LIMIT = 600  # seconds that nbgrader may spend on one cell; lessons train for minutes


def configure(config: Config) -> None:
    """Set what our lessons need of nbgrader: our ClearSolutions, patience, and the Python that runs nbgrader."""
    config.GenerateAssignment.preprocessors = [
        ClearToSteps if step is ClearSolutions else step
        for step in GenerateAssignment.class_traits()["preprocessors"].default()
    ]
    config.Execute.timeout = CELL_LIMIT
    # The notebooks name the kernel `storyteller`, which a machine that grades may lack.
    config.Execute.kernel_name = "python3"


def student_notebook(name: str, solution: str) -> str:
    """What `nbgrader generate_assignment` makes of a solution notebook.

    Args:
        name: the lesson's, such as `01_data_preparation`.
        solution: the solved notebook, as the text of its file.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        source = root / "source" / name / f"{name}.ipynb"
        source.parent.mkdir(parents=True)
        source.write_text(solution, encoding="utf-8", newline="\n")
        # nbconvert writes with the line ends of the system; notebooks are committed with one kind.
        return (generate_assignment(root, name) / f"{name}.ipynb").read_text(encoding="utf-8")


def generate_assignment(root: Path, name: str) -> Path:
    """Do as `nbgrader generate_assignment` does with our configuration, but for the gradebook.

    Args:
        root: a folder with `source/NAME/`; absolute, without links.
        name: of the assignment.

    Returns:
        the folder `release/NAME`: student notebooks, and the other files of `source/NAME` as they are.
    """
    made = root / "release" / name
    if glob.has_magic(str(root)):  # nbgrader would read its `[`, `*` or `?` as a pattern
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(root / "source", Path(folder).resolve() / "source")
            shutil.copytree(generate_assignment(Path(folder).resolve(), name), made)
        return made
    config = Config()
    configure(config)
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    log = logging.getLogger("storyteller.release")
    log.setLevel(logging.ERROR)
    course = CourseDirectory(root=str(root), assignment_id=name, config=config, log=log)
    GenerateAssignment(coursedir=course, config=config, log=log).start()
    return made


class ClearToSteps(ClearSolutions):  # type: ignore[misc]
    """Replaces each solution by its TODOs and one `raise`, in a bug hunt by the given code; predictions are taken out.

    What a cell needs for this stands in its metadata, so that `nbgrader generate_assignment` with this class gives the
    same notebook as the builder.
    """

    @default("text_stub")
    def _text_stub(self) -> str:
        return TO_WRITE

    def preprocess_cell(self, cell: NotebookNode, resources: Any, cell_index: int) -> tuple[NotebookNode, Any]:
        """As nbgrader's; the prediction that the solution makes is the student's to make."""
        if PREDICT in cell.metadata.get("tags", []):
            cell.source = without_prediction(cell.source)
        return super().preprocess_cell(cell, resources, cell_index)  # type: ignore[no-any-return]

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        ours = cell.metadata.get("storyteller", {})
        if ours.get("role") != "answer":
            return bool(super()._replace_solution_region(cell, language))
        given, scaffold = ours.pop("given", None), ours.pop("scaffold", "steps")
        lines: list[str] = []
        region: list[str] | None = None
        replaced, margin = 0, ""
        for line in cell.source.split("\n"):
            if self.begin_solution_delimeter in line:
                if region is not None:
                    raise RuntimeError("encountered nested begin solution statements")
                region = []
                margin = line[: len(line) - len(line.lstrip())]
            elif self.end_solution_delimeter in line:
                if region is None:
                    raise RuntimeError("an end of a solution without its beginning")
                lines += [given[replaced]] if given else [stub(ours["exercise"], "\n".join(region), margin, scaffold)]
                region, replaced = None, replaced + 1
            else:
                (lines if region is None else region).append(line)
        if region is not None:
            raise RuntimeError("no end solution statement found")
        cell.source = "\n".join(lines)
        return replaced > 0


def stub(name: str, region: str, margin: str, scaffold: Scaffold = "steps") -> str:
    """What the student finds in the place of a solution: its steps, its goal or nothing, then an error."""
    todos = {"steps": [text for text, _ in steps_of(region)], "goal": goal_of(region), "blank": []}[scaffold]
    what = "fill in the TODOs above" if scaffold == "steps" else "write its body"
    raised = f'raise NotImplementedError("{name}: {what}, then run the check below.")'
    return indent("\n".join([*todos, raised]), margin)
