"""Whose a file is, by all names that Moodle and Canvas write; nobody takes another's place by choosing a name."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_class import NAME
from toy_collect import ROSTER, aside, course_with_roster, folder_of, handed_in, zip_of

from storyteller_grading.classroom.course import Course
from storyteller_grading.classroom.intake.collect import collect
from storyteller_grading.classroom.intake.identify_student import People, match_key, read_claim
from storyteller_grading.classroom.roster import Student, roster_text

PEOPLE = People(
    [
        *(Student(*row) for row in ROSTER),
        Student("sita", "सीता", "शर्मा", "", "1007"),
        Student("gita", "गीता", "शर्मा"),
        Student("som", "สมชาย", "ใจดี", "", "1008"),
        Student("taro", "太郎", "山田"),
        Student("nazanin", "نازنین", "می‌خواهم"),
        Student("nguyen", "Thị Minh", "Nguyễn"),
        Student("sukarno", "Sukarno"),
    ]
)


@pytest.fixture
def course(tmp_path) -> Course:
    return course_with_roster(tmp_path / "course")


MOODLE = [  # what stands before the student's own name of the file; Moodle 3, 4 and 5, with folders and without
    "{}_12_assignsubmission_file_/",
    "{}_12_assignsubmission_file/",
    "{}_12_assignsubmission_file_/my work/lesson/",
    "{}_12_assignsubmission_file/09_toys/",
    "{}_12_assignsubmission_file_",
]


@pytest.mark.parametrize("form", MOODLE)
@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Ada Lovelace", "ada"),
        ("Lovelace Ada", "ada"),
        ("LOVELACE Ada", "ada"),
        ("Ada_Lovelace", "ada"),  # a program that unpacks puts `_` for a space
        ("Zoe ONeill", "zoe"),
        ("Zoë O’Neill", "zoe"),
        ("Zoe\u0308 O'Neill", "zoe"),  # macOS takes letters and accents apart
        ("सीता शर्मा", "sita"),
        ("गीता शर्मा", "gita"),
        ("สมชาย ใจดี", "som"),
        ("山田\u3000太郎", "taro"),
        ("نازنین می‌خواهم", "nazanin"),
        ("Nguyễn Thị Minh", "nguyen"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Minh"), "nguyen"),
        ("Sukarno", "sukarno"),
        ("Ana García", ""),  # two have this name
        ("Grace Hopper", ""),
        ("सुता शर्मा", ""),  # differs in a vowel
        ("Participant", ""),
    ],
)
def test_moodle(form, name, student):
    claim = read_claim(f"{form.format(name)}toys.ipynb", NAME)
    assert (PEOPLE.identify(claim)[0], claim.number, claim.file) == (student, "12", "toys.ipynb")


@pytest.mark.parametrize(
    ("file", "student"),
    [
        (f"lovelaceada_1001_501_{NAME}.ipynb", "ada"),
        (f"lovelaceada_LATE_1001_501_{NAME}-2.ipynb", "ada"),
        (f"lovelaceada_late_1001_501_{NAME}.ipynb", "ada"),
        (f"lovelace--ada-late_1001_501_{NAME}.ipynb", "ada"),  # as it was written in 2012
        ("lovelaceada_1001_501_x.ipynb.txt", "ada"),
        ("somebodyelse_1001_501_x.ipynb", "ada"),  # the id decides
        ("_1001_501_x.ipynb", "ada"),  # a name all of signs
        ("oneillzoë_4000_501_x.ipynb", "zoe"),  # the roster has no id of hers
        ("oneillzoe\u0308_4000_501_x.ipynb", "zoe"),
        ("शर्मासीता_1007_501_x.ipynb", "sita"),
        ("शर्मागीता_4001_501_x.ipynb", "gita"),
        ("ใจดีสมชาย_1008_501_x.ipynb", "som"),
        ("ใครไม่รู้_1008_501_x.ipynb", "som"),
        ("ใจดีสมชาย_4002_501_x.ipynb", ""),  # the roster has another id of his
        ("lovelaceada_1002_501_x.ipynb", "alan"),
        ("lovelaceada_1099_501_x.ipynb", ""),
        ("oneillzoë_1003_505_my_12_34_work (2).ipynb", "zoe"),
        ("anon_1001_501_x.ipynb", ""),  # an anonymous assignment: no user's id
        ("LATE_anon_1001_501_x.ipynb", ""),
        ("anon_xY3a_501_x.ipynb", ""),
    ],
)
def test_canvas(file, student):
    assert PEOPLE.identify(read_claim(file, NAME))[0] == student


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("m_1001_1003_99_x.ipynb", ""),  # of `m_1001`, user 1003, or of `m`, user 1001
        ("m_1001_1002_99_x.ipynb", ""),
        ("lovelaceada_1001_1003_99_x.ipynb", ""),
        ("lovelaceada_1001_5_x_1002_99_f.ipynb", ""),
        ("oneillzoe_1003_505_lovelaceada_1001_5_x.ipynb", ""),
        (f"m_1001_1002_99_{NAME}.ipynb", "alan"),  # the lesson's name shows where the student's own begins
        (f"m_1001_1099_99_{NAME}.ipynb", ""),
        (f"lovelaceada_1001_5_x_1002_99_{NAME}-1.ipynb", "alan"),
        ("lovelaceada_1001_501_02_more.ipynb", "ada"),  # no id begins with 0
    ],
)
def test_a_name_that_can_be_read_in_two_ways_is_nobodys(file, student):
    assert PEOPLE.identify(read_claim(file, NAME))[0] == student


def test_of_a_lesson_whose_number_looks_like_an_id_canvas_names_are_read():
    assert PEOPLE.identify(read_claim("lovelaceada_1001_501_10_rhymes.ipynb", "10_rhymes"))[0] == "ada"


@pytest.mark.parametrize("form", ["Ada Lovelace_{}_assignsubmission_file_/x.ipynb", "oneillzoe_{}_7_x.ipynb"])
def test_two_users_of_the_lms_with_one_name_are_nobodys(course, tmp_path, form):
    files = {form.format(12): "one", form.format(13): "other", "lovelaceada_1001_5_x.ipynb" if "_7_" in form else
             "Alan Turing_14_assignsubmission_file_/x.ipynb": "third"}  # fmt: skip
    collected = collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert [*handed_in(course).values()] == ["third"]
    assert aside(course) == ["one", "other"]
    assert all("user 12 and user 13 may be two people" in why for why in collected.unmatched.values())
    assert collected.needs_a_look


def test_two_files_of_one_user_are_the_users(course, tmp_path):
    files = {f"Ada Lovelace_12_assignsubmission_file_/{name}.ipynb": name for name in ("a", NAME, "z")}
    collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert handed_in(course) == {"ada": NAME}


def test_two_names_for_one_student_are_nobodys_and_one_name_written_twice_is_not(course, tmp_path):
    files = {"ada.ipynb": "hers", "Ada Lovelace.ipynb": "whose?", f"alan_{NAME}.ipynb": "1", "ALAN (2).ipynb": "2"}
    collected = collect(course, NAME, folder_of(tmp_path / "all", files))
    assert handed_in(course) == {"alan": "2"}
    assert aside(course) == ["hers", "whose?"]
    assert "'Ada Lovelace' and 'ada' may be two people, and each would be ada" in str(collected.unmatched)


def test_a_folder_of_the_lessons_name_in_one_hand_in_costs_nobody_else_theirs(course, tmp_path):
    files = {
        f"Ada Lovelace_12_assignsubmission_file_/{NAME}/{NAME}.ipynb": "Ada's",
        f"Ada Lovelace_12_assignsubmission_file_/{NAME}/timestamp.txt": b"2001-01-01 00:00:00 UTC",  # her own work
        "Alan Turing_13_assignsubmission_file_/toys.ipynb": "Alan's",
        "Zoe ONeill_14_assignsubmission_file_/08_more/toys.ipynb": "Zoe's",
    }
    collect(course, NAME, zip_of(tmp_path / "all.zip", files))
    assert handed_in(course) == {"ada": "Ada's", "alan": "Alan's", "zoe": "Zoe's"}
    assert [one.submitted_at for one in course.submissions(NAME)] == [None] * 3


def test_lessons_first_and_students_in_them(course, tmp_path):
    files = {f"{NAME}/ada/x.ipynb": "Ada's", "01_other/ada/x.ipynb": "another", "02_more/alan/x.ipynb": "another"}
    collected = collect(course, NAME, folder_of(tmp_path / "all", files))
    assert handed_in(course) == {"ada": "Ada's"}
    assert (collected.others, collected.unmatched) == (2, {})


LETTERS = st.text(st.characters(categories=["L", "M", "N", "Pd", "Zs"]), min_size=1, max_size=12)


@settings(max_examples=300, deadline=None)
@given(
    LETTERS, LETTERS, st.sampled_from(["{}_7_assignsubmission_file_/x.ipynb", "{}_7_assignsubmission_file/a/b.ipynb"])
)
def test_any_name_that_moodle_writes_is_its_students(first, last, form):
    people = People([Student("who", first, last), Student("other", "Ada", "Lovelace")])
    name = f"{first} {last}".replace("_", " ")
    if match_key(first) and match_key(last) and match_key(name) != "adalovelace":
        assert people.identify(read_claim(form.format(name), NAME))[0] == "who"


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=14),
    st.integers(1, 9999),
    st.integers(1, 9999),
    st.sampled_from([f"{NAME}.ipynb", f"{NAME}-3.ipynb"]),
)
def test_any_name_that_canvas_writes_with_the_lessons_own_file_is_read_by_its_id(name, user, attachment, file):
    kept = "".join(
        character for character in name if character == "_" or unicodedata.category(character)[0] in "LM" or
        character.isdecimal()
    )  # fmt: skip
    people = People([Student("who", lms_user_id=str(user)), Student("other", lms_user_id=str(user + 1))])
    if kept.lower() != "anon" and not kept.lower().endswith("_anon"):
        assert people.identify(read_claim(f"{kept}_{user}_{attachment}_{file}", NAME))[0] == "who"


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("a_1 2-é\u0301/.()+~0LATE"), max_size=60))
def test_no_name_at_all_is_a_traceback(name):
    student, why = PEOPLE.identify(read_claim(name, NAME))
    assert student or why


def test_a_roster_id_with_a_combining_mark_is_collected_and_found_again(course, tmp_path):
    name = "Jose\u0301"
    course.roster_file.write_text(roster_text([(name, "José", "Saramago", "", "")]), encoding="utf-8")
    collect(course, NAME, zip_of(tmp_path / "all.zip", {"jose\u0301.ipynb": "decomposed"}))
    assert handed_in(course) == {name: "decomposed"}
    assert course.passed_over() == []
