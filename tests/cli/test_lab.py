"""The commands `storyteller lab`, `reset` and `progress`, on a small course of their own."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lesson_files import write_checks
from storyteller.errors import StorytellerError
from storyteller.utils.openmp import SETTINGS
from storyteller_course import kernel
from storyteller_course.cli import lab as lab_command
from storyteller_course.cli import main
from storyteller_course.notebook import workspace

NAME = "01_small"
NOTEBOOK = f"{NAME}/{NAME}.ipynb"
UNTIL = "Jupyter runs until you press Ctrl-C here."


def cell(name: str, source: str, *, kind: str = "code", solution: bool = False, **more) -> dict:
    nbgrader = {"grade_id": name, "solution": solution, "grade": not solution, "schema_version": 3, "locked": False}
    found = {"cell_type": kind, "id": name, "metadata": {"nbgrader": nbgrader}, "source": source.splitlines(True)}
    return found | ({"outputs": [], "execution_count": None} if kind == "code" else {}) | more


def cells() -> list[dict]:
    return [
        cell("add", "def add(a, b):\n    # TODO 1: add\n    raise NotImplementedError", solution=True),
        cell("add-check", 'check("add")'),
        cell("why", "*Your answer*", kind="markdown", solution=True),
    ]


def write_notebook(file: Path, cells: list[dict]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    file.write_text(json.dumps(notebook), encoding="utf-8")


def read_cells(file: Path) -> list[dict]:
    return json.loads(file.read_text(encoding="utf-8"))["cells"]


def answer(file: Path, source: str) -> None:
    changed = read_cells(file)
    changed[0]["source"] = source
    write_notebook(file, changed)


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """The course's folder `lessons`, with one small lesson."""
    lessons = tmp_path / "course" / "lessons"
    write_notebook(lessons / NOTEBOOK, cells())
    write_notebook(lessons.parent / "solutions" / f"{NAME}.ipynb", [cell("add", "the answer", solution=True)])
    (lessons / NAME / "checks").mkdir()
    for name in ("lesson.md", "checks/add.py", "reference.py", ".hidden"):
        (lessons / NAME / name).write_text(f"# {name}\n", encoding="utf-8")
    monkeypatch.setattr(workspace, "course_lessons", lambda: workspace.lessons_in(lessons))
    return lessons


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """A student's folder that does not exist yet, and the commands stand beside it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my-lessons"


@pytest.fixture
def trusted() -> list[Path]:
    """The files that were offered for signing."""
    return []


@pytest.fixture
def started(monkeypatch, trusted) -> list[list[str]]:
    """Jupyter is not started; what it would have been started with comes here."""
    arguments: list[list[str]] = []

    class Server:
        @staticmethod
        def launch_instance(argv):
            arguments.append(argv)

    monkeypatch.setattr(lab_command, "jupyter", lambda which: Server)
    monkeypatch.setattr(kernel, "register", lambda: False)
    monkeypatch.setattr(lab_command, "set_environment", lambda environment: None)
    monkeypatch.setattr(lab_command, "keep_out_of_home", lambda environment, folder: False)
    monkeypatch.setattr(lab_command, "trust", trusted.extend)
    return arguments


def command(*arguments: str) -> int:
    """Run `storyteller ARGUMENTS`; returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def deliver(course: Path, work: Path, **options) -> workspace.Delivery:
    return workspace.deliver(workspace.lessons_in(course), work, **options)


def test_the_first_time_the_lessons_are_copied_without_what_only_the_builder_needs(course, work):
    delivery = deliver(course, work)
    names = sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file())
    given = [f"{NAME}/.course/reference.py", NOTEBOOK, f"{NAME}/checks/add.py", f"solutions/{NAME}.ipynb"]
    assert names == [".storyteller/copied.json", *given]
    assert sorted(delivery.new) == given
    assert deliver(course, work) == workspace.Delivery()


