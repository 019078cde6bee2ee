"""Where an export goes: complete or not there, and never in the place of anything but an earlier export."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import force_to_disk, writing

HEAD = 2_000  # characters by which an earlier export that is a file is known
RECORD = "export.json"  # what the folder was made from and which files are part of it


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder next to `target` to write into, and name it `target` once that is done.

    After an exception the unfinished folder is removed; after a kill it is left as `.NAME.partial`, which the next
    export overwrites. Either way `target` is what it was before.

    Raises:
        StorytellerError: `target` holds anything but an earlier export, or the disk is full.
    """
    target = target.resolve()
    partial, before = (target.with_name(f".{target.name}.{state}") for state in ("partial", "before"))
    with writing(target):
        _clear(target, partial, before)
        refuse_other(target)
        try:
            partial.mkdir(parents=True)
            yield partial
            for path in (*partial.iterdir(), partial):
                force_to_disk(path)
            if target.exists():
                os.replace(target, before)
            os.replace(partial, target)
        except SafetensorError as error:  # how safetensors says what the disk refused
            raise StorytellerError(f"{target} could not be written ({error}): make room, then try again.") from error
        finally:
            _clear(target, partial, before)


def _clear(target: Path, partial: Path, before: Path) -> None:
    """Remove what is unfinished or replaced; an earlier export that was moved aside for nothing comes back."""
    shutil.rmtree(partial, ignore_errors=True)
    if before.exists() and not target.exists():
        os.replace(before, target)
    shutil.rmtree(before, ignore_errors=True)


def refuse_other(target: Path) -> None:
    """Raise StorytellerError where `target` is something that an export must not replace."""
    if target.is_file():
        raise StorytellerError(f"{target} is a file; name a folder to make with --out.")
    if not target.exists() or not any(target.iterdir()):
        return
    try:
        files = {RECORD, *json.loads((target / RECORD).read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        files = set()  # no export: everything here is something else
    others = sorted({path.name for path in target.iterdir()} - files)
    if others:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise StorytellerError(f"{target} holds what is no part of an earlier export ({shown}): name another --out.")


def refuse_other_file(target: Path, *, is_ours: Callable[[str], bool]) -> None:
    """Raise StorytellerError where `target`, a file to make, is something that an export must not replace."""
    if target.is_dir():
        raise StorytellerError(f"{target} is a folder; name a file to make with --out, such as my-storyteller.html.")
    if target.exists():
        with open(target, encoding="utf-8", errors="replace") as file:
            if not is_ours(file.read(HEAD)):
                raise StorytellerError(f"{target} is no earlier export; name another file with --out.")


def write_record(folder: Path, facts: dict[str, Any]) -> None:
    """Write `export.json`: the facts, and the names of the files, by which a later export knows them."""
    files = sorted(path.name for path in folder.iterdir())
    text = json.dumps(facts | {"files": files}, indent=2, ensure_ascii=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8", newline="\n")
