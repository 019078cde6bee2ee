"""Reading stories from local files: txt, jsonl, csv, parquet and fairseq's pairs.

Everything is read as a stream, one story at a time. The texts come as they are in the file; `clean` mends them.
"""

import csv
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from storyteller.corpus.clean import CleaningReport
from storyteller.corpus.story import Story
from storyteller.errors import StorytellerError, optional_import

SEPARATOR = "<|endoftext|>"
MAX_STORY_CHARS = 4_000_000  # in one story or line of a file; what is longer is not a file of stories
_SNIFFED_LINES = 2_000  # that are looked at to learn how a text file tells its stories apart

# How a story begins. Needed only for text files that have no separator lines.
_OPENING = re.compile(
    r"Once\b"
    r"|(?:One|It was an?|On an?) (?:\w+,? ){0,3}(?:day|morning|night|afternoon|evening)\b"
    r"|(?:There (?:once )?(?:was|were|lived)|Long,? long ago|A long time ago)\b"
    r"|[A-Z]\w+(?: and [A-Z]?\w+)? (?:was|were) \w+ "
)

SPLIT_NAMES = {"train": ("train",), "validation": ("valid", "val", "dev"), "test": ("test",)}


def read_path(path: Path, *, split: str, report: CleaningReport) -> tuple[Iterator[Story], bool]:
    """The stories of a file or of all files in a folder, in the order of their names.

    Returns:
        The stories, and whether the names of the files chose the split (`train-00000.jsonl`, `valid.wp_source`). Where
        they did not, all stories come and the caller holds some out.

    Raises:
        StorytellerError: there is no such file, or a file in it cannot be read as stories.
    """
    if not path.exists():
        raise StorytellerError(
            f"There is no file or folder {path}; give the path of one, or 'storyworld' for the embedded corpus."
        )
    if path.is_file():
        return read_file(path, report=report), False
    files = [file for file in sorted(path.iterdir()) if file.is_file() and _reader(file) is not None]
    # A pair is read through its source; the target alone has no prompts.
    files = [file for file in files if file.suffix != ".wp_target" or not file.with_suffix(".wp_source").exists()]
    if not files:
        raise StorytellerError(
            f"The folder {path} holds no file of stories; the kinds known are {', '.join(_READERS)}."
        )
    named = {name: [file for file in files if file.name.startswith(SPLIT_NAMES[name])] for name in SPLIT_NAMES}
    if split == "all" or not any(named.values()):
        chosen = files
    elif not named[split]:
        raise StorytellerError(
            f"The folder {path} has files of other splits ({', '.join(n for n in named if named[n])}) but none of "
            f"{split!r}; its files' names must begin with {' or '.join(SPLIT_NAMES[split])}."
        )
    else:
        chosen = named[split]
    stories = itertools.chain.from_iterable(read_file(file, report=report) for file in chosen)
    return stories, any(named.values())


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


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    """Lines with their ends; a line without end in sight does not fill the memory."""
    while line := file.readline(MAX_STORY_CHARS + 1):
        if len(line) > MAX_STORY_CHARS:
            raise StorytellerError(
                f"{path} has a line of more than {MAX_STORY_CHARS:,} characters; it is no file of stories."
            )
        yield line


# --- plain text ---------------------------------------------------------------------------------------------------


def read_txt(path: Path, report: CleaningReport) -> Iterator[Story]:
    """Stories between lines `<|endoftext|>`; without such lines, each story begins where an opening is seen."""
    # newline="" keeps CRLF, so that the report can say that it was there.
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = _lines(file, path)
        sniffed = list(itertools.islice(lines, _SNIFFED_LINES))
        everything = itertools.chain(sniffed, lines)
        # A file of fewer lines than we look at is read whole; a longer one shows at the start how it is made.
        if any(line.strip() == SEPARATOR for line in sniffed):
            blocks = _between_separators(everything, path, report)
        else:
            report.note(f"{path.name} has no line {SEPARATOR}; its stories were told apart by how they begin.")
            blocks = _by_openings(everything, path)
        yield from (Story(text=block) for block in blocks)


def _between_separators(lines: Iterable[str], path: Path, report: CleaningReport) -> Iterator[str]:
    block = _Block(path)
    for line in lines:
        if line.strip() == SEPARATOR:
            yield block.take()
        else:
            block.add(line)
    if last := block.take().strip():
        # Each story is closed by a separator; what follows the last one was cut off, even where the cut falls on
        # a full stop, as at the end of a line.
        report.read += 1
        report.drop("cut off at the end of the file", last)
        report.note(
            f"The last story of {path.name} was dropped, for no line {SEPARATOR} closes it; add one to keep it."
        )


def _by_openings(lines: Iterable[str], path: Path) -> Iterator[str]:
    """Stories written one under the other. Paragraphs inside have blank lines between them or trailing spaces."""
    block = _Block(path)
    before = ""
    for line in lines:
        bare = line.rstrip("\r\n")
        if before and before == before.rstrip() and _OPENING.match(bare):
            yield block.take()
        block.add(line)
        before = bare
    if last := block.take():
        yield last


class _Block:
    """The lines of one story, as long as they may be one."""

    def __init__(self, path: Path):
        self._path, self._lines, self._length = path, list[str](), 0

    def add(self, line: str) -> None:
        self._length += len(line)
        if self._length > MAX_STORY_CHARS:
            raise StorytellerError(
                f"{self._path} has a story of more than {MAX_STORY_CHARS:,} characters; "
                f"put a line {SEPARATOR} behind each story."
            )
        self._lines.append(line)

    def take(self) -> str:
        text = "".join(self._lines)
        self._lines, self._length = [], 0
        return text


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
        for number, line in enumerate(_lines(file, path), start=1):
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
            for row in csv.DictReader(_lines(file, path)):
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
        for prompt, text in itertools.zip_longest(_lines(prompts, source), _lines(texts, target)):
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
