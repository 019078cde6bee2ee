"""Fixtures that every test may use."""

import os
import time
from pathlib import Path

import hypothesis
import pytest

from repository import ROOT
from storyteller.utils.openmp import sleep_while_waiting

# Before torch is imported anywhere. A test's tensors are small and tests run side by side: two threads for each took
# two and a half times the CPU time of one.
sleep_while_waiting()
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test may reach a hub; a loader that tries must fail at once.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
# A busy machine is no fault of the code: no example of a property has a deadline.
hypothesis.settings.register_profile("storyteller", deadline=None)
hypothesis.settings.load_profile("storyteller")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side (`--dist loadgroup`), a file stays together, and so do a lesson's gates.

    Their fixtures are made once for each group: a judge, a class, a trained model. Tests in a browser, each with a
    server of its own, share nothing worth that.
    """
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        group = item.nodeid if item.get_closest_marker("browser") else f"{item.path}:{parameters.get('course', '')}"
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what would begin too late: CI has so many minutes, and machines differ."""
    last_begin = os.environ.get("STORYTELLER_LAST_BEGIN")  # seconds since 1970
    if last_begin is not None and time.time() > float(last_begin):
        pytest.skip("would begin after the last minute in which CI begins a test; run it by hand")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with samples of real corpora that lies beside a checkout of the team's; others skip the test."""
    folder = Path(os.environ.get("STORYTELLER_SAMPLES", ROOT.parent / "shared" / "data"))
    if not (folder / "tinystories-v2-sample.txt").is_file():
        pytest.skip("the samples of real corpora are not on this machine")
    return folder
