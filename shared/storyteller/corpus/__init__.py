"""Lesson 01: corpora of stories, from local files and from the hub, read, cleaned and deduplicated.

- `story`: one story and what is known about it
- `load`: `load_stories`, every corpus by its name or path
- `local_files`: txt, jsonl, csv, parquet and fairseq's pairs
- `huggingface`: the corpora on the hub, in one table, and the stream that reads them
- `clean`: mending texts, dropping what is no story, and a report
- `dedupe`: exact and near duplicates
"""

from storyteller.corpus.load import load_stories
from storyteller.corpus.story import Story

__all__ = ["Story", "load_stories"]
