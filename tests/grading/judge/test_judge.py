"""The judge gives honest work its points, whatever an editor or a student's hand did to the notebook."""

import dataclasses
import json
import re

import pytest
from judge_lesson import (
    DEMO,
    HONEST,
    POINTS,
    REFERENCE,
    SECRET,
    cell_of,
    code,
    graded,
    make_lesson,
    notebook,
    points,
    stub,
    write,
)
from typer.testing import CliRunner

from lesson_files import write_checks
from storyteller.errors import StorytellerError
from storyteller_course.exercises.lesson import load_lesson
from storyteller_grading.judge import judge, remote_student, report
from storyteller_grading.judge.cell_names import analyse
from storyteller_grading.judge.hidden_seeds import hidden_seeds
from storyteller_grading.judge.notebooks import read_release
from storyteller_grading.judge.submission_clock import SubmissionClock
from storyteller_grading.judge.worker_client import starter

FULL = dict.fromkeys(("stream", "hunt", "victim"), 10) | {"scale": 20, "total": 20, "words": 30, "Linear": 20}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return load_lesson(make_lesson(tmp_path_factory.mktemp("honest")))


@pytest.fixture
def grade(lesson, tmp_path):
    """Grade a notebook here; without a sandbox where there is none, for it is our own."""
    return lambda document, **options: graded(lesson, tmp_path, document, **{"unsafe": True} | options)


def test_the_reference_has_full_marks_and_the_untouched_notebook_none(grade):
    whole = grade(notebook(REFERENCE))
    assert points(whole) == FULL
    assert (whole.earned, whole.points, whole.extra) == (POINTS, POINTS, 20)
    assert whole.notes == []
    nothing = grade(notebook())
    assert (nothing.earned, nothing.extra) == (0, 0)
    assert all(exercise.unfinished for exercise in nothing.exercises if exercise.name != "hunt")


def test_one_error_costs_once(grade):
    """`total` builds on `scale`; without parts of the course's own it uses the student's."""
    result = grade(notebook(HONEST | {"words": stub("words")}))
    assert points(result) == FULL | {"words": 0, "victim": 0}


def test_a_case_of_several_that_fails_costs_its_own_points(grade):
    changed = HONEST | {"scale": "def scale(x, factor):\n    return x.mul_(factor)"}
    result = grade(notebook(changed), only=("scale",))
    assert points(result) == {"scale": 15}
    assert "changed its argument" in result.exercises[0].cases[1].message


def test_a_guard_that_fails_loses_the_whole_exercise(grade):
    result = grade(notebook({"hunt": "def hunt(numbers):\n    return -1"}), only=("hunt",))
    assert points(result) == {"hunt": 0}


def test_a_forbidden_call_gets_a_sentence_and_no_points(grade):
    shortcut = "from collections import Counter\ndef words(text):\n    return Counter(text.split())"
    result = grade(notebook({"words": shortcut}), only=("words",))
    assert result.exercises[0].cases[0].kind == "shortcut"


def test_public_values_are_shown(grade):
    result = grade(notebook({"words": "def words(text):\n    print('hello')\n    return {}"}), only=("words",))
    case = result.exercises[0].cases[0]
    assert case.got == {}
    assert case.wanted
    assert case.printed == "hello\n"
    assert case.seed_index == 0


def test_without_a_secret_only_public_inputs_are_used(grade):
    memorised = (
        "def words(text):\n    from storyteller_course.exercises.exercise import Draw, PUBLIC\n"
        "    if text != Draw(PUBLIC, 'words', 'counts').text(20): raise TypeError\n"
        "    return {word: text.split().count(word) for word in text.split()}"
    )
    assert points(grade(notebook({"words": memorised}), only=("words",), secret=None)) == {"words": 30}
    assert points(grade(notebook({"words": memorised}), only=("words",))) == {"words": 0}


def test_seeds_do_not_tell_the_secret():
    seeds = hidden_seeds(SECRET, 3, "ab" * 32)
    assert len(set(seeds)) == 3
    assert not any(SECRET in seed for seed in seeds)
    assert hidden_seeds(None, 3, "ab" * 32) == ()


