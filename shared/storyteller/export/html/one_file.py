"""One file that tells stories: the page, its JavaScript, the tokenizer, and the weights in 8 bits.

It asks nothing of any server, and its content security policy forbids it to. So it opens from a phone's files or from a
mail, and works without a network.
"""

import base64
import hashlib
import json
from dataclasses import fields
from typing import Any

from storyteller.config import ModelConfig
from storyteller.errors import require
from storyteller.export.html.about import about_run
from storyteller.export.html.int8 import pack
from storyteller.export.html.rendering import FACE, LOCAL, page_file, render
from storyteller.export.trained_run import TrainedRun
from storyteller.moe.cost_model import count_parameters
from storyteller.tokenizer import Vocabulary
from storyteller.tokenizer.vocabulary import to_unicode

MAX_PARAMETERS = 64_000_000  # a page of 85 MB; phones load no larger one

# The fields of ModelConfig that model.js computes, in all their values, or that say nothing of a trained model.
COMPUTED = frozenset({
    "vocab_size", "max_seq_len", "d_model", "n_layers", "n_heads", "n_kv_heads", "d_ff", "n_experts", "top_k", "router",
    "positions", "rope_base", "norm_eps", "tie_embeddings",
})  # fmt: skip
OF_TRAINING = frozenset({"capacity_factor", "init_std", "init"})
# The weights of a layer that model.js knows, and those outside of the layers.
LAYER = frozenset({
    "attention_norm.weight", "attention.qkv.weight", "attention.out.weight", "feed_forward_norm.weight",
    "feed_forward.router.weight", "feed_forward.gate_up", "feed_forward.down",
    "feed_forward.gate_up.weight", "feed_forward.down.weight",
})  # fmt: skip
OUTSIDE = frozenset({"embedding.weight", "position.weight", "norm.weight", "head.weight"})


def check(trained: TrainedRun) -> None:
    """Raise StorytellerError where the page cannot compute such a model, or would be too large for a browser."""
    config = trained.config
    for field in fields(ModelConfig):
        value = getattr(config, field.name)
        require(
            field.name in COMPUTED | OF_TRAINING or value == field.default,
            f"The model has {field.name} {value!r}, which the page's JavaScript does not compute: export it in the "
            "format onnx, or train one without.",
        )
    for name in trained.model.state_dict():
        part = name.split(".", 2)[2] if name.startswith("blocks.") else name
        require(
            part in (LAYER if name.startswith("blocks.") else OUTSIDE),
            f"The model has the weight {name}, which the page's JavaScript does not know: export it as onnx.",
        )
    total = count_parameters(config).total
    require(
        total <= MAX_PARAMETERS,
        f"The model has {total:,} parameters, and a page holds {MAX_PARAMETERS:,} at most: export it as gguf, "
        "or show it with storyteller serve.",
    )


def content(trained: TrainedRun) -> str:
    """The text of the file."""
    layout, weights = pack(trained.model.state_dict())
    model = {
        "config": {name: getattr(trained.config, name) for name in sorted(COMPUTED)},
        "tokenizer": _tokenizer(trained.tokenizer.vocabulary, end=trained.tokenizer.end_id),
        "tensors": layout,
    }
    style, script = page_file("page.css"), "\n".join(map(page_file, (*LOCAL, *FACE)))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    data = [
        # "<" would end the element where a token holds "</script>".
        f'<script id="model" type="application/json">{_json(model).replace("<", chr(92) + "u003c")}</script>',
        f'<script id="weights" type="text/plain">{base64.b64encode(weights).decode("ascii")}</script>',
        f"<script>{script}</script>",
    ]
    return render(
        about_run(trained),
        defaults=trained.sampling,
        policy=f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n{MARK}',
        styles=f"<style>{style}</style>",
        scripts="\n".join(data),
    )


# By this an earlier export is known, which another may replace.
MARK = '<meta name="generator" content="storyteller export --format html">'


def is_ours(content: str) -> bool:
    """Whether a file's first characters are those of such a page."""
    return MARK in content


def _tokenizer(vocabulary: Vocabulary, *, end: int) -> dict[str, Any]:
    """What tokenizer.js takes, spelled in GPT-2's printable characters."""
    names = {i: to_unicode(token) for token, i in vocabulary.tokens.items()}
    names |= {i: name for name, i in vocabulary.special_tokens.items()}
    return {
        "tokens": [names[i] for i in range(vocabulary.size)],
        "merges": [f"{to_unicode(left)} {to_unicode(right)}" for left, right in vocabulary.merges],
        "specials": dict(vocabulary.special_tokens),
        "end": end,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str) -> str:
    """By which the policy allows this very script or style, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
