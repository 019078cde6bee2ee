"""The order of the lessons: no module imports one of a later lesson."""

import shutil
import subprocess
import sys
from pathlib import Path

from repository import ROOT


def test_a_module_imports_only_its_own_and_earlier_lessons():
    beside_python = Path(sys.executable).parent
    command = shutil.which("lint-imports", path=str(beside_python)) or shutil.which("lint-imports")
    assert command, "lint-imports is part of the extra `test`"
    result = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
