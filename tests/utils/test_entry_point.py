"""Ctrl-C while a command still imports is one sentence and exit code 2, as later."""

import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from repository import ROOT

SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
INTERRUPTED = """
import sys
from {module} import {function}
heavy = {{"typer", "rich", "numpy", "torch"}} & set(sys.modules)
assert not heavy, heavy
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
{function}()
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_while_a_command_imports_is_one_sentence(script):
    module, _, function = SCRIPTS[script].partition(":")
    code = INTERRUPTED.format(module=module, function=function)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr == f"{script}: stopped by Ctrl-C; the same command begins again.\n"


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_command_starts(script):
    module, _, function = SCRIPTS[script].partition(":")
    assert callable(getattr(import_module(module), function))