def test_answers_that_an_older_course_left_beside_the_notebook_go_out_of_sight(course, work, started, capsys):
    for name in ("reference.py", "answers/add.py"):
        (old := work / NAME / name).parent.mkdir(parents=True, exist_ok=True)
        (course / NAME / name).parent.mkdir(exist_ok=True)
        for file in (old, course / NAME / name):
            file.write_text("# an answer\n", encoding="utf-8")
    (work / NAME / "answers" / "__pycache__").mkdir()
    (work / NAME / "answers" / "__pycache__" / "add.pyc").write_bytes(b"")
    copied = {
        f"{NAME}/{name}": workspace.fingerprint(work / NAME / name) for name in ("reference.py", "answers/add.py")
    }
    (work / ".storyteller").mkdir()
    (work / ".storyteller" / "copied.json").write_text(json.dumps(copied), encoding="utf-8")
    assert command("lab") == 0
    in_sight = {path.name for path in (work / NAME).iterdir() if not path.name.startswith(".")}
    assert in_sight == {f"{NAME}.ipynb", "checks"}
    assert (work / NAME / ".course" / "answers" / "add.py").read_text(encoding="utf-8") == "# an answer\n"
    assert ".py" not in capsys.readouterr().out  # nothing of them is new
    assert deliver(course, work) == workspace.Delivery()


def test_an_update_never_overwrites_answers_and_says_so_until_the_new_notebook_was_taken(course, work):
    deliver(course, work)
    answer(work / NOTEBOOK, "mine")
    assert deliver(course, work) == workspace.Delivery()
    write_notebook(course / NOTEBOOK, [*cells(), cell("more", "new in the course")])
    for _ in range(2):
        assert deliver(course, work) == workspace.Delivery(waiting=[NOTEBOOK])
    beside = work / NAME / f"{NAME}-new.ipynb"
    assert deliver(course, work, beside=True).beside == {NOTEBOOK: beside}
    assert beside.read_bytes() == (course / NOTEBOOK).read_bytes()
    assert deliver(course, work) == workspace.Delivery()
    assert read_cells(work / NOTEBOOK)[0]["source"] == "mine"


def test_an_unknown_lesson_is_refused_before_anything_is_copied(course, work, started, capsys):
    for name in ("09", "02_none", "add"):
        assert command("lab", name) == 2
        assert f"There is no lesson '{name}'; the lessons are: {NAME}." in capsys.readouterr().err
    assert not work.exists()
    assert not started


def test_an_unknown_lesson_is_refused_with_each_lesson_named_once(course, work, started, capsys):
    deliver(course, work)
    write_notebook(work / "08_mine" / "08_mine.ipynb", cells())
    assert command("lab", "09") == 2
    assert f"There is no lesson '09'; the lessons are: {NAME}, 08_mine." in capsys.readouterr().err


def test_jupyter_may_run_as_root_where_it_is_told_so(course, work, started):
    command("lab", "--allow-root")
    command("lab")
    assert ["--allow-root" in arguments for arguments in started] == [True, False]


def test_a_second_new_notebook_does_not_overwrite_the_first(course, work):
    deliver(course, work)
    answer(work / NOTEBOOK, "mine")
    for text in ("one", "two"):
        write_notebook(course / NOTEBOOK, [*cells(), cell("more", text)])
        deliver(course, work, beside=True)
    texts = [read_cells(work / NAME / f"{NAME}{end}.ipynb")[-1]["source"] for end in ("-new", "-new-2")]
    assert texts == [["one"], ["two"]]


def test_a_notebook_that_was_only_run_is_brought_up_to_date(course, work):
    deliver(course, work)
    run = read_cells(work / NOTEBOOK)
    run[1] |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": "5"}]}
    write_notebook(work / NOTEBOOK, run)
    new = [*cells(), cell("more", "new in the course")]
    write_notebook(course / NOTEBOOK, new)
    assert deliver(course, work) == workspace.Delivery(updated=[NOTEBOOK])
    assert read_cells(work / NOTEBOOK) == new


