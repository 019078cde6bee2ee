"""The commands after the grading of a class: `feedback`, `report`, `similar` and `export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storyteller_grading.classroom.lms.registry import listed, names, names_with_feedback, titles
from storyteller_grading.classroom.wording import agreeing
from storyteller_grading.commands.conventions import (
    NOT_ON_THE_ROSTER,
    CourseFolder,
    LessonName,
    LessonNames,
    Students,
    cleaned,
    print_names,
    progress_bar,
    split_names,
)

if TYPE_CHECKING:
    from rich.console import Console

    from storyteller_grading.classroom.course import Course

    Format = str
    FeedbackFormat = str
else:
    Format = Literal[*names()]  # what is in the registry
    FeedbackFormat = Literal[*names_with_feedback()]

HELP = f"Write the grades of nbgrader's gradebook as a csv for {listed(titles(), 'or')}, or as nbgrader does."


def feedback(
    lesson: LessonName,
    course: CourseFolder = Path(),
    students: Students = "",
    pack: Annotated[
        FeedbackFormat | None,
        typer.Option("--zip", help="Pack the pages as well, into a zip that hands them out in this system."),
    ] = None,
) -> None:
    """Write a page for each student, and an index of all; `nbgrader release_feedback` or an LMS hands the pages out.

    Exit code 1: the pages are written, and the zip that --zip asks for cannot be.
    """
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lms.registry import SYSTEMS
    from storyteller_grading.classroom.reports.feedback import write_feedback
    from storyteller_grading.classroom.reports.give_back import pack_feedback

    opened, name = Course.open(course), lesson_folder(lesson).name
    with progress_bar() as progress:
        bar = progress.add_task(name, total=None)
        index, written = write_feedback(
            opened,
            name,
            split_names(students),
            begin=lambda total: progress.update(bar, total=total),
            step=lambda student: progress.advance(bar),
        )
    print(f"{agreeing(len(written), f'{len(written)} page[|s]')}. The index: {index}")
    if pack:
        system = SYSTEMS[pack]
        try:
            packed = pack_feedback(opened, name, system, [record.student for record in written])
        except StorytellerError as error:
            print(f"The pages are written, and there is no zip. {error}")
            raise typer.Exit(1) from None
        print(f"{packed.pages} page{'s' * (packed.pages != 1)} for {system.title}: {packed.file}")
        print(f"Upload it there: {system.feedback_place}.")
        missing = f"did not hand in through {system.title} and [is|are] not in the zip; hand out their pages yourself"
        print_names(packed.missing, missing, Console(highlight=False))


def report(
    lessons: LessonNames = None,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; report.html in the course's folder if left out.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the points by student and exercise too.")] = None,
) -> None:
    """Write what there is to know of a class as one page: how hard it was, mistakes, who is stuck where."""
    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.class_report import write_report

    opened = Course.open(course)
    names = [lesson_folder(lesson).name for lesson in lessons or []]
    out = opened.check_output(out or opened.folder / "report.html")
    if csv is not None and opened.check_output(csv).resolve() == out.resolve():
        raise StorytellerError(f"{csv} would be page and table in one: name another file with --csv.")
    print(write_report(opened, names, out, csv))
    if csv is not None:
        print(f"The points by student and exercise: {csv}")


def similar(
    lesson: LessonName,
    course: CourseFolder = Path(),
    out: Annotated[Path | None, typer.Option(help="The page; similar/LESSON.html if left out.")] = None,
    like: Annotated[float, typer.Option(min=0.05, max=1.0, help="The score from which a pair is shown.")] = 0.35,
) -> None:
    """Show which submissions are alike, and which are the course's own text: evidence to look at, no verdict."""
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.reports.similar import write_similar

    opened, loaded = Course.open(course), load_lesson(lesson_folder(lesson))
    out = opened.check_output(out or opened.folder / "similar" / f"{loaded.name}.html")
    page, found = write_similar(opened, loaded, out, like=like)
    pairs, copies = len(found.pairs), len({one.student for one in found.of_the_course})
    said = f"{pairs} pair{'s' * (pairs != 1)} to look at" if pairs else "No pair has much in common"
    copied = agreeing(copies, f"{copies} of {found.compared} students [has|have] the course's own text")
    print(f"{said}, and {copied}: {page}")