def test_what_one_grading_tells_says_nothing_of_the_next_hand_in_and_the_same_notebook_is_graded_alike(grade):
    """Even who knew all hidden inputs of a hand-in could not use them: another notebook gets others."""
    document = notebook({"words": HONEST["words"]})
    first = grade(document, only=("words",))
    assert points(first) == {"words": 30}
    assert len(first.seeds) == 2
    assert grade(document, only=("words",)).seeds == first.seeds
    known = (
        "def words(text):\n    from storyteller_course.exercises.exercise import Draw, PUBLIC\n"
        f"    known = [Draw(seed, 'words', 'counts').text(20) for seed in (PUBLIC, *{first.seeds!r})]\n"
        "    if text not in known: raise TypeError\n"
        "    return {word: text.split().count(word) for word in text.split()}"
    )
    second = grade(notebook({"words": known}), only=("words",))
    assert points(second) == {"words": 0}
    assert not set(first.seeds) & set(second.seeds)


# --- What editors and students do to a notebook


def lose_metadata(document):
    """Colab and VS Code."""
    for cell in document["cells"]:
        cell["metadata"] = {"colab": {"base_uri": "x"}}
        cell.pop("id", None)
    document["metadata"] = {"kernelspec": {"name": "python3.9-conda"}, "language_info": {"name": "R"}}


def new_ids(document):
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"new-{number}"


def same_ids(document):
    for cell in document["cells"]:
        cell["id"] = "same"


def reversed_cells(document):
    document["cells"].reverse()


def only_answers(document):
    document["cells"] = [cell for cell in document["cells"] if cell.get("id") in REFERENCE]


