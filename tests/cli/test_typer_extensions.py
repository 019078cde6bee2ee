"""What our commands add to typer: options with several values."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from storyteller.cli.typer_extensions import ManyValues, repeat_flags, run_app

WORDS = st.text("abc", min_size=1, max_size=3)


def app():
    made = typer.Typer()

    @made.command(cls=ManyValues)
    def show(names: list[str] = typer.Option(["none"]), out: str = "x", loud: bool = False) -> None:  # noqa: B008
        print(names, out, loud)

    return made


def said(*arguments):
    result = CliRunner().invoke(app(), list(arguments))
    return result.output.strip()


def test_one_flag_takes_several_values():
    assert said("--names", "a", "b", "--out", "y") == "['a', 'b'] y False"
    assert said("--out", "y", "--loud", "--names", "a", "b") == "['a', 'b'] y True"


def test_the_flag_may_also_be_repeated_or_joined():
    assert said("--names", "a", "--names", "b") == "['a', 'b'] x False"
    assert said("--names=a", "--names", "b", "c") == "['a', 'b', 'c'] x False"
    assert said() == "['none'] x False"


def test_a_stray_value_is_still_an_error():
    assert "unexpected extra argument" in said("--out", "y", "z").lower()


@given(st.lists(st.tuples(st.sampled_from(["--many", "--one"]), st.lists(WORDS, min_size=1, max_size=3)), max_size=4))
def test_every_value_stands_behind_its_own_flag(groups):
    arguments = [word for flag, values in groups for word in (flag, *values)]
    wanted = []
    for flag, values in groups:
        wanted += [word for value in values for word in (flag, value)] if flag == "--many" else [flag, *values]
    assert repeat_flags(arguments, ["--many"]) == wanted


def running(error):
    """An app whose only command raises this."""
    made = typer.Typer(pretty_exceptions_enable=False)

    @made.command()
    def fail():
        raise error

    return made


def test_a_place_that_may_not_be_used_is_one_sentence_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stopped:
        run_app(running(PermissionError(13, "Permission denied", "/mine/run")), [], name="storyteller")
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith("storyteller: /mine/run cannot be used (Permission denied); name another place")
    assert said.count("\n") == 1


def test_a_fault_of_the_program_is_no_sentence():
    with pytest.raises(OSError, match="a pipe broke"):
        run_app(running(OSError("a pipe broke")), [], name="storyteller")
