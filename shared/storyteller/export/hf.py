"""A folder that `transformers` loads: Mixtral, or Mistral where the model is dense.

    AutoModelForCausalLM.from_pretrained("tiny-hf")
    AutoTokenizer.from_pretrained("tiny-hf")

Nothing here needs transformers: its files are JSON and safetensors.
"""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from storyteller.errors import StorytellerError
from storyteller.export.mixtral_weights import config_fields, names_on_disk
from storyteller.export.trained_run import TrainedRun
from storyteller.runs.consistency import STORY_TEMPERATURE
from storyteller.tokenizer import END_OF_TEXT
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
    write_json(folder / "generation_config.json", special_ids(trained) | {"pad_token_id": trained.tokenizer.end_id})
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


def write_tokenizer(trained: TrainedRun, folder: Path) -> None:
    """Write `tokenizer.json`, and what `AutoTokenizer` wants to know beside it."""
    trained.tokenizer.save(folder / "tokenizer.json")
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
    length, temperature = trained.config.max_seq_len, STORY_TEMPERATURE
    return f"""```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{trained.name}")  # this folder
tokenizer = AutoTokenizer.from_pretrained("{trained.name}")
opening = tokenizer("{END_OF_TEXT}Once upon a time", return_tensors="pt")
story = model.generate(**opening, max_length={length}, do_sample=True, temperature={temperature})
print(tokenizer.decode(story[0], skip_special_tokens=True))
```"""