def as_lines(document):
    for cell in document["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def windows_lines(document):
    for cell in document["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n") + "\r\n"


def old_format(document):
    for cell in document["cells"]:
        cell["input"] = cell.pop("source")
    document["worksheets"] = [{"cells": document.pop("cells")}]


def doubled(document):
    document["cells"] *= 2


def copies_of_stubs(document):
    document["cells"] += [code(stub(name)) for name in REFERENCE if name != "hunt"]


def retyped(document):
    cell_of(document, "words")["cell_type"] = "markdown"
    document["cells"].append(code(REFERENCE["words"]))


def split(document):
    """The helper in one cell, the function in another."""
    cell_of(document, "words")["source"] = "def count(counts, word):\n    counts[word] = counts.get(word, 0) + 1"
    document["cells"].append(
        code(
            "def words(text):\n    counts = {}\n    if type(text) is not str: raise TypeError\n"
            "    for word in text.split(): count(counts, word)\n    return counts"
        )
    )


def merged(document):
    cell_of(document, "scale")["source"] = "\n\n".join(REFERENCE[name] for name in ("scale", "total", "words"))
    for name in ("total", "words"):
        document["cells"].remove(cell_of(document, name))


def helper_in_another_answer(document):
    cell_of(document, "stream")["source"] += "\n\ndef split(text):\n    return text.split()"
    cell_of(document, "words")["source"] = REFERENCE["words"].replace("text.split()", "split(text)")


def helper_in_a_demo(document):
    cell_of(document, "demo")["source"] = DEMO.replace("print(x)", "def split(text): return text.split()")
    cell_of(document, "demo")["source"] = cell_of(document, "demo")["source"].replace("raise SystemExit", "str")
    cell_of(document, "words")["source"] = REFERENCE["words"].replace("text.split()", "split(text)")


def assigned(document):
    cell_of(document, "hunt")["source"] = "hunt = max"
    cell_of(document, "scale")["source"] = "import operator\nscale = operator.mul"


def another_broken_cell(document):
    document["cells"].insert(2, code("def broken(:\n    pass"))
    document["cells"].insert(3, code("1 / 0"))
    document["cells"].insert(4, code("%%bash\nls"))
    document["cells"].insert(5, code("?torch\n!pip install torch\n%load_ext autoreload\nx = 3"))


def a_broken_answer(document):
    document["cells"].append(code("check('words')\nhint('words')\nprogress()\nuse('words')"))


def an_experiment_afterwards(document):
    document["cells"].append(code("def words(text):\n    return {}"))


def a_first_try_before(document):
    document["cells"].insert(2, code("def words(text):\n    return {}"))


CHANGES = [
    *(lose_metadata, new_ids, same_ids, reversed_cells, only_answers, as_lines, windows_lines, old_format, doubled),
    *(copies_of_stubs, retyped, split, merged, helper_in_another_answer, helper_in_a_demo, assigned),
    *(another_broken_cell, a_broken_answer, an_experiment_afterwards, a_first_try_before),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_notebook_that_was_changed_by_hand_or_editor_keeps_its_points(change, grade):
    document = notebook(HONEST)
    change(document)
    result = grade(document, only=("scale", "total", "words", "hunt"), draws=1)
    assert points(result) == {"scale": 20, "total": 20, "words": 30, "hunt": 10}, result.notes


def test_what_was_repaired_is_said(grade):
    document = notebook(HONEST)
    an_experiment_afterwards(document)
    same_ids(document)
    cell_of(document, "same")["id"] = "other"
    another_broken_cell(document)
    notes = "\n".join(grade(document, only=("words",)).notes)
    for said in ("have the same id", "define words; cell", "has lost its id", "is not Python", "ZeroDivisionError"):
        assert said in notes, said


def test_demos_are_not_run(grade):
    document = notebook(HONEST)
    cell_of(document, "demo")["source"] = "import os\nos._exit(0)"
    result = grade(document, only=("words",))
    assert result.notes == []


def test_a_syntax_error_in_an_answer_is_told_with_its_line(grade):
    result = grade(notebook(HONEST | {"scale": "def scale(x, factor):\n    return x *"}), only=("scale", "words"))
    assert points(result) == {"scale": 0, "words": 30}
    assert any("line 2 is not Python" in note for note in result.notes)


def test_an_answer_whose_cell_stopped_with_an_import_is_told_so(grade):
    result = grade(notebook(HONEST | {"scale": "import no_such_module\n\n" + HONEST["scale"]}))
    [scale] = [exercise for exercise in result.exercises if exercise.name == "scale"]
    assert scale.earned == 0
    for case in scale.cases:
        assert case.message.startswith("There is no `scale`: cell 4, its answer, stopped with ModuleNotFoundError")
        assert "no_such_module" in case.message


def test_an_answer_that_ends_its_process_before_it_defines_anything_is_told(grade):
    result = grade(notebook(HONEST | {"scale": "import os\nos._exit(0)"}), only=("scale", "words"))
    assert points(result) == {"scale": 0, "words": 30}
    assert len(result.notes) == 2
    assert "does not define scale" in result.notes[0]
    assert "line 2 was passed over: it ended the whole process" in result.notes[1]


def test_a_lesson_that_was_not_built_is_said(lesson, tmp_path):
    missing = dataclasses.replace(lesson, folder=tmp_path)
    with pytest.raises(StorytellerError, match="storyteller-grade build"):
        graded(missing, tmp_path, notebook())


WORDS = REFERENCE["words"]
LAST = 1 + WORDS.count("\n")  # the line on which the answer ends
STOPS = {  # what may stand in a cell beside a right answer, and what is said of it
    "a slow demo": (f"{WORDS}\nimport time\ntime.sleep(12)", f"line {LAST + 2} was passed over: it took more than"),
    "an endless demo": (f"{WORDS}\nwhile True: pass", f"line {LAST + 1} was passed over: it took more than"),
    "one that catches everything": (
        f"{WORDS}\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass",
        f"line {LAST + 1} was passed over: it took more than",
    ),
    "one long call": (f"{WORDS}\nsum(range(10**12))", f"line {LAST + 1} was passed over: it took more than"),
    "a slow demo above": (f"import time\ntime.sleep(99)\n{WORDS}", "line 2 was passed over: it took more than"),
    "two slow demos": (
        f"import time\ntime.sleep(99)\n{WORDS}\ntime.sleep(99)\ntime.sleep(99)",
        f"and line {LAST + 3} was passed over: it took more than",
    ),
    "all in a block": (
        "if True:\n    " + WORDS.replace("\n", "\n    ") + "\n    while True: pass",
        "line 1 was passed over: it took more than",
    ),
    "all under a magic": (f"%%time\n{WORDS}\nwhile True: pass", f"line {LAST + 2} was passed over"),
    "the end of the process": (f"{WORDS}\nimport os\nos._exit(0)", f"line {LAST + 2} was passed over: it ended"),
    "a question": (f"{WORDS}\ninput('?')", "RuntimeError: nobody can type here"),
    "a password": (f"{WORDS}\nimport getpass\ngetpass.getpass()", "RuntimeError: nobody can type here"),
    "the debugger": (f"{WORDS}\nbreakpoint()", "RuntimeError: nobody can type here"),
    "an end": (f"{WORDS}\nraise SystemExit", "raised SystemExit; what it had defined so far was kept"),
    "an interrupt": (f"{WORDS}\nraise KeyboardInterrupt", "raised KeyboardInterrupt; what it had"),
    "the end of a kernel": (f"{WORDS}\nexit()", ""),
}


@pytest.mark.parametrize(("answer", "said"), STOPS.values(), ids=STOPS)
def test_a_right_answer_beside_code_that_cannot_be_run_has_its_points(answer, said, grade, monkeypatch):
    monkeypatch.setattr(remote_student, "CELL_TIMEOUT_S", 3.0)
    result = grade(notebook({"words": answer}), only=("words",))
    assert points(result) == {"words": 30}
    assert said in " ".join(result.notes)
    assert bool(result.notes) == bool(said)


def test_of_a_cell_that_never_ends_the_reason_is_told_where_its_answer_is_missing(grade, monkeypatch):
    monkeypatch.setattr(remote_student, "CELL_TIMEOUT_S", 2.0)
    hangs = "@(lambda function: [0 for _ in iter(int, 1)])\ndef words(text):\n    return {}"
    result = grade(notebook({"words": hangs}), only=("words",))
    assert points(result) == {"words": 0}
    assert [case.message for case in result.exercises[0].cases] == [
        "There is no `words`: cell 8, its answer, was left out: it took more than 2 seconds."
    ] * 2


@pytest.mark.parametrize(
    "magics",
    ["%%time", "%%timeit -n 1", "%%capture out", "%%prun", "%%wandb", "# mine\n\n%%time", "%%capture\n%%time"],
)
def test_a_magic_about_a_whole_cell_does_not_hide_what_it_defines(magics, grade):
    result = grade(notebook({"words": f"{magics}\n{WORDS}"}), only=("words",))
    assert points(result) == {"words": 30}
    assert result.notes == []


def test_a_cell_in_another_language_defines_nothing(grade):
    result = grade(notebook({"words": f"%%bash\n{WORDS}"}), only=("words",))
    assert points(result) == {"words": 0}
    assert result.notes == ["Cell 8 does not define words."]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (f"from google.colab import drive\n{WORDS}", "stopped with ModuleNotFoundError: No module named 'google"),
        (f"data = open('/content/stories.txt').read()\n{WORDS}", "stopped with FileNotFoundError: [Errno 2] No such"),
        ("counts = {}", "does not define it."),
    ],
)
def test_what_failed_is_said_where_an_answer_is_missing(answer, failed, grade):
    result = grade(notebook({"words": answer}), only=("words",))
    assert points(result) == {"words": 0}
    for case in result.exercises[0].cases:
        assert case.message.startswith(f"There is no `words`: cell 8, its answer, {failed}")