def test_checks_are_brought_up_to_date_and_edited_ones_are_kept_aside(course, work):
    deliver(course, work)
    (work / NAME / ".course" / "reference.py").write_text("# my notes\n", encoding="utf-8")
    for name in ("checks/add.py", "reference.py"):
        (course / NAME / name).write_text("# better\n", encoding="utf-8")
    delivery = deliver(course, work)
    assert delivery.updated == [f"{NAME}/checks/add.py"]
    kept = work / NAME / "kept" / "reference.py"
    assert delivery.kept == {f"{NAME}/.course/reference.py": kept}
    assert kept.read_text(encoding="utf-8") == "# my notes\n"
    assert {(work / NAME / name).read_text(encoding="utf-8") for name in ("checks/add.py", ".course/reference.py")} == {
        "# better\n"
    }


def test_a_solution_is_the_courses_even_where_the_student_tried_things_in_it(course, work):
    deliver(course, work)
    name = f"solutions/{NAME}.ipynb"
    answer(work / name, "what if")
    write_notebook(course.parent / name, [cell("add", "a better answer", solution=True)])
    assert deliver(course, work) == workspace.Delivery(kept={name: work / "solutions" / "kept" / f"{NAME}.ipynb"})
    assert read_cells(work / name)[0]["source"] == ["a better answer"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "null"])
def test_losing_the_record_of_what_was_copied_loses_no_answer(course, work, damage):
    deliver(course, work)
    answer(work / NOTEBOOK, "mine")
    (work / ".storyteller" / "copied.json").write_text(damage, encoding="utf-8")
    assert deliver(course, work).waiting == [NOTEBOOK]
    assert read_cells(work / NOTEBOOK)[0]["source"] == "mine"


def test_a_damaged_notebook_of_the_student_is_left_alone(course, work):
    deliver(course, work)
    (work / NOTEBOOK).write_text("half a note", encoding="utf-8")
    assert deliver(course, work) == workspace.Delivery()
    assert (work / NOTEBOOK).read_text(encoding="utf-8") == "half a note"


@pytest.mark.parametrize("asked", ["1", "01", NAME])
def test_a_lesson_is_found_by_number_and_by_name(course, asked):
    assert workspace.find_lesson(workspace.lessons_in(course), asked).name == NAME


@pytest.mark.parametrize("asked", ["2", "", "small", "²", "../01_small"])
def test_a_lesson_that_is_not_there_is_answered_with_those_that_are(course, asked):
    with pytest.raises(StorytellerError, match=rf"the lessons are: {NAME}\."):
        workspace.find_lesson(workspace.lessons_in(course), asked)


def test_the_work_folder_is_the_one_we_stand_in_or_my_lessons_here(course, work):
    assert workspace.find_work() == work
    deliver(course, work)
    assert workspace.find_work(cwd=work / NAME) == work
    assert workspace.find_work(Path("other")) == work.parent / "other"


def test_a_file_or_the_course_itself_is_no_work_folder(course, work):
    (work.parent / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorytellerError, match="is a file"):
        workspace.find_work(Path("file"))
    for folder in (course, course.parent):
        with pytest.raises(StorytellerError, match="where the course keeps its own"):
            workspace.find_work(folder)


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(course, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorytellerError, match="name another folder with --work"):
        deliver(course, tmp_path / "file" / "work")


def test_without_the_course_the_way_to_it_is_named(tmp_path, monkeypatch):
    import storyteller

    monkeypatch.setattr(storyteller, "__file__", str(tmp_path / "site-packages" / "storyteller" / "__init__.py"))
    with pytest.raises(StorytellerError, match="clone the course's repository"):
        workspace.course_lessons()


def test_lab_opens_the_first_lesson_in_the_students_folder(course, work, started, capsys):
    assert command("lab", "--no-browser", "--port", "9999", "01", "--", "--allow-root") == 0
    assert capsys.readouterr().out == f"Your lessons are now in {work}.\n{UNTIL}\n"
    [argv] = started
    assert argv == [
        f"--ServerApp.root_dir={work}",
        "--ServerApp.open_browser=False",
        "--Application.log_level=ERROR",
        "--ServerApp.port=9999",
        f"--LabApp.default_url=/lab/tree/{NOTEBOOK}",
        "--allow-root",
    ]


