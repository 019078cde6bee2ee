"""The commands up to the grading of a class: `init`, `release`, `rehearse`, `extend` and `collect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storyteller_grading.classroom.lms.registry import listed, titles
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.commands.conventions import (
    MAX_NAMES,
    CourseFolder,
    LessonName,
    cleaned,
    print_names,
    progress_bar,
)

if TYPE_CHECKING:
    from storyteller_grading.classroom.intake.place import Collected

SYSTEMS = listed(titles(with_submissions=True), "or")  # such as "Canvas or Moodle"


def init(
    folder: Annotated[Path, typer.Argument(metavar="COURSE", help="The new course's folder, such as moe-2026.")],
    name: Annotated[str, typer.Option(help="The course's id in nbgrader; the folder's name if left out.")] = "",
) -> None:
    """Make the folder of a new course: nbgrader's configuration, a secret, the lessons, a sample roster."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import find_lessons, lessons_folder
    from storyteller_grading.classroom.course import make_course

    lessons = lessons_folder()
    solutions = [lessons.parent / "solutions" / f"{lesson.name}.ipynb" for lesson in find_lessons(lessons)]
    solutions = [path for path in solutions if path.is_file()]
    if not solutions:
        raise StorytellerError(
            f"{lessons.parent / 'solutions'} has no notebooks: build them with storyteller-grade build."
        )
    course = make_course(folder, solutions, name=name)
    count = f"{len(solutions)} lesson{'s' * (len(solutions) != 1)}"
    print(f"{course.folder} has {count}. Next: put your students into {course.roster_file}.")


def release(lesson: LessonName, course: CourseFolder = Path()) -> None:
    """Make what students get of a lesson: a zip, and nbgrader's release; refused where it would tell an answer."""
    import tempfile

    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.release.handout import release_lesson
    from storyteller_grading.release.wheel import build_wheel, constraints_file

    opened, folder = Course.open(course), lesson_folder(lesson)
    with tempfile.TemporaryDirectory() as place, progress_bar() as progress:
        bar = progress.add_task("the library", total=None)
        wheel = build_wheel(Path(place))
        handout = release_lesson(
            opened,
            folder,
            wheel,
            constraints_file(),
            begin=lambda total: progress.update(bar, total=total, description="recording known mistakes"),
            step=lambda exercise: progress.advance(bar),
        )
    print(
        f"{handout.bundle} ({handout.bundled / 1000:,.0f} kB, {handout.recorded / 1000:,.0f} kB of them for explaining "
        "mistakes) is for your students: put it where they can download it."
    )
    print(f"{handout.release} is for nbgrader's exchange: nbgrader release_assignment {folder.name}")


def rehearse(
    course: Annotated[Path, typer.Argument(help="A course folder of its own, made by `storyteller-grade init`.")],
    students: Annotated[int, typer.Option(help="How many; 9 at least, one of each kind.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed, another class.")] = 1,
    lesson: Annotated[str, typer.Option(help="Number or name of the lesson.")] = "01",
) -> None:
    """Fill a course folder with a class that never was, to try everything out; plan.json says what each must get."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.rehearsal.synthetic_class import set_due, write_class

    opened, loaded = Course.open(course), load_lesson(lesson_folder(lesson))
    with progress_bar() as progress:
        bar = progress.add_task("trying the lesson's known answers", total=None)
        people = write_class(
            opened,
            loaded,
            students=students,
            seed=seed,
            begin=lambda total: progress.update(bar, total=total, description="students"),
            step=lambda student: progress.advance(bar),
        )
    set_due(opened, loaded.name)
    handed_in = agreeing(len(people), f"{len(people)} student[|s] handed in")
    print(f"{handed_in} {loaded.name}. Next: storyteller-grade autograde {loaded.name[:2]}")


def extend(
    student: Annotated[str, typer.Argument(help="The student's id; all extensions are shown if left out.")] = "",
    lesson: Annotated[
        str, typer.Argument(help="The lesson; every one without an extension of its own if left out.")
    ] = "",
    days: Annotated[
        float | None, typer.Option(min=0, max=366, help="So many days more, such as 3 or 0.5; 0 takes it back.")
    ] = None,
    course: CourseFolder = Path(),
) -> None:
    """Give a student more time. Penalties of work that is graded already follow at once."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.extensions import give_more_time
    from storyteller_grading.classroom.lateness import read_extensions

    opened = Course.open(course)
    if not student:
        extensions = read_extensions(opened)
        for (name, where), more in sorted(extensions.items()):
            days_more = agreeing(more, f"{more:g} day[|s] more")
            print(f"{name}: {days_more} in {where or 'every lesson without a line of its own'}")
        if not extensions:
            print("Nobody has an extension: storyteller-grade extend STUDENT 01 --days 3 gives one.")
        return
    if days is None:
        raise StorytellerError(f"Say how many days more {student} gets, such as --days 3; --days 0 takes them back.")
    for line in give_more_time(opened, student, lesson_folder(lesson) if lesson else None, days):
        print(line)


