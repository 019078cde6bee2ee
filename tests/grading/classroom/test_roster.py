"""A roster is read as the spreadsheet meant it, or refused with the line at fault: nobody is lost or renamed."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.roster import COLUMNS, Student, is_student_id, read_roster, roster_text
from storyteller_grading.cli import main

HEAD = "id,first_name,last_name,email,lms_user_id"
ZOE = Student("zoe", "Zoë", "O'Neill", "zoe@example.org", "1003")
LINE = "zoe,Zoë,O'Neill,zoe@example.org,1003"


@pytest.fixture
def roster(tmp_path):
    def written(content: bytes | str):
        file = tmp_path / "roster.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_roster(file)

    return written


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_excel_and_libreoffice_save_is_read(roster, encoding, separator, end):
    text = end.join(line.replace(",", separator) for line in (HEAD, LINE, ""))
    assert roster(text.encode(encoding)) == [ZOE]


def test_a_mark_of_utf_16_big_endian_is_understood(roster):
    assert roster(b"\xfe\xff" + f"{HEAD}\n{LINE}\n".encode("utf-16-be")) == [ZOE]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "mac-roman", "cp850"])
def test_the_encoding_of_a_region_is_refused_with_its_line(roster, encoding):
    with pytest.raises(
        StorytellerError, match=r"line 3, cannot be read, for its byte 0x.. is no UTF-8: save it as a csv"
    ):
        roster(f"{HEAD}\nada,Ada,Lovelace,,\n{LINE}\n".encode(encoding))


@pytest.mark.parametrize("blank", ["", ",,,,", " , ,,, ", ",,,,,,,,", '"","","","",""', "\t"])
def test_empty_lines_are_passed_over_wherever_they_stand(roster, blank):
    assert roster(f"{HEAD}\n{blank}\n{LINE}\n{blank}\n{blank}\n") == [ZOE]
    assert roster(f"{blank}\n{HEAD}\n{LINE}") == [ZOE]


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (['alan,"Alan,Turing,,', "ada,Ada,Lovelace,,", LINE], 2),  # swallows all to the end
        (["ada,Ada,Lovelace,,", 'alan,"Alan,Turing,,', 'zoe,"Zoë",,,'], 3),  # up to another mark
        (['alan,"Alan,Turing,,', 'bob,Bob",Byrd,,', LINE], 2),  # and becomes one name of two lines
        (['ada,"Ada"x,Lovelace,,'], 2),
        (['ada,"Ada', 'Augusta",Lovelace,,'], 2),
    ],
)
def test_a_quotation_mark_that_is_not_closed_swallows_nobody(roster, lines, number):
    with pytest.raises(StorytellerError, match=f"line {number}, has a quotation mark that is not closed"):
        roster("\n".join([HEAD, *lines]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,email\nAda,x\n", "has no column `id`: its first line is 'name, email', and the columns' names belong"),
        (f"sep=;\n{HEAD}\n".replace(",", ";"), "has no column `id`: its first line is 'sep="),
        ("", "has no column `id`"),
        (b"\xff\xfe", "has no column `id`"),
        ("id,id\nada,alan\n", "column `id` more than once"),
        (f"{HEAD}\nada,Ada,Lovelace, Countess,ada@example.org,1001\n", "line 2, has 6 cells, and there are 5 columns"),
        (f"{HEAD}\n,Ada,Lovelace,,\n", "line 2, has no student's id: ''"),
        (f"{HEAD}\n\n_ada,Ada,Lovelace,,\n", "line 3, has no student's id: '_ada'"),
        (f"{HEAD}\n../ada,Ada,,,\n", r"line 2, has no student's id: '\.\./ada'"),
        (f"{HEAD}\nada,,,,\nada,,,,\n", "line 3, has a student a second time"),
        (f"{HEAD}\nJos\u00e9,,,,\nJose\u0301,,,,\n", "line 3, has a student a second time"),
        (f"{HEAD}\nada,,,,17\nalan,,,,17\n", "line 3, gives 'alan' the lms_user_id '17' of 'ada'"),
        (f"{HEAD}\nada,,,,1.23457E+11\n", r"line 2, has '1.23457E\+11' as `lms_user_id`, which a spreadsheet"),
        (f"{HEAD}\nada,,,,1001.0\n", "line 2, has '1001.0' as `lms_user_id`"),
        (f'{HEAD}\n"1,2E+07",,,,\n', "line 2, has '1,2E.07' as `id`"),
        (f"{HEAD}\nada,A\0da,,,\n", "line 2, has a control character"),
        (b"PK\x03\x04xl/workbook", "is a workbook and no csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook and no csv"),
        (b"\xff\xfea", "line 1, cannot be read"),
        (f"{HEAD}\nada,{'x' * 200_000},,,\n", "line 2, has a quotation mark"),
    ],
)
def test_what_is_not_certain_is_one_sentence(roster, content, said):
    with pytest.raises(StorytellerError, match=said):
        roster(content)


@pytest.mark.parametrize("head", ["ID,First_Name", " id , first_name ", '"id","first_name"', "first_name,id"])
def test_names_of_columns_may_be_written_otherwise(roster, head):
    cells = "Ada,ada" if head.startswith("first") else "ada,Ada"
    assert roster(f"{head}\n{cells}\n") == [Student("ada", "Ada")]


def test_columns_that_are_missing_or_unknown_do_no_harm(roster):
    assert roster("section,id\nA,ada\nB,alan\n") == [Student("ada"), Student("alan")]
    assert roster(f"{HEAD}\nada\n") == [Student("ada")]


def test_leading_zeros_stay_and_tell_two_apart(roster):
    people = roster(f"{HEAD}\n0042,Bo,Lee,bo@x.org,0042\n42,Bo,Lee,lee@x.org,42\n")
    assert [(one.id, one.lms_user_id) for one in people] == [("0042", "0042"), ("42", "42")]


@pytest.mark.parametrize("name", ["Jose\u0301", "सीता", "สมชาย", "Nguyễn", "ada.l@x.org", "o'neill", "山田", "4711"])
def test_ids_of_all_scripts_are_ids(roster, name):
    assert is_student_id(name)
    assert roster(f"{HEAD}\n{name},,,,\n") == [Student(name)]


@pytest.mark.parametrize("name", ["", "_x", ".x", "-x", "\u0301x", "a/b", "a\\b", "a\nb", "a:b", "x" * 101, "a\u202eb"])
def test_what_cannot_be_a_folder_is_no_id(name):
    assert not is_student_id(name)


def test_a_file_that_may_not_be_read_or_is_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "roster.csv").mkdir()
    with pytest.raises(StorytellerError, match=r"roster.csv cannot be read \("):
        read_roster(tmp_path / "roster.csv")


def test_commands_end_with_that_sentence(tmp_path, capsys):
    for name, content in (
        ("nbgrader_config.py", b"c = get_config()\n"),
        ("roster.csv", f"{HEAD}\nö\n".encode("cp1252")),
    ):
        (tmp_path / name).write_bytes(content)
    for command in (["collect", "01", str(tmp_path)], ["report"], ["export"], ["feedback", "01"]):
        with pytest.raises(SystemExit) as stopped:
            main([*command, "--course", str(tmp_path)])
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
    assert Course(tmp_path).roster_file.is_file()


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12).map(str.strip)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=6),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_every_name_that_a_csv_writer_writes_is_read_again(tmp_path_factory, names, separator, encoding, end):
    students = [Student(f"s{number}", *cells) for number, cells in enumerate(names)]
    table = io.StringIO()
    writer = csv.writer(table, delimiter=separator, lineterminator=end)
    writer.writerows([COLUMNS, *((one.id, one.first_name, one.last_name, one.email, "") for one in students)])
    file = tmp_path_factory.mktemp("roster") / "roster.csv"
    file.write_bytes(table.getvalue().encode(encoding))
    assert read_roster(file) == students


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 10))
def test_any_bytes_are_students_or_one_sentence(tmp_path_factory, noise, at, taken):
    whole = roster_text([("ada", "Ada", "Lovelace", "", "1"), ("zoe", "Zoë", "O'Neill", "", "2")]).encode()
    file = tmp_path_factory.mktemp("roster") / "roster.csv"
    file.write_bytes(whole[:at] + noise + whole[at + taken :])
    try:
        said, found = "", read_roster(file)
    except StorytellerError as error:
        said, found = str(error), []
    assert bool(said) == ("roster.csv" in said)
    assert "\n" not in said
    assert all(is_student_id(one.id) for one in found)
