"""Puts what a class handed in where autograde looks for it, from an exchange, a folder, or an LMS's zip.

    collected = collect(course, "01_data_preparation", Path("submissions.zip"))

    submitted/ada/01_data_preparation/01_data_preparation.ipynb   # with timestamp.txt where the time is known
    submitted/_before/ada/01_data_preparation-1a2b3c4d/           # what a newer one replaced
    submitted/_unmatched/01_data_preparation-1a2b3c4d...-x.ipynb  # whose it is, nobody knows
    submitted/_not_taken/01_data_preparation.json                 # of whom nothing could be taken, and why
    submitted/_came_as/01_data_preparation.json                   # what each notebook was called where it came from

All is read into a folder beside these before anything is moved; what goes wrong on the way leaves all as it was.
"""

import hashlib
import re
import shutil
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_json
from storyteller_course.exercises.recall import RECALL
from storyteller_course.report.safe_repr import clean
from storyteller_grading.classroom.course import MAX_TIME_BYTES, Course, course_lock, parsed_time, time_text
from storyteller_grading.classroom.intake.identify_student import People, match_key, read_claim
from storyteller_grading.classroom.intake.place import (
    TICKET,
    TIME,
    Collected,
    StagedNotebook,
    put_in_place,
    refuse_links,
)
from storyteller_grading.classroom.intake.sources import COPIES, SourceFile, inbound, opened
from storyteller_grading.classroom.lms.registry import SYSTEMS
from storyteller_grading.classroom.lms.system import Claim
from storyteller_grading.judge.cell_names import DEFINES
from storyteller_grading.judge.notebooks import Notebook, Release, Unreadable, plain, read_notebook

STAGING = ".collect-"  # how the name of the folder begins
MAX_NAMED = 10  # files of a student that a reason names
MAX_REASON_CHARS = 300
IN_EVERY_LESSON = ("", RECALL)  # exercises whose cells do not tell lessons apart
LESSON = re.compile(r"[0-9]{2}_[a-z0-9_]+")  # what lessons are called


@dataclass(frozen=True)
class Candidate:
    """A file that somebody handed in."""

    file: SourceFile
    claim: Claim
    student: str  # the id; empty where it is nobody's
    why: str  # it is nobody's
    ticket: bytes = b""  # the exchange's submission_secret.txt
    came_as: str = ""  # its path, without a folder around all students


def collect(
    course: Course,
    lesson: str,
    source: Path | None = None,
    *,
    release: Release | None = None,
    fetched: Iterable[tuple[SourceFile, Claim]] | None = None,
) -> Collected:
    """Collect a lesson.

    Args:
        course: whose `submitted` is filled.
        lesson: the lesson's name.
        source: a folder, or an LMS's zip; nbgrader's exchange where there is none.
        release: the notebook as it was handed out, by which one with another ending than `.ipynb` is known; where it is
            left out, any notebook is taken for this lesson's.
        fetched: in place of a source, files from an LMS's web service, each with whose it is said to be.

    Raises:
        StorytellerError: there is nothing to collect there, or the roster is empty; nothing was written.
    """
    people, collected = People(students := course.students()), Collected(lesson)
    if not students:
        raise StorytellerError(f"{course.roster_file} names no student; put your class into it first.")
    refuse_links(course)
    with course.writing(), course_lock(course):
        course.submitted.mkdir(exist_ok=True)
        for leftover in course.submitted.glob(f"{STAGING}*"):  # of a run that was killed: copies of what it read
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=course.submitted) as place:
            if fetched is not None:
                candidates = from_service(fetched, people)
            elif source is None:
                candidates = from_exchange(course, people, collected)
            elif course.is_own(source):
                raise StorytellerError(
                    f"{source} is the course's own: name a folder with what students handed in, or your LMS's zip."
                )
            else:
                candidates = from_files(source, people, collected)
            by_student: dict[str, list[StagedNotebook]] = defaultdict(list)
            others: dict[str, list[str]] = defaultdict(list)  # by student, what is no notebook
            for number, candidate in enumerate(candidates):
                file, staged = candidate.file, Path(place) / f"{number}.ipynb"
                try:
                    content = notebook_in(file, release)
                except Unreadable as error:
                    collected.refused[file.path] = str(error)
                    collected.whose[file.path] = candidate.student
                    continue
                except StorytellerError:  # the whole source is damaged
                    raise
                except Exception as error:  # noqa: BLE001  what one student handed in must not stop the class
                    collected.refused[file.path] = f"it could not be read ({type(error).__name__}: {str(error)[:200]})"
                    collected.whose[file.path] = candidate.student
                    continue
                if content is None:
                    others[candidate.student].append(file.path)
                    continue
                staged.write_bytes(content)
                sha256 = hashlib.sha256(content).hexdigest()
                notebook = StagedNotebook(
                    staged, sha256, candidate.claim, file.path, candidate.ticket, came_as=candidate.came_as
                )
                by_student[candidate.student].append(notebook)
                if not candidate.student:
                    collected.unmatched[file.path] = candidate.why
            name_what_was_left(course, by_student, others, collected)
            give_back_claimed_twice(by_student, collected)
            if not by_student and not collected.refused:
                where = source or ("The exchange" if fetched is None else "The assignment in your LMS")
                raise StorytellerError(f"{where} has no notebook of {collected.lesson}; nothing was written.")
            for student, notebooks in by_student.items():
                if student:
                    by_student[student] = [replace(one, of_lesson=can_be_graded(one, release)) for one in notebooks]
            name_other_lessons(by_student, collected)
            put_in_place(course, Path(place), by_student, collected)
            note_not_taken(course, by_student, collected)
            note_came_as(course, collected)
    return collected


