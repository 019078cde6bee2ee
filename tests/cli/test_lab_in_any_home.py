"""`storyteller lab` for real, as a student starts it: a home, one that may only be read, none; both kernels."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ports import free_port

jupyter_client = pytest.importorskip("jupyter_client")

pytestmark = pytest.mark.slow

SECONDS = 300  # for a server, a kernel, a cell; a busy machine is slow
TOKEN = "students"
LESSON = "01_data_preparation"
ANSWER = "def count_pairs(words):\n    return {}"
ALL_OF_THIS_MACHINE = ["bwrap", "--die-with-parent", "--bind", "/", "/", "--dev", "/dev"]
HOMES = {
    "a home": [],
    "a home that may only be read": [*ALL_OF_THIS_MACHINE, "--ro-bind", "{home}", "{home}"],
    "no home": [*ALL_OF_THIS_MACHINE, "--unshare-user", "--uid", "12345"],  # which no name and no home belong to
}


@contextmanager
def lab(folder: Path, sandbox: list[str]) -> Iterator[str]:
    """A running lab whose student's folder is `folder / "mine"`; gives its address."""
    (home := folder / "home").mkdir()
    names = ("JUPYTER", "IPYTHON", "MPL", "XDG", "STORYTELLER")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)} | {
        "HOME": str(home)
    }
    if "--uid" in sandbox:
        del environment["HOME"]
    port = free_port()
    command = [
        *(part.format(home=home) for part in sandbox),
        sys.executable,
        "-m",
        "storyteller",
        "lab",
        "--no-browser",
    ]
    options = ["--work", str(folder / "mine"), "--port", str(port), "--allow-root"]
    jupyters = [f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"]
    with (
        open(folder / "said", "w", encoding="utf-8") as said,
        subprocess.Popen([*command, *options, "--", *jupyters], env=environment, stdout=said, stderr=said) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            while not answers(f"{address}/api/status"):
                assert server.poll() is None, (folder / "said").read_text(encoding="utf-8")
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()


def answers(address: str) -> bool:
    try:
        return bool(ask(address))
    except OSError:
        return False


def ask(address: str, sent: dict | None = None) -> dict:
    data = None if sent is None else json.dumps(sent).encode()
    request = urllib.request.Request(address, data, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=SECONDS) as reply:
        return json.load(reply)


def run(client, code: str) -> str:
    """What a kernel shows of a cell, as text."""
    shown = []

    def note(message):
        content = message["content"]
        shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))
        shown.extend(content.get("traceback", []))

    client.execute_interactive(code, timeout=SECONDS, output_hook=note)
    return "\n".join(filter(None, shown))


@pytest.mark.parametrize(("home", "kernel"), list(zip(HOMES, ("python3", "storyteller", "python3"), strict=True)))
def test_the_first_check_of_a_student_shows_its_card_and_is_noted(tmp_path, home, kernel):
    sandbox = HOMES[home]
    if sandbox and (shutil.which("bwrap") is None or subprocess.run([*ALL_OF_THIS_MACHINE, "true"]).returncode):
        pytest.skip("bubblewrap does not run here")
    with lab(tmp_path, sandbox) as address:
        notebook = tmp_path / "mine" / LESSON / f"{LESSON}.ipynb"
        path = f"{LESSON}/{notebook.name}"
        asked = {"path": path, "name": path, "type": "notebook", "kernel": {"name": kernel}}
        session = ask(f"{address}/api/sessions", asked)
        [connection] = tmp_path.rglob(f"kernel-{session['kernel']['id']}.json")
        assert (tmp_path / "mine" in connection.parents) == bool(sandbox)
        client = jupyter_client.BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels(hb=False)  # a busy kernel is late with its heartbeat
        client.wait_for_ready(SECONDS)
        cells = {
            cell["id"]: "".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        }
        begin = next(source for source in cells.values() if source.startswith("# @title"))
        shown = [run(client, code) for code in (begin, cells["setup"], ANSWER, cells["count_pairs-check"])]
        client.stop_channels()
    assert shown[:3] == ["", "", ""]
    assert shown[3].startswith("count_pairs: 0 of 6 points")
    noted = json.loads((tmp_path / "mine" / ".storyteller" / "progress.json").read_text(encoding="utf-8"))
    assert noted["lessons"][LESSON]["count_pairs"]["points"] == 6
    said = (tmp_path / "said").read_text(encoding="utf-8")
    lines = [line for line in said.splitlines() if "IPKernelApp" not in line]
    assert len(lines) <= 5, said
    assert kernel == "python3" or "IPKernelApp" not in said  # our own kernel does not warn
    assert ("You have no home that may be written to" in said) == bool(sandbox)