def collect(
    lesson: LessonName,
    source: Annotated[
        Path | None,
        typer.Argument(help=f"A folder, or the zip of {SYSTEMS}; nbgrader's exchange if left out."),
    ] = None,
    canvas: Annotated[bool, typer.Option("--canvas", help="From Canvas's web service, by lms.toml.")] = False,
    moodle: Annotated[bool, typer.Option("--moodle", help="From Moodle's web service, by lms.toml.")] = False,
    course: CourseFolder = Path(),
) -> None:
    """Put what a class handed in where autograde looks for it. Exit code 1: something is to be sorted out by hand."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.intake.collect import collect as collect_lesson
    from storyteller_grading.judge.notebooks import read_release

    opened, folder = Course.open(course), lesson_folder(lesson)
    release = read_release(folder / f"{folder.name}.ipynb")
    if canvas or moodle:
        if source or (canvas and moodle):
            raise StorytellerError("Name one place to collect from: a folder or zip, --canvas, or --moodle.")
        from storyteller_grading.classroom.lms.remote.canvas import CanvasRemote
        from storyteller_grading.classroom.lms.remote.moodle import MoodleRemote
        from storyteller_grading.classroom.lms.remote.settings import read_settings

        settings = read_settings(opened, "canvas" if canvas else "moodle", folder.name)
        remote: CanvasRemote | MoodleRemote = CanvasRemote(settings) if canvas else MoodleRemote(settings)
        with remote.connection:
            collected = collect_lesson(opened, folder.name, release=release, fetched=remote.hand_ins())
        if isinstance(remote, MoodleRemote) and remote.drafts:
            print(
                agreeing(remote.drafts, f"{remote.drafts} [has|have] a draft in Moodle, not handed in and not taken.")
            )
    else:
        collected = collect_lesson(opened, folder.name, source, release=release)
    print_collected(collected, opened.submitted)
    raise typer.Exit(int(collected.needs_a_look))


def print_collected(collected: "Collected", submitted: Path) -> None:
    """The summary. What needs a person has a line each."""
    from rich.console import Console

    console = Console(highlight=False)
    lists = (collected.new, collected.newer, collected.same, collected.older)
    counts = [
        f"{len(names)} {what}" for names, what in zip(lists, ("new", "newer", "unchanged"), strict=False) if names
    ]
    students = sum(map(len, lists))
    print(f"{collected.lesson}: {students} student{'s' * (students != 1)} ({', '.join(counts) or 'nothing new'}).")
    if collected.newer:
        print(f"What was there before lies in {submitted / '_before'}.")
    print_names(collected.older, "handed in something newer before, which stays", console)
    late = (
        "[is|are] late, as the LMS says without telling when; for a penalty, write a timestamp.txt beside the notebook"
    )
    print_names(collected.late, late, console)
    untimed = (
        "[has|have] a time that cannot be read and [counts|count] as on time; write it into timestamp.txt beside the "
        "notebook, such"
    )
    print_names(collected.untimed, f"{untimed} as 2026-10-02 08:15:00 UTC", console)
    print_names(
        collected.of_others, "handed in a notebook without a cell of this lesson, and [gets|get] 0 points", console
    )
    for note in collected.notes:
        print(cleaned(note).rstrip("."))
    if collected.others:
        said = "other [file is no notebook of this lesson and was|files are no notebooks of this lesson and were] left."
        print(f"{collected.others} {agreeing(collected.others, said)}")
    for student, paths in sorted(collected.left.items()):
        more = f" and {len(paths) - MAX_NAMES} more" if len(paths) > MAX_NAMES else ""
        shown = ", ".join(cleaned(path) for path in paths[:MAX_NAMES])
        print(f"Left of {student or 'nobody on the roster'}: {shown}{more}")
    for mark, files in (("NOT TAKEN", collected.refused), ("NOBODY'S", collected.unmatched)):
        for path, why in files.items():
            student = f"{collected.whose[path]}, " if collected.whose.get(path) and mark == "NOT TAKEN" else ""
            print(f"{mark}: {student}{cleaned(path).rstrip('.')}: {cleaned(why).rstrip('.')}.")
    if collected.unmatched:
        print(
            f"Nobody's notebooks lie in {submitted / '_unmatched'}: move each to STUDENT/{collected.lesson}/, or mend "
            "roster.csv and collect again."
        )
