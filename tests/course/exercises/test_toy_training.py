"""The small things to practise training on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_calls import student

from storyteller_course.exercises.toy_training import Folder

Answers = Callable[..., dict[str, Any]]


def test_a_folder_outlives_a_kill_as_values(answers: Answers) -> None:
    source = (
        "import os\nfrom pathlib import Path\n"
        "def write(folder):\n"
        "    (Path(folder) / 'deep').mkdir()\n"
        "    (Path(folder) / 'deep' / 'note').write_text('kept')\n"
        "    (Path(folder) / 'other').symlink_to('/etc/hostname')\n"
        "    return os.fspath(folder)\n"
        "def read(folder): return os.fspath(folder), (Path(folder) / 'deep' / 'note').read_text()"
    )
    one = student(answers(source))
    folder = one.make("folder")
    before = one.write(folder)
    assert folder.method("names") == ["deep/note"]
    assert folder.method("files") == {"deep/note": b"kept"}  # a link is not followed: it may lead anywhere
    after, text = one.read(one.fresh(folder))
    assert text == "kept"
    assert after != before
    values = [outcome.value for outcome in one.close()]
    assert values.count({"deep/note": b"kept"}) == 1  # the second time for the check alone
    assert not Path(after).exists()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "..\\out", "C:out", ""])
def test_a_file_cannot_be_put_outside_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="inside a folder"):
        Folder({name: b"x"})
