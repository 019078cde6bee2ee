"""What is kept of each grading, and what grading again has changed."""

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from toy_class import outcome

from storyteller_grading.classroom.autograde.records import COLUMNS, Records, changes


def test_a_record_keeps_digest_and_seeds_also_in_a_file_that_had_no_place_for_them(tmp_path):
    ada = outcome("ada", {"double": 50})
    with Records(tmp_path / "records.db") as records:
        records.put(ada, None)
    with contextlib.closing(sqlite3.connect(tmp_path / "records.db")) as before:
        before.execute("alter table grading drop column seeds")
    assert "seeds" in COLUMNS
    with ThreadPoolExecutor(8) as together:  # the place is made once
        assert list(together.map(lambda _: Records(tmp_path / "records.db").close(), range(8))) == [None] * 8
    with Records(tmp_path / "records.db") as records:
        old = records.latest(ada.lesson, "ada")
        assert (old.sha256, old.seeds, old.data) == (ada.sha256, [], ada.data)
    with Records(tmp_path / "records.db") as records:
        records.put(replace(ada, seeds=["12", "34"]), None)
        assert records.latest(ada.lesson, "ada").seeds == ["12", "34"]


def test_changes_are_told_case_by_case():
    before, after = outcome("ada", {"double": 50}), outcome("ada", {"double": 50, "half": 20})
    assert list(changes(before, after)) == [
        "09_toys: 50 -> 70 of 100 points; 1 of 3 cases changed.",
        "  half: does it: 0/20 (differs) -> 20/20",
    ]
    assert list(changes(after, after)) == ["09_toys: 70 -> 70 of 100 points; 0 of 3 cases changed."]
    assert list(changes(None, after)) == ["09_toys: 70 of 100 points, graded for the first time."]
