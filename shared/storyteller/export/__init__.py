"""Exporting a trained model, so that other programs can load it without this package.

    storyteller export runs/tiny --out tiny-hf                  # for transformers, and whatever reads its folders
    storyteller export runs/tiny --out tiny-gguf --format gguf  # for llama.cpp
    storyteller export runs/tiny --out tiny-onnx --format onnx  # for onnxruntime

The weights stay as they were trained, in float32, so the other program gives the same scores as ours, up to rounding.
"""

from storyteller.export.formats import FORMATS, export_run

__all__ = ["FORMATS", "export_run"]
