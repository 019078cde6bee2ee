"""A folder that `transformers` loads: Mixtral, or Mistral where the model is dense.

    AutoModelForCausalLM.from_pretrained("tiny-hf")
    AutoTokenizer.from_pretrained("tiny-hf")
    pipeline("text-generation", "tiny-hf")("Once upon a time")

Nothing here needs transformers: its files are JSON and safetensors.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from storyteller.errors import StorytellerError
from storyteller.export.mixtral_weights import config_fields, names_on_disk
from storyteller.export.trained_run import TrainedRun
from storyteller.inference import generation_config
from storyteller.tokenizer import END_OF_TEXT
from storyteller.tokenizer.tokenizer_json import to_json
from storyteller.utils.atomic_io import write_json

WEIGHTS = "model.safetensors"


def check(trained: TrainedRun) -> None:
    """Raise StorytellerError where transformers cannot run such a model as Mixtral or Mistral."""
    config = trained.config
    config_fields(config)
    for name, width in (("d_model", config.d_model), ("d_ff", config.d_ff)):
        if config.n_experts and width % 8:  # rows of whole 16 bytes, in bfloat16 too
            raise StorytellerError(
                f"{name} is {width}, and transformers runs experts only where it is a multiple of 8: train a model "
                f"with {name} {width + -width % 8}, or export this one with --format gguf."
            )


def write(trained: TrainedRun, folder: Path) -> None:
    """Write weights, configuration and tokenizer into an empty folder."""
    write_json(folder / "config.json", model_config(trained))
    write_generation_config(trained, folder)
    write_tokenizer(trained, folder)
    weights = names_on_disk(trained.model.state_dict(), trained.config)
    weights = {name: weight.detach().contiguous() for name, weight in weights.items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod((folder / "config.json").stat().st_mode)  # safetensors lets only the owner read


def model_config(trained: TrainedRun) -> dict[str, Any]:
    """The content of `config.json`."""
    kind = "mixtral" if trained.config.n_experts else "mistral"
    return {
        "architectures": [f"{kind.capitalize()}ForCausalLM"],
        "model_type": kind,
        "dtype": "float32",
        **config_fields(trained.config),
        # Where transformers 4 looks for it. It knows nothing of rope_parameters, and would take a million.
        "rope_theta": trained.config.rope_base,
        "initializer_range": trained.config.init_std,
        **special_ids(trained),
    }


def special_ids(trained: TrainedRun) -> dict[str, int]:
    """The end-of-text token begins a story and ends it, as in training."""
    return {"bos_token_id": trained.tokenizer.end_id, "eos_token_id": trained.tokenizer.end_id}


def write_generation_config(trained: TrainedRun, folder: Path) -> None:
    """Write the model's own sampling settings; a story is no longer than the context, for others forget nothing."""
    end_id, max_length = trained.tokenizer.end_id, trained.config.max_seq_len
    settings = generation_config.generation_config(trained.sampling, max_length=max_length, end_id=end_id)
    del settings["max_new_tokens"]
    write_json(folder / generation_config.FILE_NAME, settings)


def write_tokenizer(trained: TrainedRun, folder: Path) -> None:
    """Write `tokenizer.json`, and what `AutoTokenizer` wants to know beside it.

    Its last stage puts the end-of-text token in front of a text, as it stood before every story in training.
    """
    end: dict[str, Any] = {"SpecialToken": {"id": END_OF_TEXT, "type_id": 0}}
    first: dict[str, Any] = {"Sequence": {"id": "A", "type_id": 0}}
    post_processor = {
        "type": "TemplateProcessing",
        "single": [end, first],
        "pair": [end, first, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {
            END_OF_TEXT: {"id": END_OF_TEXT, "ids": [trained.tokenizer.end_id], "tokens": [END_OF_TEXT]}
        },
    }
    write_json(folder / "tokenizer.json", to_json(trained.tokenizer.vocabulary) | {"post_processor": post_processor})
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,  # a batch of prompts is padded with it on the left, where the attention mask hides it
        "padding_side": "left",
        "model_max_length": trained.config.max_seq_len,
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / "tokenizer_config.json", settings)


def usage(trained: TrainedRun) -> str:
    """How to tell a story with it."""
    return f"""```python
from transformers import pipeline

teller = pipeline("text-generation", model=".")  # this folder
print(teller({json.dumps(trained.example_opening, ensure_ascii=False)})[0]["generated_text"])
```

How tokens are drawn, and how many at most, is in `{generation_config.FILE_NAME}`; the tokenizer puts `{END_OF_TEXT}`
in front of an opening."""