def test_an_answer_that_is_nowhere_is_told_so(grade):
    document = notebook()
    document["cells"].remove(cell_of(document, "words"))
    case = grade(document, only=("words",)).exercises[0].cases[0]
    assert case.message == "There is no `words`: no cell of this notebook defines it."


def test_a_syntax_error_is_noted_once_and_without_names_of_files(grade):
    result = grade(notebook({"words": "def words(text):\n    return text *"}), only=("words",))
    assert result.notes == ["Cell 8, line 2 is not Python (invalid syntax); the others were run."]
    assert "stopped with SyntaxError: invalid syntax." in result.exercises[0].cases[0].message


def in_the_check_below(document):
    cell_of(document, "words-check")["source"] = f'{WORDS}\n\ncheck("words")'


def in_the_set_up(document):
    cell_of(document, "setup")["source"] += f"\n\n{WORDS}"


def in_the_check_of_another_beside_half_an_answer(document):
    cell_of(document, "words")["source"] = "# my answer is below\n" + stub("words")
    cell_of(document, "scale-check")["source"] = f'check("scale")\n{WORDS}'


def in_a_file_that_is_imported(document):
    place = document["cells"].index(cell_of(document, "words-check"))
    document["cells"].insert(place, code(f"%%writefile mine.py\n{WORDS}"))
    document["cells"].insert(place + 1, code("from mine import words"))