@pytest.mark.parametrize("arguments", [["lab", "--notebook"], ["lab", "--notebook", "--", "--allow-root"]])
def test_classic_notebook_opens_the_same_page_in_its_own_way(course, work, started, arguments):
    assert command(*arguments) == 0
    assert f"--JupyterNotebookApp.default_url=/notebooks/{NOTEBOOK}" in started[0]
    assert "--ServerApp.open_browser=True" in started[0]


def test_the_lab_has_our_settings_below_the_users_own():
    environment = {"JUPYTER_CONFIG_PATH": "theirs"}
    lab_command.set_environment(environment)
    theirs, ours = environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert theirs == "theirs"
    assert environment["JUPYTER_PREFER_ENV_PATH"] == "1"
    for file in ("labconfig/page_config.json", "jupyter_server_config.json", "nbgrader_config.json"):
        assert json.loads((Path(ours) / file).read_text(encoding="utf-8"))


def test_a_home_that_may_not_be_written_to_is_left_alone(tmp_path):
    """On a real read-only file system, for to root a folder without the right to write is no hindrance."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    (home := tmp_path / "home").mkdir()
    read_only = ["bwrap", "--bind", "/", "/", "--dev", "/dev", "--ro-bind", str(home), str(home)]
    code = (
        "import os, sys; from pathlib import Path; from storyteller_course.cli.lab import keep_out_of_home, trust\n"
        "print(keep_out_of_home(os.environ, Path(sys.argv[1])))\n"
        "import matplotlib, IPython.paths, jupyter_core.paths as paths\n"
        "print(paths.jupyter_data_dir(), paths.jupyter_config_dir(), paths.jupyter_runtime_dir(), "
        "IPython.paths.get_ipython_dir(), matplotlib.get_configdir(), sep='\\n')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mine")]
    names = ("JUPYTER", "IPYTHON", "MPL", "XDG")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    for prefix, needed in ((read_only, "True"), ([], "False")):
        run = subprocess.run(
            [*prefix, *command], env=environment | {"HOME": str(home)}, capture_output=True, text=True, timeout=600
        )
        if run.returncode and "bwrap" in run.stderr:
            pytest.skip(f"no sandbox here: {run.stderr.strip()}")
        said, *folders = run.stdout.split()
        assert said == needed, run.stderr
        assert len(folders) == 5
        assert {folder.startswith(str(tmp_path / "mine" / ".jupyter")) for folder in folders} == {needed == "True"}
    assert run.stderr == ""


def test_what_comes_from_the_course_is_trusted_and_what_the_student_has_is_not(course, work, started, trusted):
    assert command("lab") == 0
    solution = work / "solutions" / f"{NAME}.ipynb"
    assert {file for file in trusted if file.suffix == ".ipynb"} == {work / NOTEBOOK, solution}
    trusted.clear()
    answer(work / NOTEBOOK, "mine")
    write_notebook(course / NOTEBOOK, [*cells(), cell("more", "new in the course")])
    assert command("lab") == 0
    assert trusted == []
    assert command("lab", "--beside") == 0
    assert trusted == [work / NAME / f"{NAME}-new.ipynb"]


def test_a_trusted_notebook_has_a_signature_that_jupyter_knows(course, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    lab_command.trust([course / NOTEBOOK, course / NAME / "checks" / "add.py"])
    notary = importlib.import_module("nbformat.sign").NotebookNotary()
    assert notary.check_signature(nbformat.read(course / NOTEBOOK, as_version=4))
    assert not notary.check_signature(nbformat.read(course.parent / "solutions" / f"{NAME}.ipynb", as_version=4))
    notary.store.close()


def test_lab_says_what_an_update_did(course, work, started, capsys):
    assert command("lab") == 0
    answer(work / NOTEBOOK, "mine")
    write_notebook(course / NOTEBOOK, [*cells(), cell("more", "new in the course")])
    (course / NAME / "checks" / "add.py").write_text("# better\n", encoding="utf-8")
    (course / NAME / "map.txt").write_text("x", encoding="utf-8")
    capsys.readouterr()
    assert command("lab") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Your lessons are in {work}.",
        f"New: {NAME}/map.txt.",
        f"Brought up to date with the course: {NAME}/checks/add.py.",
        f"The course has a newer {NOTEBOOK}. Yours, with your work in it, is left as it is.",
        "To get the newer one beside it: storyteller lab --beside",
        UNTIL,
    ]
    assert command("lab", "--beside") == 0
    assert f"The course's newer {NOTEBOOK} is beside yours as {NAME}-new.ipynb." in capsys.readouterr().out


def test_lab_opens_a_class_release_without_the_course(course, work, started, monkeypatch, capsys):
    def no_course():
        raise StorytellerError("no course")

    monkeypatch.setattr(workspace, "course_lessons", no_course)
    assert command("lab") == 2
    assert "no course" in capsys.readouterr().err
    write_notebook(work / NOTEBOOK, cells())
    assert command("lab") == 0
    assert len(started) == 1


def test_a_class_release_is_opened_where_one_stands_and_as_it_is(course, tmp_path, started, monkeypatch, capsys):
    release = tmp_path / "class"
    write_notebook(release / NOTEBOOK, cells())
    (release / NAME / "mistakes.zip").write_bytes(b"")
    for here in (release, release / NAME):
        monkeypatch.chdir(here)
        assert command("lab") == 0
        assert f"--ServerApp.root_dir={release}" in started[-1]
    assert sorted(path.name for path in (release / NAME).iterdir()) == [f"{NAME}.ipynb", "mistakes.zip"]
    assert command("reset", "01", "add") == 2
    assert "copy the cell of add from there" in capsys.readouterr().err


def test_lab_without_jupyter_names_the_extra(course, work, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    assert command("lab") == 2
    assert '-e ".[lessons]"' in capsys.readouterr().err
    assert not work.exists()


def test_reset_brings_back_one_cell_and_keeps_what_was_there(course, work, capsys):
    deliver(course, work)
    for number, text in enumerate(["first", "second"], 1):
        answer(work / NOTEBOOK, text)
        assert command("reset", "01", "add") == 0
        kept = work / NAME / "kept" / ("add.py" if number == 1 else "add-2.py")
        assert kept.read_text(encoding="utf-8") == f"{text}\n"
        assert str(kept) in capsys.readouterr().out
        assert read_cells(work / NOTEBOOK) == cells()


def test_reset_of_an_untouched_cell_changes_nothing(course, work, capsys):
    deliver(course, work)
    before = (work / NOTEBOOK).read_bytes()
    assert command("reset", "1", "add") == 0
    assert "already" in capsys.readouterr().out
    assert (work / NOTEBOOK).read_bytes() == before
    assert not (work / NAME / "kept").exists()


def test_reset_of_a_written_answer_keeps_it_as_text(course, work):
    deliver(course, work)
    changed = cells()
    changed[2]["source"] = "Because."
    write_notebook(work / NOTEBOOK, changed)
    assert command("reset", "01", "why") == 0
    assert (work / NAME / "kept" / "why.md").read_text(encoding="utf-8") == "Because.\n"
    assert read_cells(work / NOTEBOOK) == cells()


def test_reset_puts_a_deleted_cell_before_its_check(course, work):
    deliver(course, work)
    write_notebook(work / NOTEBOOK, cells()[1:])
    assert command("reset", "01", "add") == 0
    assert read_cells(work / NOTEBOOK) == cells()


def test_reset_finds_a_cell_that_lost_its_metadata_or_its_type(course, work):
    deliver(course, work)
    changed = cells()
    changed[0] = {"cell_type": "raw", "id": "add", "metadata": {}, "source": "mine"}
    write_notebook(work / NOTEBOOK, changed)
    assert command("reset", "01", "add") == 0
    assert read_cells(work / NOTEBOOK) == cells()


def test_reset_finds_a_cell_where_colab_kept_neither_ids_nor_metadata(course, work):
    deliver(course, work)
    scratch = {"cell_type": "code", "metadata": {"id": "x9"}, "source": "def add(a, b): return 0  # a first try"}
    mine = {"cell_type": "code", "metadata": {"id": "y9"}, "source": ["def add(a, b):\n", "    return a + b"]}
    check = {"cell_type": "code", "metadata": {"id": "z9"}, "source": ['check("add")']}
    after = {"cell_type": "code", "metadata": {}, "source": "def add(a, b): return 7"}
    write_notebook(work / NOTEBOOK, [scratch, mine, check, after])
    assert command("reset", "01", "add") == 0
    found = read_cells(work / NOTEBOOK)
    assert (found[0], found[2], found[3]) == (scratch, check, after)
    assert found[1] == cells()[0]
    assert (work / NAME / "kept" / "add.py").read_text(encoding="utf-8") == "def add(a, b):\n    return a + b\n"


def test_reset_puts_a_deleted_cell_before_its_check_where_that_has_no_name_either(course, work):
    deliver(course, work)
    check = {"cell_type": "code", "metadata": {}, "source": "check('add')"}
    write_notebook(work / NOTEBOOK, [check])
    assert command("reset", "01", "add") == 0
    assert read_cells(work / NOTEBOOK) == [cells()[0], check]


@pytest.mark.parametrize("metadata", [None, [], {"nbgrader": None}, {"nbgrader": 3}])
def test_reset_reads_cells_whose_metadata_is_no_metadata(course, work, metadata):
    deliver(course, work)
    strange = {"cell_type": "markdown", "metadata": metadata, "source": None}
    mine = cells()[0] | {"metadata": metadata, "source": "mine"}
    write_notebook(work / NOTEBOOK, [strange, mine])
    assert command("reset", "01", "add") == 0
    assert read_cells(work / NOTEBOOK) == [strange, cells()[0]]


def test_reset_keeps_half_a_character_as_it_was(course, work):
    deliver(course, work)
    changed = [*cells(), cell("more", "print('\ud83d')")]
    changed[0]["source"] = "half = '\udc00'"
    (work / NOTEBOOK).write_text(json.dumps({"cells": changed, "nbformat": 4}), encoding="utf-8")  # escaped
    assert command("reset", "01", "add") == 0
    assert read_cells(work / NOTEBOOK) == [*cells(), cell("more", "print('\ud83d')")]
    assert (work / NAME / "kept" / "add.py").read_text(encoding="utf-8") == "half = '\\udc00'\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["01", "subtract"], "no exercise 'subtract'; its exercises are: add, why"),
        (["01", "add-check"], "no exercise 'add-check'"),
        (["07", "add"], "no lesson '07'; the lessons are: 01_small"),
    ],
)
def test_reset_names_what_there_is(course, work, capsys, arguments, words):
    deliver(course, work)
    assert command("reset", *arguments) == 2
    assert words in capsys.readouterr().err


def test_reset_without_a_copy_of_the_lesson_says_how_to_get_one(course, work, capsys):
    assert command("reset", "01", "add") == 2
    assert "storyteller lab 01 puts it there" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": [3]}'])
def test_reset_of_a_damaged_notebook_says_so(course, work, capsys, text):
    deliver(course, work)
    (work / NOTEBOOK).write_text(text, encoding="utf-8")
    assert command("reset", "01", "add") == 2
    assert "is damaged" in capsys.readouterr().err


def test_reset_where_cell_and_check_are_gone_says_so(course, work, capsys):
    deliver(course, work)
    write_notebook(work / NOTEBOOK, cells()[2:])
    assert command("reset", "01", "add") == 2
    assert "neither the cell of add nor its check" in capsys.readouterr().err


def test_the_kernel_is_registered_with_this_environment_and_sets_how_threads_wait(tmp_path, monkeypatch):
    pytest.importorskip("ipykernel")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert "no kernel named storyteller" in kernel.complaint([kernel.home()])
    assert kernel.register() is True
    assert kernel.complaint([kernel.home()]) == ""
    assert kernel.register() is False
    found = json.loads((tmp_path / "share/jupyter/kernels/storyteller/kernel.json").read_text(encoding="utf-8"))
    assert found["display_name"] == "Storyteller"
    assert found["argv"][0] == sys.executable
    assert found["env"] == SETTINGS
    assert "PYTHONSAFEPATH" not in found["env"]


@pytest.mark.parametrize("text", ["{", "[]", '{"argv": []}', '{"argv": ["other/python"]}'])
def test_a_damaged_kernel_is_registered_again(tmp_path, monkeypatch, text):
    pytest.importorskip("ipykernel")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    kernel.register()
    (kernel.home() / "storyteller" / "kernel.json").write_text(text, encoding="utf-8")
    assert kernel.register() is True
    assert kernel.complaint([kernel.home()]) == ""


def test_finding_and_registering_the_kernel_needs_no_torch():
    script = (
        "import sys, storyteller_course.kernel, storyteller_course.notebook.workspace; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


CHECKS = """
from storyteller_course import Exercise, equal

