"""Lesson 05: exporting a trained model, so that other programs can load it without this package.

    storyteller export runs/tiny --out tiny-hf                  # for transformers, and whatever reads its folders
    storyteller export runs/tiny --out tiny-gguf --format gguf  # for llama.cpp
    storyteller export runs/tiny --out tiny-onnx --format onnx  # for onnxruntime
    storyteller export runs/tiny --out tiny.html --format html  # a page for a friend

The weights stay as they were trained, in float32, so the other program gives the same logits as ours, up to rounding.
The page alone keeps them in 8 bits, so that it can be mailed.

formats.py          the table of formats, and `export_run`
trained_run.py      what is exported: model, tokenizer and what is known of the training
card.py             the model card
folder.py           a folder that is complete or not there
hf.py, gguf.py, onnx.py, html/   one format each
mixtral_weights.py  our weights under the names of transformers
"""

from storyteller.export.formats import FORMATS, export_run

__all__ = ["FORMATS", "export_run"]