def export(
    lessons: LessonNames = None,
    course: CourseFolder = Path(),
    form: Annotated[Format, typer.Option("--format", help="For whom it is.")] = "canvas",
    out: Annotated[
        Path | None, typer.Option(help="The file; grades-FORMAT.csv in the course's folder if left out.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help='What a lesson is called there, such as "01=Data preparation (4711)".')
    ] = None,
    regrades: Annotated[
        bool,
        typer.Option("--regrades", help="No grades but the log of regrades and overruled points: regrades.csv."),
    ] = False,
    canvas: Annotated[
        bool, typer.Option("--canvas", help="To Canvas's web service, by lms.toml; shows what would be sent.")
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="With --canvas: send it.")] = False,
    autograder: Annotated[
        Literal["gradescope"] | None,
        typer.Option(help="No grades but a lesson's autograder for this service: autograders/LESSON-SERVICE.zip."),
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="With --autograder: it grades also where no sandbox holds.")
    ] = False,
    percent: Annotated[
        bool, typer.Option("--percent", help=f"Percent in place of points, for {listed(titles(), 'and')}.")
    ] = False,
) -> None:
    """Write the grades of nbgrader's gradebook as a csv; `HELP` names for whom."""
    from rich.console import Console

    from storyteller.errors import StorytellerError
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.classroom.course import Course
    from storyteller_grading.classroom.lateness import late_rule
    from storyteller_grading.classroom.lms.grades_csv import export_grades
    from storyteller_grading.classroom.lms.registry import SYSTEMS

    opened, console = Course.open(course), Console(highlight=False)
    chosen = [lesson_folder(lesson).name for lesson in lessons or []]
    if send and not canvas:
        raise StorytellerError("--send goes with --canvas: a csv is imported by hand.")
    if out:
        opened.check_output(out)
    if unsafe and not autograder:
        raise StorytellerError("--unsafe goes with --autograder: nothing else here runs a student's code.")
    if canvas:
        if not chosen:
            raise StorytellerError("Name the lesson, such as storyteller-grade export 01 --canvas.")
        for name in chosen:
            send_to_canvas(opened, name, console, send=send)
        return
    if autograder:
        export_autograders(opened, lessons or [], out, unsafe=unsafe)
        return
    if regrades:
        write_regrades(opened, chosen, out or opened.folder / "regrades.csv")
        return
    target = out or opened.folder / f"grades-{form}.csv"
    columns = {}
    for option in column or []:
        lesson, equals, title = option.partition("=")
        if not equals or not title.strip():
            raise StorytellerError(f'--column {option!r} is no such thing as "01=Data preparation (4711)".')
        name = lesson_folder(lesson.strip()).name
        if chosen and name not in chosen:
            raise StorytellerError(f"--column {option!r} names {name}, and only {', '.join(chosen)} is exported.")
        columns[name] = title.strip()
    done = export_grades(opened, form, target, lessons=chosen, columns=columns, percent=percent)
    console.print(
        agreeing(done.students, f"{done.students} student[|s]: ") + str(done.file), markup=False, soft_wrap=True
    )
    print_names(done.strangers, NOT_ON_THE_ROSTER, console)
    waiting = "[has|have] a written answer that waits for a person, and [stands|stand] there without its points"
    print_names(done.waiting, waiting, console)
    print_names(done.disarmed, "would be computed by a spreadsheet and [has|have] an apostrophe in front now", console)
    if done.late:
        print_names(done.late, f"[was|were] late; the rule: {late_rule(opened)}", console)
    if limit := SYSTEMS[form].limit:
        refused = (
            f"[has|have] more than {limit.points:g} in a lesson, which {SYSTEMS[form].title} refuses {limit.unless}"
        )
        way_out = "" if percent else "; --percent makes the most points of a lesson 100"
        print_names(done.above, refused + way_out, console)