def notebook_in(file: SourceFile, release: Release | None) -> bytes | None:
    """The bytes of a notebook; None where a file is none.

    What is called a notebook is one, also where it is damaged. Browsers and mail programs add endings, `.txt` or
    `.json`, or cut the ending off: what is called otherwise is one if it can be read as this lesson's.

    Raises:
        Unreadable: it must not be read, or cannot be.
    """
    if file.refused:
        raise Unreadable(file.refused)
    if file.is_notebook:
        return file.read()
    try:
        if file.is_copy or not file.may_be_json():
            return None
        content = file.read()
        return content if is_of_lesson(read_notebook(Path(file.path), content), release) else None
    except StorytellerError:  # no notebook
        return None


def is_of_lesson(notebook: Notebook, release: Release | None) -> bool:
    """Has it a cell of an exercise of this release, or one that defines what the release asks for?

    The first cell, the set-up and the recall of earlier lessons do not count: each lesson has them. A notebook whose
    metadata name another lesson is that one's, unless it has half of this release's cells: lessons ask for functions of
    the same name.
    """
    if release is None:
        return True
    own = [cell for cell in release.cells if cell.exercise not in IN_EVERY_LESSON]
    exercises, ids = {cell.exercise for cell in own}, {cell.id for cell in own}
    texts = {plain(cell.source) for cell in own if cell.role != "answer"}
    cells = [cell for cell in notebook.cells if cell.source.strip()]
    released = sum(cell.id in ids or plain(cell.source) in texts for cell in cells)
    if release.lesson and notebook.lesson not in ("", release.lesson):
        return released >= len(own) / 2
    return released > 0 or any(exercises & set(DEFINES.findall(cell.source)) for cell in cells)


def can_be_graded(notebook: StagedNotebook, release: Release | None) -> bool:
    """Is there anything of this lesson to be graded?"""
    try:
        return is_of_lesson(read_notebook(notebook.path), release)
    except Unreadable:
        return False


def name_other_lessons(by_student: Mapping[str, list[StagedNotebook]], collected: Collected) -> None:
    """Say who handed in a notebook that can be read and has nothing of this lesson.

    Raises:
        StorytellerError: all of several students did, so the source is another lesson's.
    """
    there = {student: notebooks for student, notebooks in by_student.items() if student}
    for student, notebooks in there.items():
        if not any(one.of_lesson for one in notebooks) and any(can_be_graded(one, None) for one in notebooks):
            collected.of_others.append(student)
    if len(there) > 1 and len(collected.of_others) == len(there):
        raise StorytellerError(
            f"No notebook there has a cell of {collected.lesson}, such as that of {collected.of_others[0]}: name the "
            "lesson that they are of. Nothing was written."
        )


