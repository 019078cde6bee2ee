"""`storyteller export`: a trained model in another program's format.

storyteller export runs/tiny --out tiny-hf
storyteller export runs/tiny/step-001500 --out tiny-gguf --format gguf
storyteller export runs/tiny --out my-storyteller.html --format html
"""

import sys
from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="the folder of a trained run, or a single checkpoint of it")],
    out: Annotated[
        Path, typer.Option(help="the folder, for html the file, to make; an earlier export there is replaced")
    ],
    format: Annotated[
        str,
        typer.Option(help="hf for transformers, gguf for llama.cpp, onnx for onnxruntime, html for a page of its own"),
    ] = "hf",
    parts: Annotated[
        Path | None,
        typer.Option(
            help='who wrote what, for the model card or the page: a JSON file such as the run\'s own "parts.json"'
        ),
    ] = None,
) -> None:
    """Write a trained model in another program's format or as a page; both say who wrote its parts."""
    from storyteller.cli.tell import require_trained
    from storyteller.export import export_run
    from storyteller.export.trained_run import read_parts

    require_trained(run)
    by_student = None if parts is None else read_parts(parts)
    export_run(run, out, format=format, by_student=by_student, notice=lambda text: print(text, file=sys.stderr))
    if out.is_file():
        print(f"{out} tells stories in any browser, without a network; by whose code it was made stands at its foot.")
        return
    print(f"The model is in {out}; its README.md says how to load it, and by whose code it was made.")
