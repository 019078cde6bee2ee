"""How processes are arranged, and what is refused before any is started."""

import pytest

from storyteller.config import preset
from storyteller.distributed.mesh import MeshShape, check_fits, choose_mesh
from storyteller.errors import StorytellerError
from storyteller_course.cli import main


def test_what_shard_and_expert_leave_is_replicate():
    assert choose_mesh(16, shard=2, expert=4) == MeshShape(replicate=2, shard=2, expert=4)
    assert choose_mesh(16, shard=2, expert=4).sharded == 8
    assert str(choose_mesh(4)) == "replicate 4"


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(StorytellerError, match="that 4 divides, and --processes is 6: give 4, or"):
        choose_mesh(6, shard=4)


def test_experts_that_cannot_be_split_are_refused():
    check_fits(MeshShape(expert=4), preset("tiny").model)
    with pytest.raises(StorytellerError, match="8 experts"):
        check_fits(MeshShape(expert=3), preset("tiny").model)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--processes", "2", "--shard", "3"], "and --processes is 2: give 3, or a multiple of it"),
        (["--shard", "2"], "and --processes is 1: give 2, or a multiple of it"),
        (["--processes", "3", "--expert", "3"], "multiple of 3"),
        (["--processes", "2", "--minutes", "1"], "--steps"),
        (["--processes", "2", "--timeout", "0"], "--timeout is 0; it must be a number of seconds above 0."),
    ],
)
def test_the_command_says_so_before_it_starts_anything(tmp_path, capsys, options, said):
    with pytest.raises(SystemExit) as stopped:
        main(["train", "tiny", "--out", str(tmp_path / "run"), *options])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "run").exists()
