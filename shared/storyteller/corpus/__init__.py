"""Lesson 01: corpora of stories, from local files and from the hub, read, cleaned and deduplicated.

- `story`: one story and what is known about it
- `load`: `load_stories`, every corpus by its name or path
- `local_files`: a file or a folder: jsonl, csv, parquet, fairseq's pairs, and which split a file is for
- `text_files`: txt, and where in one a story ends
- `huggingface`: the corpora on the hub, in one table, and the stream that reads them
- `clean`: mending texts, dropping what is no story, and a report
- `rules`: what is mended, a rule a row
- `dedupe`: exact and near duplicates
"""

from storyteller.corpus.load import load_stories
from storyteller.corpus.story import Story

__all__ = ["Story", "load_stories"]
