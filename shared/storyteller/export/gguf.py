"""A file that llama.cpp loads, and the many programs that are built on it.

Its architecture is called "llama", and Mixtral is a llama with experts. Two things differ from our own form:

- RoPE turns neighbouring features, 0 with 1, 2 with 3, as in RoFormer's paper; ours turns feature i with i + Dh/2. The
  rows of the query and key weights change places, so that each pair stays a pair.
- The pre-tokenizer is no rule in the file but a name, "gpt-2", that llama.cpp knows.

In float32 llama.cpp takes widths of any size; its quantized types want multiples of 32 or 256.

Legend: `D` model width, `H` query heads, `G` key and value heads, `Dh` head width, `F` feed-forward width, `E` experts.

Source: the GGUF specification in ggml's docs/gguf.md; llama.cpp's convert_hf_to_gguf.py for the order of the rows.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from storyteller.config import ModelConfig
from storyteller.errors import optional_import
from storyteller.export.card import LANGUAGE, licence_of
from storyteller.export.mixtral_weights import config_fields, transformers_names
from storyteller.export.trained_run import TrainedRun
from storyteller.tokenizer import Vocabulary
from storyteller.tokenizer.vocabulary import to_unicode

# The weights of a layer, by the name that Mixtral gives it in memory (dense: Mistral).
LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "mlp.gate.weight": "ffn_gate_inp.weight",
    "mlp.experts.down_proj": "ffn_down_exps.weight",
}
OUTSIDE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def check(trained: TrainedRun) -> None:
    """Raise StorytellerError where llama.cpp has no place for such a model, or the package is missing."""
    optional_import("gguf", extra="export")
    config_fields(trained.config)


def write(trained: TrainedRun, folder: Path) -> None:
    """Write the model and its tokenizer into one file, `NAME.gguf`."""
    gguf = optional_import("gguf", extra="export")
    writer = gguf.GGUFWriter(folder / file_name(trained), "llama")
    try:
        writer.add_name(trained.name)
        writer.add_languages([LANGUAGE])
        if licence := licence_of(trained):
            writer.add_license(licence)
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        add_shape(writer, trained.config)
        add_tokenizer(writer, trained.tokenizer.vocabulary, end_id=trained.tokenizer.end_id)
        for name, weight in llama_names(trained.model.state_dict(), trained.config).items():
            writer.add_tensor(name, as_array(weight))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def file_name(trained: TrainedRun) -> str:
    """The file is named after the run."""
    return f"{trained.name}.gguf"


def add_shape(writer: Any, config: ModelConfig) -> None:
    """The fields of `llama.*`."""
    writer.add_block_count(config.n_layers)
    writer.add_context_length(config.max_seq_len)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_head_count(config.n_heads)
    writer.add_head_count_kv(config.n_kv_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if config.n_experts:
        writer.add_expert_count(config.n_experts)
        writer.add_expert_used_count(config.top_k)


def add_tokenizer(writer: Any, vocabulary: Vocabulary, *, end_id: int) -> None:
    """The fields of `tokenizer.ggml.*`: byte-level BPE as GPT-2 has it, spelled in its printable characters."""
    gguf = optional_import("gguf", extra="export")
    ids = {to_unicode(token): i for token, i in vocabulary.tokens.items()} | dict(vocabulary.special_tokens)
    kinds = [gguf.TokenType.NORMAL] * vocabulary.size
    for i in vocabulary.special_tokens.values():
        kinds[i] = gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(ids, key=ids.__getitem__))
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{to_unicode(left)} {to_unicode(right)}" for left, right in vocabulary.merges])
    # As in training: a story begins after the end-of-text token, and ends with it.
    writer.add_bos_token_id(end_id)
    writer.add_eos_token_id(end_id)
    writer.add_pad_token_id(end_id)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def llama_names(state: dict[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our state dict under llama.cpp's names, with the rows of queries and keys in its order."""
    theirs = {}
    for name, weight in transformers_names(state, config).items():
        if name in OUTSIDE:
            if name != "lm_head.weight" or not config.tie_embeddings:  # without one, it takes the embedding
                theirs[OUTSIDE[name]] = weight
            continue
        layer, part = name.removeprefix("model.layers.").split(".", 1)
        if part == "mlp.experts.gate_up_proj":
            gate, up = weight.chunk(2, dim=1)  # (E, F, D) each
            theirs[f"blk.{layer}.ffn_gate_exps.weight"], theirs[f"blk.{layer}.ffn_up_exps.weight"] = gate, up
            continue
        if part in ("self_attn.q_proj.weight", "self_attn.k_proj.weight"):
            weight = pair_neighbours(weight, config.head_dim)
        theirs[f"blk.{layer}.{LAYER[part]}"] = weight
    return theirs


def pair_neighbours(weight: Tensor, head_dim: int) -> Tensor:
    """Bring the two rows that RoPE turns together next to each other: row i of each half of a head, then row i + 1.

    Args:
        weight: (H*Dh, D), each head's rows in two halves of Dh/2.

    Returns:
        (H*Dh, D)

    >>> import torch
    >>> pair_neighbours(torch.arange(8.0)[:, None], head_dim=4).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]
    """
    halves = weight.view(-1, 2, head_dim // 2, weight.size(1))  # (H, 2, Dh/2, D)
    return halves.transpose(1, 2).reshape(weight.shape)  # (H*Dh, D)


def as_array(weight: Tensor) -> np.ndarray:
    """A weight as gguf wants it: float32, rows one after the other."""
    return weight.detach().float().contiguous().numpy()


def usage(trained: TrainedRun) -> str:
    """How to tell a story with it."""
    opening = json.dumps(trained.example_opening, ensure_ascii=False)
    settings = f'"temperature": {trained.sampling.temperature:g}, "min_p": {trained.sampling.min_p or 0:g}'
    return f"""With the package xllamacpp, which brings llama.cpp along, or with any other program that loads GGUF:

```python
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = "{file_name(trained)}"  # in this folder
server = xllamacpp.Server(params)
opening = {opening}
answer = server.handle_completions({{"prompt": opening, {settings}}})
print(opening + answer["choices"][0]["text"])
```

llama.cpp keeps what it has read in half precision, unless it is told `--cache-type-k f32 --cache-type-v f32`."""
