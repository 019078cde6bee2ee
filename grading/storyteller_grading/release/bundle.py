"""What a student of a class gets of a lesson, beside the notebook, and whether it tells too much.

The checks, which look up what is right for the public seeds (`recording.py`); what the known wrong answers give on
them, recorded, since a class gets no answers; what stands in for unsolved exercises, packed; a page that says how to
begin; the library. Neither `reference.py` nor the folder `answers`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller_course.exercises.exercise import PUBLIC
from storyteller_course.exercises.known_answers import Wrong
from storyteller_course.exercises.lesson import (
    ANSWERS,
    CHECKS,
    MISTAKES,
    REFERENCE,
    STAND_INS_FILE,
    STEPS_FILE,
    Lesson,
)
from storyteller_course.exercises.recall import sealed_source
from storyteller_course.exercises.scaffold import pack_steps
from storyteller_course.exercises.stand_ins import pack_answers
from storyteller_course.grading.diagnosis import FURTHER_SEEDS
from storyteller_course.grading.grade import SLOW_LIMIT_DIVISOR, run_case
from storyteller_course.grading.known_mistakes import Behaviour, Mistake, RecordedMistake, pack_mistakes
from storyteller_course.grading.result import words
from storyteller_grading.builder.leaks import Sealed, files_within, leaks_in_file
from storyteller_grading.release.recording import class_checks

PRIVATE = {REFERENCE, ANSWERS, "lesson.md"}  # of a lesson's folder; no student gets them
TEMPLATE = "/storyteller_grading/builder/template/"  # the small lesson that a new one begins as, in the library's file
MAX_MISTAKES_BYTES = 4 << 20  # bytes of mistakes.zip; lesson 02, the largest, has a twelfth of it

README = """\
# {name}

| | |
| --- | --- |
| `{name}.ipynb` | the lesson: read, write your functions, hand it in |
| `checks` | what `check` tries your functions with |
| `wanted.zip` | what the checks compare your results with |
| `mistakes.zip` | how `check` knows a mistake that others have made before you |
| `steps.json` | the steps with which `hint` begins |
| `stand_ins.zip` | the course's functions, which take the place of yours until these are solved |
| `{wheel}` | the library `storyteller`, with which your work is graded |
| `requirements.txt`, `constraints.txt` | what to install, in the versions that the course is tested with |

Put the folders of all lessons side by side: what you have solved in one carries on in the next.
The solution is not in here; the link to it works once your course hands it out.

## Install, once
You need Python 3.11, 3.12 or 3.13. In this folder:
```
python -m venv ../venv
source ../venv/bin/activate           # on Windows: ..\\venv\\Scripts\\activate
pip install -r requirements.txt
storyteller doctor
```

## Work
```
storyteller lab {number}
```
opens the lesson in your browser. Run the cells from the top. Below each exercise stands its check: it says what is
right, what is wrong and why. `hint("NAME")` helps in small steps, and `progress()` shows how far you are;
in a terminal `storyteller progress` does.

