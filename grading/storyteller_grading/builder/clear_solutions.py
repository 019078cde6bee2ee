"""Our form of nbgrader's ClearSolutions: a solution becomes its steps as TODOs, or the code with the bug to find."""

from textwrap import indent

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearSolutions
from traitlets import default

from storyteller_grading.builder.solution_regions import steps_of


class ClearToSteps(ClearSolutions):  # type: ignore[misc]
    """Replaces each solution by its TODOs and one `raise`, in a bug hunt by the given code.

    What a cell needs for this stands in its metadata, so that `nbgrader generate_assignment` with this class gives the
    same notebook as the builder.
    """

    @default("text_stub")
    def _text_stub(self) -> str:
        return "*Write your answer here.*"

    def _replace_solution_region(self, cell: NotebookNode, language: str) -> bool:
        ours = cell.metadata.get("storyteller", {})
        if ours.get("role") != "answer":
            return bool(super()._replace_solution_region(cell, language))
        given = ours.pop("given", None)
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
                lines += [given[replaced]] if given else [stub(ours["exercise"], "\n".join(region), margin)]
                region, replaced = None, replaced + 1
            else:
                (lines if region is None else region).append(line)
        if region is not None:
            raise RuntimeError("no end solution statement found")
        cell.source = "\n".join(lines)
        return replaced > 0


def stub(name: str, region: str, margin: str) -> str:
    """What the student finds in the place of a solution: its steps, then an error that names the exercise."""
    todos = [text for text, _ in steps_of(region)]
    message = f"{name}: fill in the TODOs above, then run the check below."
    return indent("\n".join([*todos, f'raise NotImplementedError("{message}")']), margin)
