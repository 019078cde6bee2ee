"""From a run's folder to a folder in another program's format, or to a file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from storyteller.errors import StorytellerError
from storyteller.export import gguf, hf, onnx
from storyteller.export.card import model_card
from storyteller.export.folder import new_folder, refuse_other_file, write_record
from storyteller.export.html import one_file
from storyteller.export.trained_run import Notice, TrainedRun, read_trained
from storyteller.utils.atomic_io import write_whole


class FolderFormat(NamedTuple):
    """How a format is written that is a folder, with a model card in it."""

    check: Callable[[TrainedRun], None]  # raises StorytellerError where the format has no place for such a model
    write: Callable[[TrainedRun, Path], None]  # fills an empty folder
    usage: Callable[[TrainedRun], str]  # how to load it, for the model card: Markdown
    library: str  # what loads it, as the Hugging Face hub names it


class FileFormat(NamedTuple):
    """How a format is written that is a single file."""

    check: Callable[[TrainedRun], None]  # as above
    content: Callable[[TrainedRun], str]
    is_ours: Callable[[str], bool]  # whether a file that begins so is an earlier export, which may be replaced


FORMATS: Mapping[str, FolderFormat | FileFormat] = {
    "hf": FolderFormat(hf.check, hf.write, hf.usage, library="transformers"),
    "gguf": FolderFormat(gguf.check, gguf.write, gguf.usage, library="gguf"),
    "onnx": FolderFormat(onnx.check, onnx.write, onnx.usage, library="onnx"),
    "html": FileFormat(one_file.check, one_file.content, one_file.is_ours),
}


def export_run(
    run: Path,
    out: Path,
    *,
    format: str = "hf",
    by_student: Mapping[str, bool] | None = None,
    notice: Notice | None = None,
) -> None:
    """Write a run's model in another program's format, into a folder of its own with a model card; or into a file.

    It is written aside and renamed, so `out` is complete or not there. An earlier export there is replaced.

    Args:
        run: the run's folder, for its latest valid checkpoint, or a checkpoint's own, such as `run/step-000200`.
        out: the folder or the file to make.
        format: one of `FORMATS`.
        by_student: for each part that the model was built and trained with, such as `{"route_top_k": True}`, whether
            the student wrote it; the model card or the page lists them. None takes what the run's `parts.json` says;
            where there is none, every part is the course's.
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
    if isinstance(form, FileFormat):
        refuse_other_file(out, is_ours=form.is_ours)
        write_whole(out, form.content(trained))
        return
    with new_folder(out) as folder:
        form.write(trained, folder)
        card = model_card(trained, usage=form.usage(trained), library=form.library)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        write_record(folder, {"format": format, "run": trained.name, "step": trained.step})
