"""Real corpora from the Hugging Face hub, as a stream that can be stopped and continued."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyteller.corpus.local_files import story_from_row
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError, optional_import


@dataclass(frozen=True)
class HubCorpus:
    """Where a corpus lives on the hub and how large it is there."""

    repository: str  # owner/name, or the path of a folder laid out alike
    rows: Mapping[str, int]  # split -> rows
    about: str  # one line for the command line
    license: str = ""  # as the corpus's own page has it; "" where it has none
    for_adults: bool = False  # then a model card says that the model is not for children


# A corpus more is an entry more: help texts, error messages and model cards read this table.
HUB_CORPORA: Mapping[str, HubCorpus] = {
    "tinystories": HubCorpus(
        "roneneldan/TinyStories",
        {"train": 2_119_719, "validation": 21_990},
        "short stories for small children, written by GPT-3.5 and GPT-4 (Eldan and Li 2023)",
        "CDLA-Sharing-1.0",
    ),
    "writingprompts": HubCorpus(
        "euclaise/writingprompts",
        {"train": 272_600, "validation": 15_620, "test": 15_138},
        "prompts and what people wrote to them (Fan, Lewis and Dauphin 2018); for adults, partly coarse",
        "MIT",
        for_adults=True,
    ),
}

# Packages whose exceptions mean that the hub could not be reached, whichever of them this version of datasets uses.
_NETWORK = frozenset({"httpx", "httpx2", "httpcore", "requests", "urllib3", "aiohttp", "huggingface_hub", "fsspec"})


class HubStream:
    """The rows of one split, in order, as stories.

    `state_dict()` taken between two stories and given to `load_state_dict` of a new stream over the same split goes on
    with the next story, without reading what came before (datasets' own state: file, row group, row).

    Args:
        repository: `owner/name` on the hub, or a local folder laid out like one.
        split: `"train"`, `"validation"` or `"test"`.

    Raises:
        StorytellerError: the hub cannot be reached, or it has no such repository or split; here or while iterating.
    """

    def __init__(self, repository: str, *, split: str):
        self.repository, self.split = repository, split
        datasets = optional_import("datasets", extra="data")
        with _hub_errors(repository):
            if not Path(repository).is_dir():
                # One short question first: the libraries below ask for half a minute before they give up.
                optional_import("huggingface_hub", extra="data").HfApi().dataset_info(repository, timeout=10)
            # Twenty tries of five seconds are the default for a line that breaks: too long to sit before in silence.
            datasets.config.STREAMING_READ_MAX_RETRIES = 3
            datasets.config.STREAMING_READ_RETRY_INTERVAL = 2
            self._rows = datasets.load_dataset(repository, split=split, streaming=True)

    def __iter__(self) -> Iterator[Story]:
        with _hub_errors(self.repository):
            rows = iter(self._rows)
            try:
                for row in rows:
                    yield story_from_row(row, where=f"{self.repository}, split {self.split},")
            finally:
                # Arrow's reading threads must end before the interpreter does, or it aborts (apache/arrow issue 45214).
                rows.close()
                gc.collect()

    def state_dict(self) -> dict[str, Any]:
        """The position of the stream, as plain JSON data."""
        return dict(self._rows.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from the position of another stream. Call it before iterating."""
        self._rows.load_state_dict(dict(state))


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    """Context manager: errors of the network and the hub become one sentence, which says what to do without it."""
    try:
        yield
    except StorytellerError:
        raise
    except Exception as error:
        if not _is_network(error):
            raise
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise StorytellerError(
            f"{repository} could not be read from the Hugging Face hub ({reason[:120].rstrip('. ')}); check the "
            "network and try again, or use the embedded corpus, which needs none: --corpus storyworld."
        ) from None


def _is_network(error: BaseException) -> bool:
    """Whether this came from the line or the hub, and not from a mistake of ours."""
    kinds = type(error).__mro__
    packages = {kind.__module__.split(".")[0] for kind in kinds}
    if isinstance(error, ConnectionError | TimeoutError) or packages & _NETWORK:
        return True
    # datasets' own: DatasetNotFoundError, DataFilesNotFoundError and their like; ValueError names an unknown split.
    return "datasets" in packages or (isinstance(error, ValueError) and "split" in str(error))
