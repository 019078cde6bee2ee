"""A class whose written answers are graded, and `storyteller-grade written` as a process that shows them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ports import free_port

if TYPE_CHECKING:
    from storyteller_grading.classroom.course import Course

SECONDS = 120  # for the server's end; a busy machine is slow
HOSTILE = "<script>document.title = 'broken'</script> <img src=x onerror=\"document.title = 'broken'\"> &amp; $x$"
ROSTER = """id,first_name,last_name
ada,Ada,Lovelace
ada2,Ada,Lovelace
bob,<b>Bob</b>,"O'Hara"
cyd,Cyd,Charisse
dan,Dan,Dare
eve,Eve,Absent
"""


def enter(course: Course, home: Path, *outcomes: Any) -> None:
    """Enter outcomes as `autograde` does: into the records, then into the gradebook."""
    from storyteller_grading.classroom.autograde.autograde import Summary, reconcile
    from storyteller_grading.classroom.autograde.gradebook import LessonBook
    from storyteller_grading.classroom.autograde.records import Records

    notebook = home / f"{home.name}.ipynb"
    with Records(course.records_file) as records, LessonBook(course, home.name, notebook) as book:
        for one in outcomes:
            records.put(one, None)
        reconcile(course, home.name, records, book, Summary(home.name))


def enter_class(course: Course, home: Path, outcome: Any) -> None:
    """Four wrote something, two of one name; one wrote nothing, and of one nothing came."""
    course.roster_file.write_text(ROSTER, encoding="utf-8")
    texts = {"ada": "Because of this.", "ada2": "Because of that.", "bob": HOSTILE, "cyd": "", "dan": "Zoë\n  🦊\ud800"}
    source = course.source / home.name
    source.mkdir(parents=True)
    (source / f"{home.name}.ipynb").write_bytes((home / "solved.ipynb").read_bytes())
    enter(course, home, *(outcome(student, written=text) for student, text in texts.items()))


@contextmanager
def serving(course: Course, home: Path, log: Path) -> Iterator[str]:
    """The address that the command prints, while it runs."""
    command = [sys.executable, "-m", "storyteller_grading", "written", str(home), "--course", str(course.folder)]
    with open(log, "w", encoding="utf-8") as errors:
        server = subprocess.Popen(
            [*command, "--port", str(free_port())], stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
        )
        assert server.stdout
        try:
            said = []
            for line in server.stdout:
                said.append(line)
                if found := re.match(r"The page: (\S+)", line):
                    break
            else:
                raise AssertionError("".join(said) + log.read_text(encoding="utf-8"))
            wait_until_open(found[1], server)
            yield found[1]
        finally:
            server.terminate()
            server.wait(SECONDS)
            server.stdout.close()


def wait_until_open(address: str, server: subprocess.Popen) -> None:
    """The command prints the address before it listens."""
    import time
    import urllib.error
    import urllib.request

    for _ in range(SECONDS * 5):
        try:
            with urllib.request.urlopen(address, timeout=SECONDS):
                return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None
            time.sleep(0.2)
    raise AssertionError(address)
