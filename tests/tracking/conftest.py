"""The store that each test of tracking works with."""

from pathlib import Path

import pytest

from storyteller.tracking.store import SETTINGS
from tracked import copy_empty_store


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch, tmp_path_factory) -> Path:
    """An empty folder to work in, with an empty store."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    copy_empty_store(tmp_path_factory.getbasetemp(), tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
