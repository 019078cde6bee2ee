"""When something was handed in is read exactly or not at all; what is not read is named, wherever it comes from."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_class import NAME, hand_in, make_course, make_lesson
from toy_collect import course_with_roster, folder_of, posix

from storyteller_grading.classroom.autograde.records import Records
from storyteller_grading.classroom.course import UNTIMED, nbgrader_time, parsed_time, time_text
from storyteller_grading.classroom.intake.collect import collect
from storyteller_grading.classroom.reports.feedback import write_feedback
from storyteller_grading.cli import main

MORNING = datetime(2026, 10, 2, 8, 15, tzinfo=UTC)
NO_TIME = [
    "2026-10-02 08:15:00 EDT",
    "2026-10-02 08:15:00 CET",
    "2026-10-02 08:15:00 IST",
    "2026-10-02 08:15:00",
    "2026-10-02 08:15 UTC",
    "2026-10-02",
    "03.10.2026 08:15",
    "10/03/2026 08:15:00 UTC",
    "08:15",
    "08:15:00 UTC",
    "2 October 2026 08:15:00 UTC",
    "2026-13-02 08:15:00 UTC",
    "2026-02-30 08:15:00 UTC",
    "2026-10-02 24:15:00 UTC",
    "2026-10-02 08:15:60 UTC",
    "2026-10-02 08:15:00 +2500",
    "2026-10-02 08:15:00 UTC and more",
    "2026-10-02 08:15:00 UTC+2",
    "0001-01-01 00:00:00 +0100",
    "1759392900",
    "today",
    "<b>",
    "",
    " 23:59" + "0" * 60 + ".Z" + "0" * 32,
    "9" * 150,
    "٢٠٢٦-10-02 08:15:00 UTC",
]


@pytest.mark.parametrize("text", NO_TIME)
def test_what_is_not_exact_is_no_time(text):
    assert parsed_time(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-02 08:15:00 UTC",
        "2026-10-02 08:15:00.000000 UTC\n",
        " 2026-10-02 08:15:00.0 GMT",
        "2026-10-02T08:15:00Z",
        "2026-10-02 10:15:00 +0200",
        "2026-10-02 04:15:00-04:00",
        "2026-10-02 13:45:00 +05:30",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_nbgraders_form_is_read_also_as_windows_saves_it(text, encoding):
    assert parsed_time(time_text(text.encode(encoding))) == MORNING


@settings(max_examples=200, deadline=None)
@given(st.datetimes(), st.integers(-1439, 1439))
def test_every_moment_that_is_written_is_read_again(when, minutes):
    zone = timezone(timedelta(minutes=minutes))
    try:
        moment = when.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return
    assert parsed_time(nbgrader_time(moment)) == moment
    assert parsed_time(when.replace(tzinfo=zone).isoformat(" ", "microseconds")) == moment


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("0123456789-: .TZUCEST+apm/,\0ü"), max_size=40) | st.binary(max_size=40).map(time_text))
def test_no_text_is_a_traceback(text):
    when = parsed_time(text)
    assert when is None or when.tzinfo is UTC


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_lesson(tmp_path_factory.mktemp("lesson"))


def autograded(course, home) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["autograde", str(home), "--course", str(course.folder), "--unsafe"])
    return stopped.value.code


def test_autograde_and_the_page_name_it_until_it_is_mended(tmp_path, home, capsys):
    course = make_course(tmp_path / "course")
    hand_in(course, "ada", "{}", when=NO_TIME[-3])  # nothing to judge, which takes no time
    hand_in(course, "bob", "{}", when="2026-10-02 08:15:00 UTC")
    stamp = course.submitted / "ada" / NAME / "timestamp.txt"
    for _ in range(2):  # graded, and then kept
        assert autograded(course, home) == 1
        said = capsys.readouterr().out.replace("\n", " ")
        assert "1 has a timestamp.txt without a time such as 2026-10-02 08:15:00 UTC and COUNTS AS ON TIME" in said
        assert "ada (' 23:59000" in said or "ada ('23:59000" in said
    index, _ = write_feedback(course, NAME)
    page = (course.feedback / "ada" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert UNTIMED in page
    assert index.read_text(encoding="utf-8").count("it is not known when it came") == 1
    stamp.write_bytes("2026-10-02 08:15:00 UTC".encode("utf-16"))  # as PowerShell writes it
    assert autograded(course, home) == 0
    with Records(course.records_file) as records:
        assert records.latest(NAME, "ada").submitted_at == MORNING
        assert UNTIMED not in records.latest(NAME, "ada").data["notes"]


def test_a_timestamp_that_is_no_file_is_that_students_note(tmp_path):
    course = make_course(tmp_path / "course")
    for student in ("ada", "bob", "cyd"):
        hand_in(course, student, "{}")
    (course.submitted / "ada" / NAME / "timestamp.txt").mkdir()
    (course.submitted / "bob" / NAME / "timestamp.txt").write_bytes(b"2026-10-02 08:15:00 UTC" + b" " * 5000)
    ada, bob, cyd = course.submissions(NAME)
    assert ada.untimed
    assert bob.untimed
    assert (ada.notes, bob.notes, cyd.notes) == ((UNTIMED,), (UNTIMED,), ())
    assert not cyd.untimed


@pytest.mark.parametrize("text", ["03.10.2026 08:15", "", "soon \x1b[31m" + "x" * 500])
def test_collect_takes_the_work_and_hands_the_text_on(tmp_path, text):
    course = course_with_roster(tmp_path / "course")
    files = {
        f"ada/{NAME}/x.ipynb": "Ada's",
        f"ada/{NAME}/timestamp.txt": text.encode(),
        f"alan/{NAME}/x.ipynb": "Alan's",
    }
    source = folder_of(tmp_path / "all", files)
    collected = collect(course, NAME, source)
    assert collected.new == ["ada", "alan"]
    assert [one.partition(" ")[0] for one in collected.untimed] == ["ada"]
    assert collected.needs_a_look
    ada, alan = course.submissions(NAME)
    assert (bool(ada.untimed), bool(alan.untimed)) == (True, False)
    assert collect(course, NAME, source).same == ["ada", "alan"]


@posix
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_of_the_exchange_are_those_of_its_zone_or_named(tmp_path, zone):
    course, root = course_with_roster(tmp_path / "course"), tmp_path / "exchange"
    config = f"c = get_config()\nc.Exchange.root = {str(root)!r}\nc.Exchange.timezone = {zone!r}\n"
    config += 'c.CourseDirectory.course_id = "toys"\n'
    (course.folder / "nbgrader_config.py").write_text(config, encoding="utf-8")
    for name, when in (
        ("ada", "2026-10-02 04:15:00.000000 EDT+x1y"),
        ("alan", "2026-10-02 10:15:00 +0200"),
        ("zoe", "2026-12-02 08:15:00 UTC"),
        ("zoe", "yesterday"),
    ):
        folder_of(root / "toys" / "inbound" / f"{name}+{NAME}+{when}", {f"{NAME}.ipynb": when})
    collected = collect(course, NAME)
    ada, alan, zoe = course.submissions(NAME)
    assert ada.submitted_at == (MORNING if zone != "UTC" else None)
    assert [one.partition(" ")[0] for one in collected.untimed] == ["ada"] * (zone == "UTC")
    assert bool(ada.untimed) == (zone == "UTC")
    assert (alan.submitted_at, zoe.submitted_at) == (MORNING, datetime(2026, 12, 2, 8, 15, tzinfo=UTC))