add = Exercise("add", points=8, stars=2, hints=("a", "b", "c"))


@add.case("adds", points=8)
def adds(student, draw):
    equal(student.add(1, 2), 3, "the sum")


double = Exercise("double", points=4, stars=1, hints=("a", "b", "c"), bonus=True)


@double.case("doubles", points=4)
def doubles(student, draw):
    equal(student.double(2), 4, "the double")


halve = Exercise("halve", points=2, stars=1, hints=("a", "b", "c"))


@halve.case("halves", points=2)
def halves(student, draw):
    equal(student.halve(2), 1, "the half")
"""


@pytest.fixture
def recorded(course, work):
    """A student's folder with checks that can be loaded; records what came of a check."""
    from storyteller_course import load_lesson
    from storyteller_course.notebook.progress_store import ProgressStore

    write_checks(course / NAME, CHECKS)
    (course / NAME / "reference.py").unlink()
    deliver(course, work)
    folder = work / NAME

    def record(exercise: str, earned: int, *, solved: bool) -> None:
        ProgressStore.find(folder).record(load_lesson(folder), exercise, earned=earned, solved=solved)

    return record


def test_progress_shows_points_what_is_solved_and_what_comes_next(recorded, capsys):
    assert command("progress") == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert (first, last) == (f"{NAME}: 0 of 10 points", "Next: `add`.")
    recorded("add", 8, solved=True)
    recorded("halve", 1, solved=False)
    recorded("double", 4, solved=True)
    assert command("progress", "01") == 0
    assert [" ".join(row.split()) for row in capsys.readouterr().out.splitlines()[1:]] == [
        "solved add ** 8 of 8",
        "solved double * 4 of 4 bonus",
        "begun halve * 1 of 2",
        "Next: `halve`.",
    ]
    recorded("halve", 2, solved=True)
    assert command("progress") == 0
    assert capsys.readouterr().out.endswith("All checks pass.\n")


def test_an_exercise_that_was_reset_is_not_solved_any_more(recorded, work, capsys):
    recorded("add", 8, solved=True)
    recorded("halve", 2, solved=True)
    answer(work / NOTEBOOK, "mine")
    assert command("reset", "01", "add") == 0
    assert command("progress") == 0
    assert "2 of 10 points" in capsys.readouterr().out


def test_progress_survives_the_loss_of_its_file(recorded, work, capsys):
    recorded("add", 8, solved=True)
    (work / ".storyteller" / "progress.json").write_text("{", encoding="utf-8")
    assert command("progress") == 0
    assert "0 of 10 points" in capsys.readouterr().out


def test_progress_without_lessons_says_how_to_get_them(work, capsys):
    assert command("progress") == 2
    assert "storyteller lab puts them there" in capsys.readouterr().err