def in_a_demo(document):
    cell_of(document, "demo")["source"] = WORDS


def all_in_the_set_up(document):
    """As one who joins all cells of code, checks included; `check` is not to be run there."""
    document["cells"] = [cell_of(document, "setup")]
    answers = [f'{HONEST[name]}\ncheck("{name}")' for name in HONEST]
    document["cells"][0]["source"] = "\n\n".join([document["cells"][0]["source"], *answers])


@pytest.mark.parametrize(
    "place",
    [
        *(in_the_check_below, in_the_set_up, in_the_check_of_another_beside_half_an_answer, in_a_demo),
        *(in_a_file_that_is_imported, all_in_the_set_up),
    ],
)
def test_an_answer_in_the_wrong_cell_counts(place, grade):
    document = notebook({name: source for name, source in HONEST.items() if name != "words"})
    place(document)
    result = grade(document, only=("scale", "total", "words"), draws=1)
    assert points(result) == {"scale": 20, "total": 20, "words": 30}, result.notes
    assert any("words" in note for note in result.notes), result.notes
    assert not any("raised" in note for note in result.notes), result.notes


@pytest.mark.parametrize("told", ["fill in the TODOs above", "write its body"])
def test_a_cell_that_is_not_written_yet_goes_behind_an_answer_in_a_locked_cell(told, grade):
    document = notebook({name: source for name, source in HONEST.items() if name != "words"})
    body = f'raise NotImplementedError("words: {told}, then run the check below.")'
    cell_of(document, "words")["source"] = f"# Where do I begin?\ndef words(text):\n    {body}"
    in_the_check_below(document)
    assert points(grade(document, only=("words",), draws=1)) == {"words": 30}


def test_an_answer_in_its_own_cell_goes_before_one_in_a_locked_cell(grade):
    document = notebook(HONEST)
    cell_of(document, "words-check")["source"] = "def words(text):\n    return {}"
    result = grade(document, only=("words",))
    assert points(result) == {"words": 30}
    assert "whose own form was used" in result.notes[0]


def test_an_import_that_was_added_to_the_set_up_is_there(grade):
    document = notebook({"words": WORDS.replace("counts = {}", "counts = dict(collections.OrderedDict())")})
    cell_of(document, "setup")["source"] += "\nimport collections"
    assert points(grade(document, only=("scale", "words"))) == {"scale": 0, "words": 30}


def test_notes_name_a_few_of_many_cells(grade):
    document = notebook(HONEST)
    document["cells"] += [code(f"words = {number}") for number in range(300)]
    notes = grade(document, only=("words",)).notes
    assert "Cells 8, 18, 19, 20, 21 and 296 others define words; cell 8 was graded." in notes


# --- CellNames


def test_names_that_a_cell_binds_and_uses():
    found = analyse(
        "import a.b, c as d\nfrom e import f\ng: int = h\nfor i in j: pass\n"
        "def k(l):\n    m = n\n    global o\nclass p:\n    q = r\n[s for s in t]\n%time u = v\nw = lambda x: y"
    )
    assert set(found["binds"]) >= {"a", "d", "f", "g", "i", "k", "p", "w", "o"}
    assert not set(found["binds"]) & {"l", "m", "q", "s", "x", "b", "c"}
    assert set(found["uses"]) >= {"h", "j", "n", "r", "t", "y"}
    assert found["error"] == ""


def test_definitions_are_found_in_a_cell_that_is_not_python():
    found = analyse("def good(x):\n    return x\n\ndef bad(:\n    pass\nclass Third(")
    assert found["binds"] == ["Third", "bad", "good"]
    assert found["error"]


def test_the_release_knows_its_cells(lesson):
    release = read_release(lesson.notebook)
    assert {cell.role for cell in release.cells} == {"setup", "answer", "check", "demo"}
    assert release.imports == [
        "import torch",
        "from torch import nn",
        "from storyteller_course import check, hint, progress, use",
    ]