def give_back_claimed_twice(by_student: dict[str, list[StagedNotebook]], collected: Collected) -> None:
    """What two people claim is nobody's: two users of an LMS, or two names, that lead to one student of the roster."""
    for student, notebooks in [*by_student.items()]:
        claims = [notebook.claim for notebook in notebooks]
        users = {claim.user or claim.number for claim in claims}
        names = {match_key(name) for claim in claims for name in claim.names[-1:] if not (claim.user or claim.number)}
        if student and len((users - {""}) | names) > 1:
            called = [f"user {user}" for user in sorted(users) if user]
            called += sorted({repr(claim.names[-1]) for claim in claims if not (claim.user or claim.number)})
            for origin in (notebook.origin for notebook in notebooks):
                collected.unmatched[origin] = f"{' and '.join(called)} may be two people, and each would be {student}"
                collected.whose[origin] = student
            by_student[""] += by_student.pop(student)


def name_what_was_left(
    course: Course,
    by_student: Mapping[str, list[StagedNotebook]],
    others: Mapping[str, list[str]],
    collected: Collected,
) -> None:
    """Say what of whom is no notebook: a refusal where nothing else came, else a list without the course's files."""
    own = released_files(course, collected.lesson)
    for student, paths in others.items():
        collected.others += len(paths)
        if student and student not in by_student and student not in collected.whose.values():
            more = f", and neither are {', '.join(paths[1:MAX_NAMED])}" if paths[1:] else ""
            more += f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
            collected.refused[paths[0]] = f"is no notebook of this lesson{more}"
            collected.whose[paths[0]] = student
            collected.others -= len(paths)
        elif left := [path for path in paths if COPIES not in path and not path.endswith(own)]:
            collected.left[student] = left


def released_files(course: Course, lesson: str) -> tuple[str, ...]:
    """The ends of the paths of what students got with the notebook, and hand in again with it."""
    bundle = course.bundles / f"{lesson}.zip"
    if not zipfile.is_zipfile(bundle):  # there is none, or the instructor made another of it
        return ()
    with zipfile.ZipFile(bundle) as archive:
        return tuple("/" + name.partition("/")[2] for name in archive.namelist())


def note_not_taken(course: Course, by_student: Mapping[str, list[StagedNotebook]], collected: Collected) -> None:
    """Note whose work was not taken, so that autograde does not say that they handed in nothing."""
    before = course.not_taken(collected.lesson)
    now = {
        student: clean(f"{path}: {collected.refused.get(path) or collected.unmatched[path]}", MAX_REASON_CHARS)
        for path, student in collected.whose.items()
        if student
    }
    noted = {student: why for student, why in (before | now).items() if student not in by_student}
    if noted != before:
        write_json(course.not_taken_file(collected.lesson), noted)


def note_came_as(course: Course, collected: Collected) -> None:
    """Note what notebooks of an LMS were called, for it takes feedback back under the names that it gave."""
    before = course.came_as(collected.lesson)
    readers = [system.feedback_path for system in SYSTEMS.values() if system.feedback_path]
    noted = {
        student: name
        for student, name in (before | collected.came_as).items()
        if any(reader(name, "page.html") for reader in readers)
    }
    if noted != before:
        write_json(course.came_as_file(collected.lesson), noted)


def from_files(source: Path, people: People, collected: Collected) -> Iterator[Candidate]:
    """The files of a folder or a zip, each with whose it is.

    Raises:
        StorytellerError: the source cannot be read.
    """
    with opened(source) as found:
        files = of_lesson(without_wrapper(found, people, collected), collected)
        times: dict[str, Claim] = {}  # by folder STUDENT/LESSON, as nbgrader noted it
        for path, file in files:
            student = path.partition("/")[0]
            # Deeper, or in an LMS's folder, a student may have written it.
            if path == f"{student}/{collected.lesson}/{TIME}" and not in_folder_of_lms(path) and not file.refused:
                try:
                    text = time_text(file.read(first=MAX_TIME_BYTES + 1))
                except Exception as error:  # noqa: BLE001  what one student handed in must not stop the class
                    text = str(error)
                when = parsed_time(text)
                times[student] = Claim((), submitted_at=when, untimed="" if when else text or "nothing")
        for path, file in files:
            if path.rpartition("/")[2] in (TIME, TICKET):
                continue
            claim = read_claim(path, collected.lesson)
            if path.startswith(f"{path.partition('/')[0]}/{collected.lesson}/") and (time := times.get(claim.names[0])):
                claim = replace(claim, submitted_at=time.submitted_at, untimed=time.untimed)
            student, why = ("", file.unsafe) if file.unsafe else people.identify(claim)
            yield Candidate(file, claim, student, why, came_as=path)