## Hand in
Save the notebook and hand in `{name}.ipynb` under this very name. Points are given for what your functions do
with other inputs than those of the checks. Leave the cells of the checks as they are.
"""
REQUIREMENTS = """\
# Run `pip install -r requirements.txt` in this folder.
-c constraints.txt
./{wheel}[lessons]
"""


def class_files(lesson: Lesson, *, step: Callable[[str], None] = lambda exercise: None) -> dict[str, bytes]:
    """What a class gets beside the notebook, by name: the checks, what `check` knows of mistakes, and the stand-ins.

    The questions of a recall have no answers there; the steps that no cell tells are there for `hint`.

    Raises:
        StorytellerError: the records of the mistakes are too large to hand out, or the checks cannot be recorded: see
            `recording.class_checks`.
    """
    recorded = record_mistakes(lesson, step=step)
    if len(recorded) > MAX_MISTAKES_BYTES:
        raise StorytellerError(
            f"What is recorded of {lesson.name}'s mistakes takes {len(recorded):,} bytes, and "
            f"{MAX_MISTAKES_BYTES:,} may be handed out: let the cases of its exercises use smaller inputs."
        )
    checks = class_checks(lesson)
    for name, exercise in lesson.exercises.items():
        if exercise.questions:
            checks[f"{CHECKS}/{name}.py"] = sealed_source(exercise).encode()
    packed = {STEPS_FILE: pack_steps(lesson.steps), STAND_INS_FILE: pack_answers(lesson.plain)}
    return {**checks, MISTAKES: recorded, **packed}


def starting_files(name: str, wheel: Path, constraints: Path) -> dict[str, bytes]:
    """What a student begins with, by name: the library, what else to install, and a page that says how.

    Args:
        name: the lesson's.
        wheel: of the library.
        constraints: the versions of all else.
    """
    return {
        wheel.name: wheel.read_bytes(),
        "constraints.txt": constraints.read_bytes(),
        "requirements.txt": REQUIREMENTS.format(wheel=wheel.name).encode(),
        "README.md": README.format(name=name, number=name[:2], wheel=wheel.name).encode(),
    }


def refuse_leaks(
    name: str,
    content: bytes,
    answers: Mapping[str, str],
    secrets: Iterable[bytes],
    *,
    library: str,
    in_library: Mapping[str, str],
) -> None:
    """Look into every file of a zip that is to be handed out.

    Args:
        name: the zip's.
        content: the zip.
        answers: the lines that no student may read, from `build.secrets_of`.
        secrets: what may stand nowhere, not even in the library.
        library: the name of the library's file.
        in_library: the lines that may not stand there either; the library's own functions are open book.

    Raises:
        StorytellerError: something would be told; the message names the file and the line.
    """
    secrets = list(secrets)
    stand_ins = f"{name}/{name.removesuffix('.zip')}/{STAND_INS_FILE}"
    try:
        files = list(files_within(name, content))  # those packed in it too
    except Sealed as error:
        raise StorytellerError(
            f"A file in source/ cannot be looked into for answers ({error}): take it out, or unpack it there; nothing "
            "was written."
        ) from error
    for file, inside in files:
        if any(secret in inside for secret in secrets):
            raise StorytellerError(
                f"{file} holds the course's secret, which no student may see: take it out of source/; nothing was "
                "written."
            )
        if f"/{library}" in file:
            forbidden = {} if TEMPLATE in file else in_library
        elif file.startswith(f"{stand_ins}/"):
            continue  # packed, as the only place where answers are handed out
        elif not PRIVATE.isdisjoint(file.casefold().split("/")):
            raise StorytellerError(f"{file} would be handed out: take it out of source/; nothing was written.")
        else:
            forbidden = answers
        for number, line, exercise in leaks_in_file(file, inside, forbidden):
            raise StorytellerError(
                f"{file}, line {number + 1} of its text, is a line of the answer to {exercise!r}: {line[:200]}. "
                "Take it out of the lesson's sources and build it again; nothing was written."
            )


def record_mistakes(lesson: Lesson, *, step: Callable[[str], None] = lambda exercise: None) -> bytes:
    """The content of the lesson's `mistakes.zip`, see `storyteller_course.grading.known_mistakes`.

    Raises:
        StorytellerError: the lesson has no reference, which the wrong answers patch.
    """
    if lesson.reference is None:
        raise StorytellerError(f"{lesson.folder} has no reference.py: known mistakes can be recorded only beside it.")
    recorded = {}
    for name in lesson.exercises:
        recorded[name] = [_recorded(lesson, wrong) for wrong in lesson.mistakes(name)]
        step(name)
    return pack_mistakes(recorded)


def _recorded(lesson: Lesson, wrong: Wrong) -> RecordedMistake:
    """One wrong answer, in every case, with the patience that a student's code gets.

    What is not steady is known by name only: a record of it would fit nobody.
    """
    exercise, transport = lesson.exercises[wrong.exercise], Mistake(wrong, lesson).transport
    limit, cases = exercise.limit, {}
    for case in exercise.cases if wrong.steady else ():
        for seed in (PUBLIC, *FURTHER_SEEDS):
            run = run_case(exercise, case, transport, seed, limit=limit, forbidden=())
            finding = None if run.failure is None else words(run.failure.message)
            cases[case.id, seed] = Behaviour(outcomes=run.outcomes, finding=finding)
            if run.is_endless:
                limit = max(1.0, exercise.limit / SLOW_LIMIT_DIVISOR)
                break
    return RecordedMistake(wrong, cases)