# --- Results


@pytest.mark.skipif(not starter(unsafe=True).layers.hold, reason="no layer of the sandbox holds here")
def test_three_submissions_from_the_command_line(lesson, tmp_path):
    from storyteller_grading.cli import app

    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    hostile = HONEST | {"scale": "import os\nos._exit(0)", "victim": "def victim(x, factor):\n    while True: pass"}
    wanted = {"right": (HONEST, 100), "half": ({"words": HONEST["words"]}, 30), "hostile": (hostile, 60)}
    for name, (answers, earned) in wanted.items():
        path = write(tmp_path / f"{name}.ipynb", notebook(answers))
        arguments = ["judge", str(path), "--lesson", str(lesson.folder), "--secret", str(secret)]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert f"{earned}/100" in done.output
        data = json.loads((tmp_path / f"{name}-result" / "result.json").read_text(encoding="utf-8"))
        assert (data["earned"], data["points"]) == (earned, 100)
        assert data["sandbox"]
        assert SECRET not in json.dumps(data)
        page = (tmp_path / f"{name}-result" / "result.html").read_text(encoding="utf-8")
        assert re.search(rf"{earned} of 100 points", page)


def test_of_a_notebook_that_cannot_be_read_nothing_is_said_of_the_sandbox(lesson, tmp_path):
    from storyteller_grading.cli import app

    path = write(tmp_path / "one.ipynb", "")
    done = CliRunner().invoke(app, ["judge", str(path), "--lesson", str(lesson.folder)], catch_exceptions=False)
    assert done.output.startswith("one.ipynb is not a notebook: it is empty; save it in Jupyter and hand it in again.")
    assert "sandbox" not in done.output
    assert "--secret" not in done.output


def test_a_secret_that_could_be_guessed_or_is_missing_is_refused(lesson, tmp_path):
    from storyteller_grading.cli import app

    path = write(tmp_path / "one.ipynb", notebook())
    (tmp_path / "short").write_text("abc", encoding="utf-8")
    for name, said in (("short", "make it longer"), ("none", "cannot be read")):
        arguments = ["judge", str(path), "--lesson", str(lesson.folder), "--secret", str(tmp_path / name)]
        with pytest.raises(StorytellerError, match=said):
            CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_result_is_plain_data(grade):
    result = grade(notebook({"words": "def words(text):\n    return {float('nan'): text}"}), only=("words", "scale"))
    data = json.loads(json.dumps(report.as_data(result)))
    assert data["exercises"][1]["cases"][0]["got"].startswith("{nan")
    assert report.as_table(result)[-1][1] == "0/50"


