"""Reading stories from local files, and which split a file of a folder is for; tables and fairseq's pairs.

Everything is read as a stream, one story at a time. The texts come as they are in the file; `clean` mends them.
"""

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.story import Story
from storyteller.corpus.text_files import MAX_STORY_CHARS, bounded_lines, read_txt
from storyteller.errors import StorytellerError, optional_import

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}
# A name of a split, whole or as the last part of a name, and a file's number: train.txt, V2-valid.txt,
# train-00000-of-00004-5a1467fff1081b.parquet
_SPLIT_NAME = re.compile(
    rf"(?P<prefix>.*[-_.])?(?P<split>{'|'.join(itertools.chain.from_iterable(SPLIT_NAMES.values()))})"
    r"(?:[-_.]?\d+(?:[-_.]of[-_.]\d+)?(?:-[0-9a-f]{8,})?)?",
    re.IGNORECASE,
)


def read_path(path: Path, *, split: str, report: CleaningReport) -> tuple[Iterator[Story], bool]:
    """The stories of a file or of all files in a folder, in the order of their names.

    Args:
        path: the file or folder.
        split: which files of a folder are read, where their names say their split; `"all"` reads all.
        report: learns what of a folder was left out.

    Returns:
        The stories, and whether the names of the files chose the split, see `split_files`. Where they did not, all
        stories come and the caller holds some out.

    Raises:
        StorytellerError: there is no such file, or a file in it cannot be read as stories.
    """
    if not path.exists():
        raise StorytellerError(
            f"There is no file or folder {path}; give the path of one, or 'storyworld' for the embedded corpus."
        )
    if path.is_file():
        return read_file(path, report=report), False
    entries = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith(".")]
    files = [entry for entry in entries if entry.is_file() and _reader(entry) is not None]
    if not files:
        raise StorytellerError(
            f"The folder {path} holds no file of stories; the kinds known are {', '.join(_READERS)}."
        )
    if others := [entry.name for entry in entries if entry not in files and not entry.name.endswith(".state.json")]:
        report.note(f"Of {path}, {_named(others)} {_were(others)} left out: not of the kinds {', '.join(_READERS)}.")
    # A pair is read through its source; the target alone has no prompts.
    files = [file for file in files if file.suffix != ".wp_target" or not file.with_suffix(".wp_source").exists()]
    named = split_files(files)
    if split == "all" or not named:
        chosen = files
    elif not named.get(split):
        raise StorytellerError(
            f"The folder {path} has files of other splits ({', '.join(named)}) but none of {split!r}; its files' names "
            f"must be, or end in, {' or '.join(SPLIT_NAMES[split])}."
        )
    else:
        chosen = named[split]
        if nameless := [file.name for file in files if not any(file in found for found in named.values())]:
            report.note(
                f"Of {path}, {_named(nameless)} {_were(nameless)} left out: the other files' names say their split, "
                f"as {chosen[0].name} does."
            )
    stories = itertools.chain.from_iterable(read_file(file, report=report) for file in chosen)
    return stories, bool(named)