def from_service(fetched: Iterable[tuple[SourceFile, Claim]], people: People) -> Iterator[Candidate]:
    """The files that an LMS's web service has, each with whose it is."""
    for file, claim in fetched:
        yield Candidate(file, claim, *people.identify(claim))


def from_exchange(course: Course, people: People, collected: Collected) -> Iterator[Candidate]:
    """Of each student the latest hand-in of nbgrader's exchange, which has a folder for each."""
    for hand_in in inbound(course, collected.lesson, people):
        student, why = people.identify(hand_in.claim)
        if not hand_in.own:
            owner = hand_in.claim.names[0]
            collected.notes.append(f"{hand_in.name} says that it is {owner}'s, and another user owns it.")
        for name in hand_in.of_others:
            collected.refused[name] = "another user owns it, and there is one that is the student's own"
        for file in hand_in.files:
            yield Candidate(file, hand_in.claim, student, why, hand_in.ticket)
        if not hand_in.files:
            collected.refused[hand_in.name] = "is empty"
            collected.whose[hand_in.name] = student


def without_wrapper(found: list[SourceFile], people: People, collected: Collected) -> list[tuple[str, SourceFile]]:
    """The paths below a folder that holds all the others and is no student's; other lessons' files are counted."""
    lesson = collected.lesson
    safe = [file for file in found if not file.unsafe]
    notebooks = [file for file in safe if file.is_notebook] or safe
    wrapper = ""
    while paths := [file.path.removeprefix(wrapper) for file in notebooks]:
        firsts = {path.partition("/")[0] if "/" in path else "" for path in paths}
        first = min(firsts)
        if lesson in firsts and all(map(LESSON.fullmatch, firsts)):  # a folder for each lesson, and students in it
            first = lesson
        elif len(firsts) > 1 or not first:
            break
        if first != lesson and people.identify(read_claim(f"{first}/x", lesson))[0]:
            break
        if any(system.is_student_folder(first) for system in SYSTEMS.values()):  # of one whom the roster does not have
            break
        wrapper += f"{first}/"
        notebooks = [file for file in notebooks if file.path.startswith(wrapper)]
    outside = [file for file in found if not file.path.startswith(wrapper)]
    collected.others += sum(bool(LESSON.fullmatch(file.path.partition("/")[0])) for file in outside)
    return [
        (file.path.removeprefix(wrapper), file)
        for file in found
        if file.path.startswith(wrapper) or not LESSON.fullmatch(file.path.partition("/")[0])
    ]


def of_lesson(files: list[tuple[str, SourceFile]], collected: Collected) -> list[tuple[str, SourceFile]]:
    """Without what lies in the folder of another lesson, STUDENT/LESSON; the others are counted.

    A student who has a folder of this lesson's name has handed in what is in it. Whoever has none may have handed in a
    folder of any name, so long as it is not called as another lesson is. What an LMS hands on is of this lesson.
    """
    with_folder = {path.partition("/")[0] for path, _ in files if path.split("/")[1:-1][:1] == [collected.lesson]}
    taken = []
    for path, file in files:
        student, *folders = path.split("/")[:-1] or [""]
        other = bool(folders) and folders[0] != collected.lesson and LESSON.fullmatch(folders[0])
        if not in_folder_of_lms(path) and (other or (student in with_folder and folders[:1] != [collected.lesson])):
            collected.others += path.rpartition("/")[2] not in (TIME, TICKET)
        else:
            taken.append((path, file))
    return taken


def in_folder_of_lms(path: str) -> bool:
    """Is it a student's own folder, into which an LMS has put what the student uploaded?"""
    return any(system.is_student_folder(path.partition("/")[0]) for system in SYSTEMS.values())
