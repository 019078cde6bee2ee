"""Starting processes and watching them: how a run ends whose processes do not."""

import os
import sys

import pytest

from storyteller.distributed.launch import launch
from storyteller.errors import StorytellerError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are started on Linux and macOS alone")


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_a_process_that_is_killed_again_and_again_ends_the_run_with_a_sentence():
    said: list[str] = []
    with pytest.raises(StorytellerError, match=r"Process 0 was killed \(SIGKILL\), after 3 restarts"):
        launch(1, program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), notice=said.append)
    assert said == ["Process 0 was killed (SIGKILL): all 1 begin again from the last checkpoint."] * 3


def test_a_fault_of_the_program_ends_all_at_once_and_is_not_tried_again():
    said: list[str] = []
    text = "import os, sys, time; time.sleep(60) if os.environ['RANK'] == '0' else sys.exit(1)"
    with pytest.raises(SystemExit) as ended:
        launch(2, program(text), notice=said.append)
    assert ended.value.code == 1
    assert said == []


def test_after_a_restart_every_process_knows_how_often():
    """The second time all goes well."""
    said: list[str] = []
    text = (
        "import os, signal; first = os.environ['TORCHELASTIC_RESTART_COUNT'] == '0'; "
        "os.kill(os.getpid(), signal.SIGTERM) if first and os.environ['RANK'] == '1' else None"
    )
    launch(2, program(text), notice=said.append)
    assert said == ["Process 1 was killed (SIGTERM): all 2 begin again from the last checkpoint."]
