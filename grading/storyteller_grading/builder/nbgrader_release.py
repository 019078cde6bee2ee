"""nbgrader with our configuration: it makes the student notebook of a solved one.

An instructor's `nbgrader_config.py` needs two lines to do the same:

    from storyteller_grading.builder.nbgrader_release import configure
    configure(get_config())
"""

import logging
import tempfile
from pathlib import Path

from traitlets.config import Config

CELL_LIMIT = 600  # seconds that nbgrader may spend on one cell; lessons train for minutes


def configure(config: Config) -> None:
    """Set what our lessons need of nbgrader: our ClearSolutions, patience, and the Python that runs nbgrader."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import ClearSolutions

    from storyteller_grading.builder.clear_solutions import ClearToSteps

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
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    config = Config()
    configure(config)
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    log = logging.getLogger("storyteller.release")
    log.setLevel(logging.ERROR)
    course = CourseDirectory(root=str(root), assignment_id=name, config=config, log=log)
    GenerateAssignment(coursedir=course, config=config, log=log).start()
    return root / "release" / name
