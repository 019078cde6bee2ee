"""Makes the zip that Gradescope calls an autograder: the judge, one lesson and hidden inputs of its own.

    setup.sh          runs once, when Gradescope builds its image: Python, the library, what it needs
    run_autograder    runs for each hand-in, in a container of its own
    settings.json     which lesson, and how
    secret            hidden inputs are drawn from it; made from the course's secret, which it does not tell
    01_data_preparation/   the lesson with its answers
    storyteller-....whl, requirements.txt, constraints.txt

Instructors upload it, and no student sees it. Its form is Gradescope's "Autograder Specifications"
(https://gradescope-autograders.readthedocs.io/en/latest/specs/).
"""

import hmac
import json
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole, zipped
from storyteller_course.exercises.lesson import Lesson
from storyteller_grading.judge.gradescope import SECRET, SETTINGS
from storyteller_grading.judge.hidden_seeds import DRAWS

# Gradescope copies setup.sh and run_autograder to /autograder; the test names another root.
SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
find_python() {
  for name in ${AUTOGRADER_PYTHON:-python3.13 python3.12 python3.11}; do
    if command -v "$name" > /dev/null && "$name" -c "import ensurepip" 2> /dev/null; then
      echo "$name"
      return
    fi
  done
}
if [ -z "${AUTOGRADER_ROOT:-}" ]; then
  apt-get update
  apt-get install -y bubblewrap || true  # one more layer of the sandbox; others hold without it
  if [ -z "$(find_python)" ]; then
    apt-get install -y python3.12 python3.12-venv || apt-get install -y python3.11 python3.11-venv
  fi
fi
python="$(find_python)"
if [ -z "$python" ]; then
  echo "There is no Python 3.11, 3.12 or 3.13 with venv: choose a newer base image." >&2
  exit 1
fi
chmod 700 "$root/source"
chmod 600 "$root/source/secret"
"$python" -m venv "$root/source/venv"
cd "$root/source"
venv/bin/python -m pip install --no-cache-dir -r requirements.txt
"""
RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for each hand-in. What it prints, only instructors see.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
exec "$root/source/venv/bin/python" -m storyteller_grading.judge.gradescope "$root"
"""
REQUIREMENTS = """\
-c constraints.txt
./{wheel}[lessons]
"""


def autograder_zip(
    lesson: Lesson, secret: str, wheel: Path, constraints: Path, *, draws: int = DRAWS, unsafe: bool = False
) -> bytes:
    """The zip of a lesson.

    Args:
        lesson: with its reference and answers.
        secret: the course's; the zip gets one that is made from it.
        wheel: the library with the judge, see `release.wheel`.
        constraints: the versions of all else.
        draws: of hidden inputs for each case.
        unsafe: grade also where Gradescope's containers hold no sandbox.

    Raises:
        StorytellerError: the lesson was not built.
    """
    if not lesson.notebook.is_file():
        raise StorytellerError(f"There is no {lesson.notebook}: storyteller-grade build {lesson.name[:2]} makes it.")
    files = {
        "setup.sh": SETUP.encode(),
        "run_autograder": RUN.encode(),
        SETTINGS: json.dumps({"lesson": lesson.name, "draws": draws, "unsafe": unsafe}).encode() + b"\n",
        SECRET: secret_of(secret, lesson.name).encode() + b"\n",
        "requirements.txt": REQUIREMENTS.format(wheel=wheel.name).encode(),
        "constraints.txt": constraints.read_bytes(),
        wheel.name: wheel.read_bytes(),
    }
    for path in sorted(lesson.folder.rglob("*")):
        parts = path.relative_to(lesson.folder).parts
        if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts):
            files["/".join((lesson.name, *parts))] = path.read_bytes()
    return zipped(files, executable=("setup.sh", "run_autograder"))


def secret_of(secret: str, lesson: str) -> str:
    """A lesson's secret for Gradescope: whoever gets hold of it learns nothing of the course's own."""
    return hmac.digest(secret.encode(), f"gradescope\0{lesson}".encode(), "sha256").hex()


def write_autograder(file: Path, content: bytes) -> None:
    """Write the zip, for its owner alone: answers and a secret are in it."""
    write_whole(file, content)
    file.chmod(0o600)
