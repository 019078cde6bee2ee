"""A graph that onnxruntime runs, in any language that it speaks: token ids in, logits of the next token out.

A graph knows no "as many rows as this expert happens to have". Every expert therefore reads every token, and a token's
gate weights, 0 for the experts that it is not routed to, decide what counts
(`storyteller.moe.dispatch.dispatch_dense`): the same logits for E/k times the arithmetic. There is no cache, so each
new token reads the whole text again.
"""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from storyteller.errors import optional_import
from storyteller.export.hf import write_generation_config
from storyteller.export.trained_run import TrainedRun
from storyteller.moe.dispatch import dispatch_dense
from storyteller.moe.layer import MoELayer
from storyteller.tokenizer import END_OF_TEXT
from storyteller.transformer.decoder import Decoder

WEIGHTS = "model.onnx"
MAX_EMBEDDED_BYTES = 2**30  # of weights inside the file; protobuf ends at 2 GiB, and more goes to a second file


class LogitsModel(nn.Module):
    """The decoder as a graph sees it: tensors in, a tensor out."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) int64 to logits (B, T, V)."""
        logits: Tensor = self.decoder(ids).logits
        return logits


def check(trained: TrainedRun) -> None:
    """Raise StorytellerError where a package is missing. Every model has a place in ONNX."""
    optional_import("onnx", extra="export")
    optional_import("onnxscript", extra="export")


def write(trained: TrainedRun, folder: Path) -> None:
    """Write the graph and the tokenizer."""
    for part in trained.model.modules():
        if isinstance(part, MoELayer):
            part.dispatch = dispatch_dense
    program = to_graph(LogitsModel(trained.model).eval(), max_seq_len=trained.config.max_seq_len)
    facts = {"max_seq_len": trained.config.max_seq_len, "end_of_text_id": trained.tokenizer.end_id}
    program.model.metadata_props.update({name: str(value) for name, value in facts.items()})
    size = sum(weight.nbytes for weight in trained.model.parameters())
    program.save(folder / WEIGHTS, external_data=size > MAX_EMBEDDED_BYTES)
    trained.tokenizer.save(folder / "tokenizer.json")
    write_generation_config(trained, folder)


def to_graph(model: LogitsModel, *, max_seq_len: int) -> Any:
    """The graph for any number of rows and up to `max_seq_len` tokens, as torch's `ONNXProgram`."""
    rows = torch.export.Dim("rows", min=1)
    tokens = torch.export.Dim(f"up_to_{max_seq_len}_tokens", min=1, max=max_seq_len)
    example = torch.zeros(2, min(3, max_seq_len), dtype=torch.long)
    # What torch's exporter says to its own developers is kept back: torchvision is missing, a class has a new name.
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")
            return torch.onnx.export(
                model,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["input_ids"],
                output_names=["logits"],
                dynamic_shapes={"ids": {0: rows, 1: tokens}},
            )
    finally:
        log.setLevel(level)


def usage(trained: TrainedRun) -> str:
    """How to tell a story with it."""
    opening = json.dumps(trained.example_opening, ensure_ascii=False)
    return f"""```python
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")  # in this folder
model = onnxruntime.InferenceSession("{WEIGHTS}")
end = tokenizer.token_to_id("{END_OF_TEXT}")
ids = [end, *tokenizer.encode({opening}).ids]
random = np.random.default_rng(seed=1)
while len(ids) < {trained.config.max_seq_len} and ids[1:][-1:] != [end]:
    scores = model.run(None, {{"input_ids": np.array([ids], dtype=np.int64)}})[0]  # rows, tokens, vocabulary
    scores = scores[0, -1].astype(np.float64) / {trained.sampling.temperature:g}  # the temperature
    probs = np.exp(scores - scores.max())
    probs[probs < {trained.sampling.min_p or 0:g}] = 0  # min-p: as a share of the likeliest, which is 1 here
    ids.append(int(random.choice(len(probs), p=probs / probs.sum())))
print(tokenizer.decode(ids))
```

The input `input_ids` has any number of rows and at most {trained.config.max_seq_len} tokens. A longer one stops with
an error of onnxruntime about a dimension of {trained.config.max_seq_len}: give it the last
{trained.config.max_seq_len} tokens."""
