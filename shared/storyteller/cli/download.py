"""`storyteller download`: fetch real corpora from the Hugging Face hub, as a stream that can be stopped and continued.

    storyteller download --datasets tinystories writingprompts --out data

leaves `data/tinystories/train-00000.jsonl`, `train-00001.jsonl`, ... and likewise for the other splits, as they are on
the hub: `storyteller preprocess` cleans them.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from storyteller.corpus.huggingface import HUB_CORPORA, HubStream
from storyteller.corpus.local_files import SPLIT_NAMES
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import replacing, write_json

DATA = Path("data")
ROWS_PER_PART = 10_000  # rows in one file: what a killed download has to fetch again at most


def download(
    datasets: Annotated[list[str], typer.Option(help=f"one or more of {', '.join(HUB_CORPORA)}")] = [  # noqa: B006
        "tinystories"
    ],
    out: Annotated[Path, typer.Option(help="folder; each corpus gets one of its own in it")] = DATA,
    limit: Annotated[int | None, typer.Option(min=1, help="rows of each split at most")] = None,
    splits: Annotated[list[str], typer.Option(help=f"one or more of {', '.join(SPLIT_NAMES)}")] = [  # noqa: B006
        "train",
        "validation",
    ],
) -> None:
    """Fetch real corpora from the Hugging Face hub; the same command goes on where it was stopped."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    unknown = [name for name in datasets if name not in HUB_CORPORA]
    if unknown:
        raise StorytellerError(f"There is no data set {unknown[0]!r}; choose from {', '.join(HUB_CORPORA)}.")
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            for name, split in itertools.product(datasets, splits):
                rows = HUB_CORPORA[name].rows.get(split)
                if rows is None:
                    raise StorytellerError(
                        f"{name} has no split {split!r}; it has {', '.join(HUB_CORPORA[name].rows)}."
                    )
                task = progress.add_task(f"{name} {split}", total=min(rows, limit or rows))
                count = fetch(
                    HUB_CORPORA[name].repository,
                    out / name,
                    split=split,
                    limit=limit,
                    on_rows=lambda done, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                )
                console.print(f"{name} {split}: {count:,} rows in {out / name}", highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        raise StorytellerError(
            f"stopped; what is complete is in {out}, and the same command goes on from there."
        ) from None


def fetch(
    repository: str,
    folder: Path,
    *,
    split: str,
    limit: int | None = None,
    rows_per_part: int = ROWS_PER_PART,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> int:
    """Fetch one split into `folder/SPLIT-00000.jsonl` and so on, going on where an earlier call stopped.

    After each file, `folder/SPLIT.state.json` records how far the stream has come. A kill between the two writes makes
    the same file again.

    Returns:
        The rows that the folder holds of this split.

    Raises:
        StorytellerError: the hub cannot be reached, or the disk is full.
    """
    state_file = folder / f"{split}.state.json"
    state = _read_state(state_file, repository)
    on_rows(state["rows"])
    if state["complete"] or (limit is not None and state["rows"] >= limit):
        return int(state["rows"])
    stream = HubStream(repository, split=split)
    if state["stream"] is not None:
        stream.load_state_dict(state["stream"])
    stories = iter(stream)
    while limit is None or state["rows"] < limit:
        wanted = rows_per_part if limit is None else min(rows_per_part, limit - state["rows"])
        part = folder / f"{split}-{state['parts']:05d}.jsonl"
        written = _write_part(part, itertools.islice(stories, wanted), state["rows"], on_rows)
        state["rows"] += written
        state["parts"] += 1
        state["stream"], state["complete"] = stream.state_dict(), written < wanted
        write_json(state_file, state)
        if state["complete"]:
            break
    return int(state["rows"])


def _write_part(path: Path, stories: Iterator[Story], before: int, on_rows: Callable[[int], None]) -> int:
    count = 0
    with replacing(path) as file:
        for count, story in enumerate(stories, start=1):
            row = {"prompt": story.prompt, "story": story.text} if story.prompt else {"text": story.text}
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"))
            if count % 100 == 0:
                on_rows(before + count)
    if not count:  # the split ended with the file before
        path.unlink()
    on_rows(before + count)
    return count


def _read_state(file: Path, repository: str) -> dict:
    begun = {"repository": repository, "rows": 0, "parts": 0, "stream": None, "complete": False}
    if not file.exists():
        return begun
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        state = {}
    if state.keys() != begun.keys() or state["repository"] != repository:
        raise StorytellerError(f"{file} is not the state of this download; delete {file.parent} to begin again.")
    return dict(state)
