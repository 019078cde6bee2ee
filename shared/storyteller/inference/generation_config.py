"""A model's own sampling settings: `generation_config.json`, in its run's folder and in an export.

The names are those of `GenerationConfig` in transformers, which reads the file too. `max_length` is the model's
context. `max_new_tokens` may be more, for our generation forgets the oldest tokens; other programs do not, so an export
has `max_length` alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, STORY_SAMPLING, Sampling
from storyteller.utils.atomic_io import read_json, write_json

FILE_NAME = "generation_config.json"
SAME_NAMES = [name for name in SAMPLING_OPTIONS if name not in ("seed", "greedy")]  # as in transformers


def generation_config(sampling: Sampling, *, max_length: int, end_id: int) -> dict[str, Any]:
    """The content of the file.

    Args:
        sampling: how the model tells its stories.
        max_length: tokens that it sees at most.
        end_id: of the end-of-text token, which begins a story, ends it, and pads a batch.
    """
    settings = {name: getattr(sampling, name) for name in SAME_NAMES if getattr(sampling, name) is not None}
    return {
        "do_sample": not sampling.greedy,
        "top_k": 0,  # keeps every token; left out, it would be 50 in transformers
        **settings,
        "max_length": max_length,
        "bos_token_id": end_id,
        "eos_token_id": end_id,
        "pad_token_id": end_id,
    }


def write_sampling(folder: Path, sampling: Sampling, *, max_length: int, end_id: int) -> None:
    """Write the file into a run's folder; see `generation_config`."""
    write_json(folder / FILE_NAME, generation_config(sampling, max_length=max_length, end_id=end_id))


def read_sampling(folder: Path) -> Sampling:
    """How the model of a run tells its stories: as its file says, or as `STORY_SAMPLING` where an old run has none.

    Raises:
        StorytellerError: the file is damaged, or a value is out of its range.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        return STORY_SAMPLING
    values = read_json(file, way_out="mend it, or delete it")
    if not isinstance(values, Mapping):
        raise StorytellerError(f'{file} is no JSON object such as {{"temperature": 0.4}}; mend it, or delete it.')
    given = {name: values[name] for name in SAME_NAMES if values.get(name) is not None}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise StorytellerError(f"{file}: {name} is {value!r}; it must be a number.")
    if given.get("top_k") == 0:
        del given["top_k"]
    try:
        return Sampling(
            **{"max_new_tokens": STORY_SAMPLING.max_new_tokens, **given},
            seed=STORY_SAMPLING.seed,
            greedy=not values.get("do_sample", True),
        )
    except StorytellerError as error:
        raise StorytellerError(f"{file}: {error}") from None
