"""What a run was before, kept beside it."""

from dataclasses import replace

import pytest

from storyteller.errors import StorytellerError
from storyteller.runs.provenance import Stage, read_stages, write_stages
from storyteller.runs.run_config import resolve_run
from tiny_training import PLAN

STAGE = Stage(
    command="reinforce", base="tiny", base_step=6, base_tokens=900, how="reinforced", settings={"openings": [""]}
)


def test_stages_come_back_as_they_were_written(tmp_path):
    assert read_stages(tmp_path) == ()
    stages = (STAGE, replace(STAGE, base="tiny-reinforced", finished=True))
    write_stages(tmp_path, stages)
    assert read_stages(tmp_path) == stages


@pytest.mark.parametrize("content", ["{", "5", "null", '{"a": 1}', "[1]", '[{"command": "reinforce"}]', "[[]]"])
def test_a_damaged_file_is_said_in_one_sentence(tmp_path, content):
    (tmp_path / "provenance.json").write_text(content)
    with pytest.raises(StorytellerError, match=r"provenance\.json .*choose another folder"):
        read_stages(tmp_path)


def test_a_value_of_the_wrong_kind_is_damage(tmp_path):
    write_stages(tmp_path, [STAGE])
    file = tmp_path / "provenance.json"
    file.write_text(file.read_text().replace("900", '"many"'))
    with pytest.raises(StorytellerError, match="is damaged"):
        read_stages(tmp_path)


def test_plain_training_does_not_go_on_in_such_a_folder(tmp_path):
    write_stages(tmp_path, [STAGE])
    with pytest.raises(StorytellerError, match="storyteller reinforce made from tiny"):
        resolve_run(PLAN, tmp_path)