STRANGE = {
    "a complex number": "1j",
    "the root of a negative number": "(-8) ** (1 / 3)",
    "a number beyond all floats": "10**400",
    "a tensor of complex numbers": "x * 1j",
    "a list that holds itself": "(lambda a: (a.append(a), a)[1])([])",
    "rows of tensors": "[(x, x), (x,)]",
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_a_strange_value_costs_its_own_exercise_alone(grade, value):
    result = grade(notebook(HONEST | {"scale": f"def scale(x, factor):\n    return {value}"}), only=("scale", "words"))
    assert points(result) == {"scale": 0, "words": 30}
    assert not any(exercise.no_diagnosis for exercise in result.exercises)
    assert result.exercises[0].cases[0].message
    report.as_page(result)


def test_an_exercise_that_cannot_be_explained_or_shown_stops_no_other(grade, monkeypatch):
    def stumble(*args, **kwargs):
        raise OverflowError("int too large to convert to float")

    wrong = HONEST | {"scale": "def scale(x, factor):\n    return x"}
    with monkeypatch.context() as patched:
        patched.setattr("storyteller_course.grading.grade.diagnose", stumble)
        patched.setattr("storyteller_grading.judge.judge.known_mistakes", lambda *args: ["a known mistake"])
        result = grade(notebook(wrong), only=("scale", "words"))
    assert points(result) == {"scale": 0, "words": 30}
    said = "No known mistake could be looked for in scale (OverflowError: int too large to convert to float)."
    assert result.notes == [said]
    scale, words = result.exercises
    broken = dataclasses.replace(scale.cases[0], got=Unshowable())
    result = dataclasses.replace(result, exercises=[dataclasses.replace(scale, cases=[broken]), words])
    assert "The values cannot be shown here: ZeroDivisionError." in report.as_page(result)
    assert report.as_data(result)["exercises"][1]["earned"] == 30


class Unshowable(dict):
    """A value that no page can show."""

    def items(self):
        return 1 / 0


def test_a_sum_of_many_terms_is_read_as_any_other_answer(grade):
    many = (
        "def words(text):\n    zero = " + " + ".join(["0"] * 1500) + "\n    return {}\nlater = [word for word in zero]"
    )
    found = analyse(many)
    assert (found["binds"], found["error"]) == (["later", "words"], "")
    assert {"word", "zero"} <= set(found["uses"])
    right = HONEST["words"] + "\n\nzero = " + " + ".join(["0"] * 1500)
    assert points(grade(notebook({"words": right}), only=("words",))) == {"words": 30}


def test_the_time_of_a_whole_submission_is_the_students_own(grade, monkeypatch):
    """What was graded before it is over keeps its points; what comes later is told why it has none."""

    class Clock(SubmissionClock):
        left = property(lambda self: 1.0 - self.by_exercise["total"])  # on a busy machine too

    monkeypatch.setattr(judge, "SubmissionClock", Clock)
    slow = {"total": "import time\n\ndef total(x, factor):\n    time.sleep(1.1)\n    return (x * factor).sum()"}
    result = grade(notebook(HONEST | slow), only=("scale", "total", "words", "stream"))
    assert points(result) == {"scale": 20, "total": 0, "words": 0, "stream": 0}
    told = result.exercises[2].cases[0]
    assert told.kind == "spent"
    assert told.message.startswith(
        "The code of this notebook took 600 seconds, which is all that a submission may take."
    )
    (note,) = result.notes
    assert re.search(r"Most of it went to: `total` \d+ s", note)


def test_loading_cells_and_ending_processes_take_the_submissions_own_time(grade, monkeypatch):
    class Clock(SubmissionClock):
        left = property(lambda self: 2.0 - sum(self.by_cell.values()))

    monkeypatch.setattr(judge, "SubmissionClock", Clock)
    document = notebook({"scale": "import os\n\ndef scale(x, factor):\n    os._exit(0)"})
    document["cells"].insert(2, code("import time\ntime.sleep(1.1)", "slow"))
    result = grade(document, only=("scale", "words"))
    assert {case.kind for exercise in result.exercises for case in exercise.cases} == {"died", "spent"}
    assert "running cell 3 " in result.notes[0]


def test_a_fresh_worker_has_nothing_of_the_one_before(tmp_path):
    """What a check carries over as values is there; variables and files are not."""
    checks = """
import torch  # the course's recipes need it
from storyteller_course import Exercise, equal

count = Exercise("count", points=10, hints=("a", "b", "c"), limit=20.0)


@count.case("counts", points=10)
def counts(student, draw):
    for _ in range(8):  # more often than a worker that dies would be started
        equal(student.count(), [1, False, True])
        equal(student.count(), [2, True, True])
        folder = student.fresh(student.make("folder", {"a": b"b"}))
        equal(folder.method("files"), {"a": b"b"})
"""
    answer = (
        "from pathlib import Path\nimport os, tempfile\nseen = []\n\n"
        "def count():\n    seen.append(1)\n    place = Path(tempfile.gettempdir()) / 'left'\n"
        "    there = place.exists()\n    place.write_text('x')\n    return [len(seen), there, place.exists()]"
    )
    home = tmp_path / "09_fresh"
    write_checks(home, checks)
    document = notebook({"scale": answer})
    document["cells"] = [cell for cell in document["cells"] if cell["id"] in ("scale", "scale-check")]
    document = json.loads(json.dumps(document).replace("scale", "count"))
    write(home / "09_fresh.ipynb", document)
    result = graded(load_lesson(home), tmp_path, document, only=("count",))
    assert points(result) == {"count": 10}, result.exercises[0].cases[0].message
