"""`storyteller export`: a trained model in another program's format.

storyteller export runs/tiny --out tiny-hf
storyteller export runs/tiny/step-001500 --out tiny-gguf --format gguf
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from storyteller.errors import StorytellerError


def export(
    run: Annotated[Path, typer.Argument(help="the folder of a trained run, or a single checkpoint of it")],
    out: Annotated[Path, typer.Option(help="the folder to make; an earlier export there is replaced")],
    format: Annotated[str, typer.Option(help="hf for transformers, gguf for llama.cpp, onnx for onnxruntime")] = "hf",
    parts: Annotated[
        Path | None, typer.Option(help='who wrote what, for the model card: a JSON file such as {"route_top_k": true}')
    ] = None,
) -> None:
    """Write a trained model in another program's format, with a model card."""
    from storyteller.export import export_run

    by_student = None if parts is None else read_parts(parts)
    export_run(run, out, format=format, by_student=by_student, notice=lambda text: print(text, file=sys.stderr))
    print(f"The model is in {out}; its README.md says how to load it.")


def read_parts(file: Path) -> dict[str, bool]:
    """Which parts the student wrote.

    Raises:
        StorytellerError: the file is missing, or it is not a JSON object of true and false.
    """
    try:
        parts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorytellerError(f"{file} cannot be read as JSON ({error}); leave --parts out or mend it.") from None
    if not isinstance(parts, dict) or not all(isinstance(own, bool) for own in parts.values()):
        raise StorytellerError(f'{file} must map each part to true or false, as in {{"route_top_k": true}}.')
    return parts
