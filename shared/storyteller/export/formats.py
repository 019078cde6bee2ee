"""From a run's folder to a folder in another program's format."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from storyteller.errors import StorytellerError
from storyteller.export import gguf, hf, onnx
from storyteller.export.card import model_card
from storyteller.export.folder import new_folder, write_record
from storyteller.export.trained_run import Notice, TrainedRun, read_trained


class Format(NamedTuple):
    """How one format is written."""

    check: Callable[[TrainedRun], None]  # raises StorytellerError where the format has no place for such a model
    write: Callable[[TrainedRun, Path], None]  # fills an empty folder
    usage: Callable[[TrainedRun], str]  # how to load it, for the model card: Markdown
    library: str  # what loads it, as the Hugging Face hub names it


FORMATS: Mapping[str, Format] = {
    "hf": Format(hf.check, hf.write, hf.usage, library="transformers"),
    "gguf": Format(gguf.check, gguf.write, gguf.usage, library="gguf"),
    "onnx": Format(onnx.check, onnx.write, onnx.usage, library="onnx"),
}


def export_run(
    run: Path,
    out: Path,
    *,
    format: str = "hf",
    by_student: Mapping[str, bool] | None = None,
    notice: Notice | None = None,
) -> None:
    """Write a run's model in another program's format, with a model card, into a folder of its own.

    The folder is written aside and renamed, so `out` is complete or not there. An earlier export there is replaced.

    Args:
        run: the run's folder, for its latest valid checkpoint, or a checkpoint's own, such as `run/step-000200`.
        out: the folder to make.
        format: one of `FORMATS`.
        by_student: for each part that the model was built and trained with, such as `{"route_top_k": True}`, whether
            the student wrote it; the model card lists them. None takes what the run's `parts.json` says; where there
            is none, every part is the course's.
        notice: called when a damaged checkpoint was passed over; None gives a Python warning.

    Raises:
        StorytellerError: the run cannot be read, the format has no place for such a model, a package is missing, `out`
            holds something else, or the disk is full.
    """
    if format not in FORMATS:
        raise StorytellerError(f"There is no format {format!r}; choose one of {', '.join(FORMATS)}.")
    form = FORMATS[format]
    trained = read_trained(run, by_student=by_student, notice=notice)
    form.check(trained)
    with new_folder(out) as folder:
        form.write(trained, folder)
        card = model_card(trained, usage=form.usage(trained), library=form.library)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        write_record(folder, {"format": format, "run": trained.name, "step": trained.step})