def split_files(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each split, by their names; empty where the names say none.

    A name says its split by being that word (`train.txt`, `test-00001.jsonl`). One that ends in it
    (`TinyStoriesV2-GPT4-train.txt`) does where the same name ends in another split's word too, or where the word can
    mean nothing else (`valid`, `validation`): `night-train.txt` alone is a story about a train. Names count where at
    least two splits are named, or every file is. Files without a split are for training where none is named for that.
    """
    found = {file: match for file in files if (match := _SPLIT_NAME.fullmatch(file.stem))}
    prefixes = Counter((match["prefix"] or "").lower() for match in found.values())
    named: dict[str, list[Path]] = {}
    for file, match in found.items():
        prefix, word = (match["prefix"] or "").lower(), match["split"].lower()
        if not prefix or prefixes[prefix] > 1 or word in ("valid", "validation"):
            split = next(split for split, words in SPLIT_NAMES.items() if word in words)
            named.setdefault(split, []).append(file)
    nameless = [file for file in files if not any(file in chosen for chosen in named.values())]
    if named.keys() == {"train"} and nameless:
        return {}
    if named and nameless and "train" not in named:
        named["train"] = nameless
    return named


def _named(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def read_file(path: Path, *, report: CleaningReport) -> Iterator[Story]:
    """The stories of one file, by the kind its name says.

    Raises:
        StorytellerError: the kind is unknown, or the file is empty, not UTF-8, or has not the columns of stories.
    """
    reader = _reader(path)
    if reader is None:
        raise StorytellerError(f"{path} is of no known kind; the kinds known are {', '.join(_READERS)}.")
    try:
        if path.stat().st_size == 0:
            raise StorytellerError(f"{path} is empty; it should hold stories.")
        yield from reader(path, report)
    except UnicodeDecodeError as error:
        raise StorytellerError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}, {error.reason}); "
            "save it as UTF-8 and try again."
        ) from None
    except PermissionError:
        raise StorytellerError(f"{path} may not be read; change its permissions or name another file.") from None


def _reader(path: Path) -> Callable[[Path, CleaningReport], Iterator[Story]] | None:
    return _READERS.get(path.suffix.lower())


# --- tables -------------------------------------------------------------------------------------------------------


def story_from_row(row: Mapping[str, Any], *, where: str) -> Story:
    """A story from the columns `text`, or `story` with `prompt`; `prompt`, `genre` and `facts` may be absent.

    Raises:
        StorytellerError: there is neither `text` nor `story`, or it holds no text.
    """
    column = next((name for name in ("text", "story") if name in row), None)
    if column is None:
        names = ", ".join(map(str, row)) or "none"
        raise StorytellerError(
            f"{where} has the columns {names}; stories need a column 'text', or 'prompt' and 'story'."
        )
    text, prompt, genre, facts = row[column], row.get("prompt"), row.get("genre"), row.get("facts")
    if not isinstance(text, str | None) or not isinstance(prompt, str | None):
        raise StorytellerError(f"{where} has {type(text).__name__} in the column {column!r}; stories are text.")
    return Story(
        text=text or "",
        prompt=prompt or "",
        genre=genre if isinstance(genre, str) else "",
        facts=facts if isinstance(facts, dict) else None,
    )


def read_jsonl(path: Path, report: CleaningReport) -> Iterator[Story]:
    """One object a line; a last line that was cut off while the file was copied is dropped."""
    with open(path, encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(bounded_lines(file, path), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                if not line.endswith("\n"):
                    report.read += 1
                    report.drop("cut off at the end of the file", line)
                    return
                raise StorytellerError(f"Line {number} of {path} is not JSON; each line must be one object.") from None
            if not isinstance(row, dict):
                raise StorytellerError(f'Line {number} of {path} is not a JSON object such as {{"text": "..."}}.')
            yield story_from_row(row, where=f"Line {number} of {path}")


def read_csv(path: Path, report: CleaningReport) -> Iterator[Story]:
    """A table with a header line."""
    csv.field_size_limit(MAX_STORY_CHARS)
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            for row in csv.DictReader(bounded_lines(file, path)):
                yield story_from_row({name: row[name] for name in row if name is not None}, where=str(path))
        except csv.Error as error:
            raise StorytellerError(f"{path} cannot be read as csv ({error}); write it with a header line.") from None


def read_parquet(path: Path, report: CleaningReport) -> Iterator[Story]:
    """A table, read in batches; columns that stories do not need are left out."""
    arrow = optional_import("pyarrow", extra="data")
    parquet = optional_import("pyarrow.parquet", extra="data")
    try:
        with parquet.ParquetFile(path) as file:
            wanted = {"text", "story", "prompt", "genre"} & set(file.schema_arrow.names)
            if not wanted & {"text", "story"}:
                story_from_row(dict.fromkeys(file.schema_arrow.names), where=str(path))  # says what is wrong
            for batch in file.iter_batches(batch_size=256, columns=sorted(wanted)):
                for row in batch.to_pylist():
                    yield story_from_row(row, where=str(path))
    except arrow.ArrowInvalid as error:
        reason = str(error).split(".")[0]
        raise StorytellerError(f"{path} is no sound parquet file ({reason}); fetch or write it again.") from None


def read_pairs(path: Path, report: CleaningReport) -> Iterator[Story]:
    """fairseq's pairs: line n of `NAME.wp_source` is the prompt, line n of `NAME.wp_target` the story."""
    source, target = path.with_suffix(".wp_source"), path.with_suffix(".wp_target")
    for file in (source, target):
        if not file.is_file():
            raise StorytellerError(f"{path} is half of a pair; its other half {file.name} must lie beside it.")
    # newline="\n": a line is a story here, whatever else the text holds.
    with (
        open(source, encoding="utf-8-sig", newline="\n") as prompts,
        open(target, encoding="utf-8-sig", newline="\n") as texts,
    ):
        for prompt, text in itertools.zip_longest(bounded_lines(prompts, source), bounded_lines(texts, target)):
            if prompt is None or text is None:
                shorter = source if prompt is None else target
                raise StorytellerError(f"{shorter} has fewer lines than its partner; the two must pair line by line.")
            # Line breaks were written as a token; some copies hold runs of spaces in their place.
            yield Story(text=re.sub(r"(?: ?<newline>)+ ?| {3,}", "\n\n", text), prompt=prompt)


# A kind of file more is an entry more.
_READERS: dict[str, Callable[[Path, CleaningReport], Iterator[Story]]] = {
    ".txt": read_txt,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
    ".wp_source": read_pairs,
    ".wp_target": read_pairs,
}
