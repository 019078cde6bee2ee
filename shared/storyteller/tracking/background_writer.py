"""A thread that makes all requests to the store, so that training never waits for it.

Jobs run one after the other, in the order in which they were given. When a server cannot be reached, there is one
warning, and that job and all later ones go to the database in the current folder.
"""

import queue
import threading
from collections.abc import Callable

from storyteller.errors import first_line
from storyteller.tracking.store import OpenRun, is_server, local_uri, store_errors

Job = Callable[[OpenRun], None]


class Writer:
    """Runs jobs on an open run, in a thread of its own.

    Args:
        uri: of the store.
        open_run: finds or makes the run in a store; called in the thread.
        idle: done about every `pause` seconds while jobs are awaited, such as to read the load of the machine.
        pause: seconds.
    """

    def __init__(self, uri: str, open_run: Callable[[str], OpenRun], *, idle: Job, pause: float) -> None:
        self.uri, self.open_run, self.idle, self.pause = uri, open_run, idle, pause
        self.messages: queue.SimpleQueue[str] = queue.SimpleQueue()  # for the user, taken out by whoever trains
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._run: OpenRun | None = None
        self._lost = False  # not even the local store works
        self._error: Exception | None = None
        self._errors = store_errors()
        self._thread = threading.Thread(target=self._work, name="storyteller-tracking", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Ask for a job, and return at once."""
        self._jobs.put(job)

    def close(self) -> None:
        """Wait until everything is written.

        Raises:
            Exception: what a job raised that no store is to blame for.
        """
        self._jobs.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self.pause)
            except queue.Empty:
                job = self.idle
            if job is None:
                return
            try:
                self._do(job)
            except Exception as error:  # noqa: BLE001  raised again by `close`, where the user is
                self._error, self._lost = self._error or error, True

    def _do(self, job: Job) -> None:
        if self._lost:
            return
        try:
            if self._run is None:
                self._run = self.open_run(self.uri)
            job(self._run)
        except self._errors as error:
            if not is_server(self.uri):
                self._lost = True
                self.messages.put(f"Tracking stopped: {self.uri} cannot be written to ({first_line(error)}).")
                return
            away, self.uri, self._run = self.uri, local_uri(), None
            self.messages.put(
                f"The MLflow server {away} cannot be reached ({first_line(error)}): training goes on, and from here "
                f"on it is logged to {self.uri}."
            )
            self._do(job)
