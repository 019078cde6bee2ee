"""What the tests of tracking share: a tiny training, and a real MLflow server on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ports import free_port
from storyteller.inference.sampling_options import Sampling
from storyteller.tokenizer import Tokenizer
from storyteller.tracking.store import connect, quiet_mlflow, store_uri
from storyteller.tracking.tracker import Tracker
from storyteller.training.trainer import Trainer
from tiny_training import tiny_trainer

ABOUT = {"preset": "tiny", "corpus": "storyworld"}
GREEDY = Sampling(greedy=True, max_new_tokens=12)

SECONDS = 240  # for a server's start; a busy machine is slow


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the fox and the owl sat in the old tree"] * 3, vocab_size=270)


def training(folder: Path | None, **options: Any) -> Trainer:
    """A tiny training that the tokenizer belongs to."""
    return tiny_trainer(folder, model={"vocab_size": 270}, tokenizer=tokenizer(), **options)


class Server:
    """MLflow's server in a process of its own."""

    def __init__(self, folder: Path, *command: str) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
        quiet_mlflow(environment)
        environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # two processes instead of seven
        environment["MLFLOW_WORKERS"] = "1"
        usual = (sys.executable, "-m", "mlflow", "server")
        with open(folder / "server.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*(command or usual), "--port", str(self.port)],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> "Server":
        """Until it answers."""
        for _ in range(SECONDS * 5):
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=SECONDS):
                    return self
            except (urllib.error.URLError, ConnectionError):
                assert self.process.poll() is None, self.printed()
                time.sleep(0.2)
        raise AssertionError(self.printed())

    def printed(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """End it at once, its workers too, as a power cut would."""
        if hasattr(os, "killpg"):
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(SECONDS)


@contextmanager
def serving(folder: Path, *command: str) -> Iterator[Server]:
    """A server on an empty store in `folder`."""
    server = Server(folder, *command)
    try:
        yield server.wait()
    finally:
        if server.process.poll() is None:
            server.kill()


@cache
def _empty_store(folder: Path) -> Path:
    """A database with MLflow's tables: to make them takes longer than all that a test does with them."""
    from storyteller.tracking.store import connect

    connect(f"sqlite:///{(folder / 'mlflow.db').as_posix()}")
    return folder / "mlflow.db"


def copy_empty_store(made_in: Path, to: Path) -> None:
    """Put an empty store into a folder."""
    shutil.copyfile(_empty_store(made_in), to / "mlflow.db")


def run_tracked(folder: Path | None, **options):
    """Train, tracked; returns the trainer, its events and what the user was told."""
    events, told = [], []
    names = {name: options.pop(name) for name in ("name", "uri") if name in options}
    trainer = training(folder, on_event=events.append, **options)
    trainer.resume()
    with Tracker(trainer, tokenizer(), parameters=ABOUT, sampling=GREEDY, notice=told.append, **names):
        trainer.run()
    return trainer, events, told


def history(run, name: str, uri: str | None = None) -> list[tuple[int, float]]:
    client = connect(uri or store_uri())
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]


def artifacts(run, uri: str | None = None, path: str | None = None) -> set[str]:
    """The files among a run's artifacts."""
    found = set()
    for file in connect(uri or store_uri()).list_artifacts(run.info.run_id, path):
        found |= artifacts(run, uri, file.path) if file.is_dir else {file.path}
    return found