def write_regrades(course: "Course", lessons: list[str], out: Path) -> None:
    """Write the log of regrades, of some lessons where some are named."""
    from storyteller.utils.atomic_io import write_whole
    from storyteller_grading.classroom.autograde.records import Records
    from storyteller_grading.classroom.regrade_requests import log_csv

    with Records(course.records_file) as records:
        changes = [change for change in records.all_changes() if not lessons or change.lesson in lessons]
    write_whole(out, log_csv(changes).encode("utf-8-sig"))  # the mark is for Excel
    print(f"{len(changes)} entr{'y' if len(changes) == 1 else 'ies'}: {out}")


def send_to_canvas(course: "Course", lesson: str, console: "Console", *, send: bool) -> None:
    """Show which grades of a lesson differ from those in Canvas, and send them if asked to."""
    from rich.table import Table
    from rich.text import Text

    from storyteller_grading.classroom.lms.grades_csv import read_grades
    from storyteller_grading.classroom.lms.remote.canvas import CanvasRemote
    from storyteller_grading.classroom.lms.remote.remote import compare
    from storyteller_grading.classroom.lms.remote.settings import read_settings
    from storyteller_grading.classroom.lms.system import format_points

    grades = read_grades(course, [lesson])
    remote = CanvasRemote(read_settings(course, "canvas", lesson))
    with remote.connection:
        sending = compare(course, lesson, grades, remote.grades())
        table = Table(title=lesson)
        for title in ("student", "Canvas's user", "there now", "to be sent"):
            table.add_column(title, justify="left" if title == "student" else "right")
        for student, user, before, after in sending.changes:
            shown = "–" if before is None else format_points(before)
            table.add_row(*map(Text, (cleaned(student), cleaned(user), shown, format_points(after))))
        if sending.changes:
            console.print(table)
        count = f"{len(sending.changes)} grade{'s' * (len(sending.changes) != 1)}"
        console.print(f"{count} to send; {sending.same} in Canvas as here.")
        print_names(
            sending.unknown,
            "[has|have] a grade here and [is|are] not found there for certain: mend roster.csv",
            console,
        )
        print_names(sending.others, "[is|are] in Canvas and not on the roster", console)
        waiting = "[has|have] a written answer that waits for a person; no points for it are in the grade"
        print_names(grades.waiting, waiting, console)
        if send and sending.changes:
            remote.send(sending.points())
            console.print(f"Sent: Canvas has entered {count}.")
        elif sending.changes:
            console.print(f"Nothing was sent: storyteller-grade export {lesson[:2]} --canvas --send does that.")


def export_autograders(course: "Course", lessons: list[str], out: Path | None, *, unsafe: bool) -> None:
    """Write the autograders of some lessons for Gradescope.

    Raises:
        StorytellerError: no lesson is named, or several go into one file.
    """
    import tempfile

    from storyteller.errors import StorytellerError
    from storyteller_course.exercises.lesson import load_lesson
    from storyteller_grading.builder.lesson_folders import lesson_folder
    from storyteller_grading.release.gradescope import autograder_zip, write_autograder
    from storyteller_grading.release.wheel import build_wheel, constraints_file

    if not lessons or (out and len(lessons) > 1):
        raise StorytellerError("Name the lesson, such as storyteller-grade export 01 --autograder gradescope.")
    with tempfile.TemporaryDirectory() as place, progress_bar() as progress:
        progress.add_task("the library", total=None)
        wheel = build_wheel(Path(place))
        for name in lessons:
            lesson = load_lesson(lesson_folder(name))
            content = autograder_zip(lesson, course.secret(), wheel, constraints_file(), unsafe=unsafe)
            file = out or course.folder / "autograders" / f"{lesson.name}-gradescope.zip"
            write_autograder(file, content)
            print(f"{file} ({len(content) / 1e6:.1f} MB) is for Gradescope: Configure Autograder, Zip file upload.")
            points = sum(one.points for one in lesson.exercises.values() if not one.bonus)
            print(f"Give the assignment {points} points there. Answers are in the zip: show it to no student.")
