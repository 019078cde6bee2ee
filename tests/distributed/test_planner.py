"""The plan of a run on several devices, and the page that shows it."""

import re
import shlex
from dataclasses import replace

import pytest

from repository import ROOT
from storyteller.config import preset
from storyteller.distributed.mesh import MeshShape
from storyteller.distributed.planner import Cluster, arrangements, plan_run
from storyteller.moe.cost_model import count_parameters, training_memory
from storyteller_course.cli import main

FULL = preset("full")


def test_one_device_needs_what_storyteller_info_says():
    plan, alone = plan_run(FULL, MeshShape()), training_memory(FULL.model, FULL.train)
    assert plan.memory == alone.total
    assert plan.sent == plan.messages == plan.transfer_s == 0


def test_shards_divide_the_states_and_bring_a_block_together():
    alone, divided = plan_run(FULL, MeshShape()), plan_run(FULL, MeshShape(shard=8))
    for kind in ("weights", "gradients", "optimizer"):
        assert getattr(divided, kind) == pytest.approx(getattr(alone, kind) / 8)
    assert 0 < divided.gathered < alone.weights


def test_passes_without_messages_between_them_keep_undivided_gradients():
    several = replace(FULL, train=replace(FULL.train, grad_accum_steps=16))
    one, two = plan_run(FULL, MeshShape(shard=8)), plan_run(several, MeshShape(shard=8))
    assert two.weights == one.weights
    assert two.gradients == pytest.approx(plan_run(FULL, MeshShape()).gradients)


def test_a_ring_of_copies_sends_twice_the_gradients_less_its_own_part():
    n_bytes = 4 * count_parameters(FULL.model).total
    assert plan_run(FULL, MeshShape(replicate=4)).sent == pytest.approx(2 * 3 / 4 * n_bytes)


def test_divided_weights_travel_three_times_and_their_own_part_never():
    """Together before the forward and the backward pass, and the gradients; the embedding stays together between."""
    parameters = count_parameters(FULL.model)
    rest = parameters.embedding + FULL.model.d_model
    wanted = 4 * 7 / 8 * (3 * (parameters.total - rest) + 2 * rest)
    assert plan_run(FULL, MeshShape(shard=8)).sent == pytest.approx(wanted)


def test_tokens_travel_to_their_experts_and_back_in_both_directions():
    plan = plan_run(FULL, MeshShape(expert=8))
    n_tokens = FULL.train.batch_size * FULL.model.max_seq_len
    rows = n_tokens * FULL.model.top_k * FULL.model.d_model * 4
    dense = count_parameters(FULL.model).total - count_parameters(FULL.model).feed_forward
    rest = count_parameters(FULL.model).embedding + FULL.model.d_model
    weights = 4 * 7 / 8 * (3 * (dense - rest) + 2 * rest)
    assert plan.sent == pytest.approx(weights + 4 * FULL.model.n_layers * rows * 7 / 8)


def test_messages_between_machines_take_longer():
    cluster = Cluster(devices=8, machines=4)
    inside = plan_run(FULL, MeshShape(replicate=4, shard=8), cluster)
    across = plan_run(FULL, MeshShape(shard=32), cluster)
    assert across.transfer_s > inside.transfer_s
    assert across.compute_s == inside.compute_s


@pytest.mark.parametrize("name", ["tiny", "full"])
@pytest.mark.parametrize(("devices", "machines"), [(1, 1), (2, 1), (8, 1), (8, 4), (3, 2), (16, 1)])
def test_every_arrangement_uses_every_device(name, devices, machines):
    cluster = Cluster(devices=devices, machines=machines)
    dense = replace(preset(name).model, n_experts=0)
    for model in (preset(name).model, dense):
        shapes = arrangements(cluster, model)
        assert len(set(shapes)) == len(shapes)
        assert all(shape.processes == devices * machines for shape in shapes)
        assert all(shape.expert == 1 or model.n_experts % shape.expert == 0 for shape in shapes)


def test_the_page_shows_what_the_command_prints(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    pages = re.findall(r"```\n\$ storyteller (info .+?)\n(.*?)```", text, re.DOTALL)
    assert len(pages) == 3
    for arguments, shown in pages:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(arguments))
        assert ended.value.code == 0
        assert capsys.readouterr().out.split() == shown.split()


def test_bad_memory_is_said_in_one_sentence(capsys):
    with pytest.raises(SystemExit):
        main(["info", "full", "--devices", "8", "--memory", "0"])
    assert "--memory is 0.0" in capsys.readouterr().err
